"""Arguments that many fields share, described once so that each has one description everywhere."""

from dataclasses import dataclass
from typing import Annotated, Any

import strawberry
from graphql import GraphQLField

ROWS, SNAPSHOTS, POSITIONS = 50, 20, 100
"""On a page of most lists, and of these two, if the request names no number."""
_ROWS = "rows"


def _first(rows: int) -> Any:
    return strawberry.argument(
        description="The number of rows to return, the first ones: 1 to 100, unless the "
        f"desk sets another limit (`GATEWAY_PAGE_SIZE_MAX`). Omitted: {rows}, unless `last` is sent.",
        metadata={_ROWS: rows},
    )


First = Annotated[int | None, _first(ROWS)]
FirstSnapshots = Annotated[int | None, _first(SNAPSHOTS)]
FirstPositions = Annotated[int | None, _first(POSITIONS)]
After = Annotated[
    str | None,
    strawberry.argument(
        description="The cursor of the row to continue after, from `pageInfo.endCursor` of the same list, "
        "filter and order; any other is refused with CURSOR_INVALID. Omitted: start with the first row."
    ),
]
Last = Annotated[
    int | None,
    strawberry.argument(
        description="In place of `first`: the number of rows to return, the last ones, in the order of the "
        "list. Both together are refused with BAD_USER_INPUT."
    ),
]
Before = Annotated[
    str | None,
    strawberry.argument(
        description="The cursor of the row to end before, from `pageInfo.startCursor` of the same list, "
        "filter and order; any other is refused with CURSOR_INVALID. Omitted: end with the last row."
    ),
]


@dataclass(frozen=True, slots=True)
class PageArguments:
    """Which page of a list a request asks for, as it was sent; `rows`: how many if it names no number."""

    first: int | None = None
    after: str | None = None
    last: int | None = None
    before: str | None = None
    rows: int = ROWS


def rows_by_default(field: GraphQLField) -> int | None:
    """The rows of a page if a request names no number; None: the field has no pages."""
    first = field.args.get("first")
    return None if first is None else first.extensions["strawberry-definition"].metadata[_ROWS]


GlobalId = Annotated[
    strawberry.ID, strawberry.argument(description="The global id of the object, as any answer returns it.")
]

INPUT = strawberry.argument(description="The input of the operation, described at its type.")
"""Describes the single argument of a command or computation; the input type describes the rest."""
