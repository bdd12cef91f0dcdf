"""Checks and normalisation of filter values: search texts and lists of enum values."""

from collections.abc import Sequence
from typing import TypeVar

from resolvers.kit.errors import BAD_USER_INPUT, ApiError

SEARCH_CHARACTERS_MAX = 200
"""The longest search text: SQLite accepts no pattern of tens of thousands of characters."""

T = TypeVar("T")


def search_of(text: str | None) -> str | None:
    """The search text in normalised form; raises ApiError if it is too long."""
    if text is not None and len(text) > SEARCH_CHARACTERS_MAX:
        raise ApiError(BAD_USER_INPUT, f"search must be at most {SEARCH_CHARACTERS_MAX} characters.")
    return text


def unique(values: Sequence[T] | None) -> tuple[T, ...] | None:
    """The distinct values: a value that is repeated ten thousand times is looked up once."""
    return None if values is None else tuple(dict.fromkeys(values))
