"""Arguments that many fields have, described once, so that the same thing is called the same everywhere."""

from typing import Annotated

import strawberry

First = Annotated[int, strawberry.argument(description="How many rows: 1 to 100.")]
After = Annotated[str | None, strawberry.argument(description="A cursor: what follows it.")]
GlobalId = Annotated[strawberry.ID, strawberry.argument(description="As any answer gives it.")]

INPUT = strawberry.argument(description="What is wanted.")
"""Of the one argument that a command or a computation takes: its type says the rest."""
