"""Arguments that many fields share, described once so that each has one description everywhere."""

from typing import Annotated

import strawberry

First = Annotated[int, strawberry.argument(description="The number of rows to return, 1 to 100.")]
After = Annotated[
    str | None,
    strawberry.argument(
        description="The cursor to continue behind, from `pageInfo.endCursor`. Null: start with the first "
        "row."
    ),
]
GlobalId = Annotated[
    strawberry.ID, strawberry.argument(description="The global id of the object, as any answer returns it.")
]

INPUT = strawberry.argument(description="The input of the operation. Its type describes each field.")
"""Describes the single argument of a command or computation; the input type describes the rest."""
