"""Incoming JSON of feeds, files and requests: a field that occurs twice in one object is refused.

JSON parsers differ in which of the two they keep, so one of them would be lost silently.
"""

import json

_NAME_SHOWN = 40


class NotJson(ValueError):
    """The text is not JSON, or ambiguous; the message says why."""


def refuse_repeated_fields(text: str | bytes) -> None:
    """Check text that a strict parser accepted as JSON; raises `NotJson`."""
    try:
        json.loads(text, object_pairs_hook=_unique, parse_int=str, parse_float=str)
    except RecursionError:
        raise NotJson("not JSON: nested too deeply") from None


def _unique(pairs: list[tuple[str, object]]) -> None:
    names = {name for name, _ in pairs}
    if len(names) == len(pairs):
        return
    for name, _ in pairs:
        if name not in names:
            raise NotJson(f"the field {name[:_NAME_SHOWN]!a} occurs twice in one object")
        names.remove(name)
