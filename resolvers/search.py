"""Searching by a part of a text."""

from resolvers.errors import BAD_USER_INPUT, ApiError

SEARCH_CHARACTERS_MAX = 200
"""Nothing that is searched is longer; a pattern of tens of thousands is more than SQLite takes."""


def search_of(text: str | None) -> str | None:
    """What to search for; raises ApiError."""
    if text is not None and len(text) > SEARCH_CHARACTERS_MAX:
        raise ApiError(BAD_USER_INPUT, f"search must be at most {SEARCH_CHARACTERS_MAX} characters.")
    return text
