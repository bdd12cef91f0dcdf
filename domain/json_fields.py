"""JSON that came in, from feeds, files and requests: a field that is there twice in one object is refused.

Readers of JSON differ in which of the two counts, so one of them would be lost without a word.
"""

import json

_NAME_SHOWN = 40


class NotJson(ValueError):
    """The text is no JSON, or not clear; the message says why."""


def refuse_repeated_fields(text: str | bytes) -> None:
    """Of text that a strict reader took for JSON; raises `NotJson`."""
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
            raise NotJson(f"the field {name[:_NAME_SHOWN]!a} is there twice in one object")
        names.remove(name)
