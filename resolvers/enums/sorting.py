"""How lists are sorted."""

from enum import StrEnum

from domain.case_filter import CaseOrderField
from resolvers.enums.descriptions import Descriptions


class OrderDirection(StrEnum):
    """The direction of a sort."""

    ASC = "ASC"
    DESC = "DESC"


DESCRIPTIONS: Descriptions = {
    CaseOrderField: (
        "The field by which cases are sorted. Ties are sorted by id.",
        {
            "OPENED_AT": "The time at which the case was opened.",
            "DEADLINE": "The deadline of the case.",
            "AMOUNT": (
                "The reportingAmount of the case; cases without one come last. If the amount changes while "
                "you read pages, a case may appear twice or not at all."
            ),
        },
    ),
    OrderDirection: (
        "The direction of a sort.",
        {"ASC": "Ascending, smallest or earliest first.", "DESC": "Descending, largest or latest first."},
    ),
}
