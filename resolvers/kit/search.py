"""What a filter may say: parts of texts, and values of which there are few."""

from collections.abc import Sequence
from typing import TypeVar

from resolvers.kit.errors import BAD_USER_INPUT, ApiError

SEARCH_CHARACTERS_MAX = 200
"""Nothing that is searched is longer; a pattern of tens of thousands is more than SQLite takes."""

T = TypeVar("T")


def search_of(text: str | None) -> str | None:
    """What to search for; raises ApiError."""
    if text is not None and len(text) > SEARCH_CHARACTERS_MAX:
        raise ApiError(BAD_USER_INPUT, f"search must be at most {SEARCH_CHARACTERS_MAX} characters.")
    return text


def each_once(values: Sequence[T] | None) -> tuple[T, ...] | None:
    """Values of an enum: one that is said ten thousand times is looked at once."""
    return None if values is None else tuple(dict.fromkeys(values))
