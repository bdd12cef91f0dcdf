"""Suggestions for misspelled names."""

from collections.abc import Iterable
from difflib import get_close_matches


def with_hint(name: str, known: Iterable[str]) -> str:
    """The name, with the most similar known name if there is one."""
    close = get_close_matches(name.strip().upper(), sorted(known), n=1)
    return f"{name} (did you mean {close[0]}?)" if close else name
