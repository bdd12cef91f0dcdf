"""How lists are sorted."""

from enum import StrEnum

from resolvers.enums.descriptions import Descriptions


class CaseOrderField(StrEnum):
    """The fields by which cases can be sorted."""

    OPENED_AT = "opened_at"
    DEADLINE = "deadline"
    AMOUNT = "amount"


class OrderDirection(StrEnum):
    """The direction of a sort."""

    ASC = "ASC"
    DESC = "DESC"


DESCRIPTIONS: Descriptions = {
    CaseOrderField: (
        "The field by which cases are sorted. Ties are sorted by id.",
        {
            "OPENED_AT": "The time when the case was opened.",
            "DEADLINE": "The deadline of the case.",
            "AMOUNT": (
                "The reportingAmount; cases without one come last. A case whose amount changes between two "
                "pages may move."
            ),
        },
    ),
    OrderDirection: (
        "The direction of a sort.",
        {"ASC": "Ascending, smallest or earliest first.", "DESC": "Descending, largest or latest first."},
    ),
}
