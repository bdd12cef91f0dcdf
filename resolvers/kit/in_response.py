"""Objects that are complete already: the executor puts them into the response as they are."""

from typing import Any


class InResponse(dict[str, Any]):
    """One object."""


class ObjectsInResponse(list[dict[str, Any]]):
    """All items of a list; none of them is null."""
