"""Reads JSON that came in. A field that is there twice in one object is refused: readers of JSON differ in
which of the two counts, so one of them would be lost without a word."""

import json

import orjson


class NotJson(ValueError):
    """The text is no JSON, or not clear; the message says why."""


def parse_json(data: bytes) -> object:
    """The value; raises `NotJson`."""
    try:
        value: object = orjson.loads(data)
        # It alone sees repeated names. It is the more lenient of the two, so it goes second.
        json.loads(data, object_pairs_hook=_unique, parse_int=str, parse_float=str)
    except orjson.JSONDecodeError as error:
        raise NotJson(f"not JSON: {error}") from None
    except RecursionError:
        raise NotJson("not JSON: nested too deeply") from None
    return value


def _unique(pairs: list[tuple[str, object]]) -> None:
    names = {name for name, _ in pairs}
    if len(names) == len(pairs):
        return
    for name, _ in pairs:
        if name not in names:
            raise NotJson(f"the field {name[:_NAME_SHOWN]!a} is there twice in one object")
        names.remove(name)


_NAME_SHOWN = 40
