"""Arguments that many fields share, described once so that each has one description everywhere."""

from typing import Annotated

import strawberry

First = Annotated[
    int,
    strawberry.argument(
        description="The number of rows to return: 1 to 100, unless the "
        "desk sets another limit (`GATEWAY_PAGE_SIZE_MAX`)."
    ),
]
After = Annotated[
    str | None,
    strawberry.argument(
        description="The cursor of the row to continue after, from `pageInfo.endCursor` of the same list, "
        "filter and order; any other is refused with CURSOR_INVALID. Omitted: start with the first row."
    ),
]
GlobalId = Annotated[
    strawberry.ID, strawberry.argument(description="The global id of the object, as any answer returns it.")
]

INPUT = strawberry.argument(description="The input of the operation, described at its type.")
"""Describes the single argument of a command or computation; the input type describes the rest."""
