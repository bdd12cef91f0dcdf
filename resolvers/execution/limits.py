"""The limits of a document, one table for every transport: what is limited, the code and the error.

`docs/api.md#limits` lists the same rows; a guard compares the two.
"""

from dataclasses import dataclass
from enum import Enum

from graphql import GraphQLError, Node

from resolvers.kit.errors import INVALID_DOCUMENT, QUERY_TOO_EXPENSIVE

NUMBER_CHARACTERS_MAX = 100
NAME_CHARACTERS_MAX = 100
OVER_THE_BOOK = frozenset({"bookWhatIf"})
"""Root fields that compute over the whole book."""
ONCE_PER_OPERATION = OVER_THE_BOOK | {"liquidationPreviews"}
"""Root fields that compute much: of each an operation has one."""
FIELDS_MAX = 5_000
"""The largest number of selections in a document; those of a fragment count wherever it is spread."""
_ONCE = "Request each field once."
_FEWER = "request fewer rows (first) or fewer fields."


@dataclass(frozen=True, slots=True)
class DocumentLimits:
    """The values of the limits that are settings; the others are constants of this module."""

    depth: int
    tokens: int
    aliases: int
    equal_fields: int
    """Fields with the same name in one object of the response; every occurrence in the document counts."""
    spreads: int
    """Spreads of fragments in the whole document."""
    input_fields: int
    """Fields of the input objects and items of the lists in the variables, counted at each place that uses
    them; omitted fields count too.
    """
    root_fields: int
    cost: int
    event_cost: int
    """The cost of a subscription, which is paid for each event, and for each row of a snapshot."""
    rows: int
    """The largest page, for the computation of the cost."""


class Limit(Enum):
    """The error of an exceeded limit: its code and its text."""

    TOKENS = (INVALID_DOCUMENT, "Document contains more than {most} tokens.")
    """The parser counts, and stops there with its own error of the same text."""
    NAME = (INVALID_DOCUMENT, "A name has {number} characters, more than {most}.")
    NUMBER = (INVALID_DOCUMENT, "A number has {number} characters, more than {most}.")
    DEPTH = (INVALID_DOCUMENT, "Fields may be nested at most {most} levels deep.")
    ALIASES = (INVALID_DOCUMENT, "The document has {number} aliases, more than {most}.")
    FIELDS = (
        QUERY_TOO_EXPENSIVE,
        f"The document selects more than {{most}} fields, counted with its fragments. {_ONCE}",
    )
    EQUAL_FIELDS = (
        QUERY_TOO_EXPENSIVE,
        f"The field {{name}} is repeated {{number}} times in one object, more than {{most}}. {_ONCE}",
    )
    SPREADS = (
        QUERY_TOO_EXPENSIVE,
        "The document spreads fragments {number} times, more than {most}. Write the fields of small "
        "fragments where they are used.",
    )
    INPUT_FIELDS = (
        QUERY_TOO_EXPENSIVE,
        "The variables have more than {most:,} fields and items, omitted fields included, counted at each "
        "place that uses them. Send fewer items.",
    )
    ROOT_FIELDS = (
        QUERY_TOO_EXPENSIVE,
        f"An operation has {{number}} root fields, more than {{most}}. {_ONCE}",
    )
    ONCE = (
        QUERY_TOO_EXPENSIVE,
        "An operation has {name} {number} times, more than {most}: send one request for each.",
    )
    COST = (QUERY_TOO_EXPENSIVE, f"The answer could have {{number:,}} fields, more than {{most:,}}: {_FEWER}")

    def __init__(self, code: str, text: str) -> None:
        self.code = code
        self._text = text

    def exceeded(self, most: int, number: int = 0, name: str = "", at: Node | None = None) -> GraphQLError:
        """The error of a document that exceeds it."""
        message = self._text.format(most=most, number=number, name=name[:NAME_CHARACTERS_MAX])
        return GraphQLError(message, at, extensions={"code": self.code})
