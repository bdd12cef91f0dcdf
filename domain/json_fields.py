"""Incoming JSON of feeds, files and requests: a field that occurs twice in one object is refused.

JSON parsers differ in which of the two they keep, so one of them would be lost silently.
"""

import json
import re

_NAME_SHOWN = 40
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]')


class NotJson(ValueError):
    """The text is not JSON, or ambiguous; the message says why."""


def refuse_repeated_fields(text: str | bytes) -> None:
    """Of text that a strict reader took for JSON, and that is nested no deeper than the standard library
    reads; raises `NotJson`.
    """
    try:
        _read(text)
    except RecursionError:
        raise NotJson("not JSON: nested too deeply") from None


def refuse_repeated_fields_however_deep(text: str) -> None:
    """Of text that a strict reader took for JSON, however deeply it is nested; raises `NotJson`."""
    try:
        _read(text)
    except RecursionError:
        _walk(text)


def _read(text: str | bytes) -> None:
    json.loads(text, object_pairs_hook=_unique, parse_int=str, parse_float=str)


def _unique(pairs: list[tuple[str, object]]) -> None:
    names = {name for name, _ in pairs}
    if len(names) == len(pairs):
        return
    for name, _ in pairs:
        if name not in names:
            raise _repeated(name)
        names.remove(name)


def _walk(text: str) -> None:
    """Token by token, which takes longer and no stack."""
    names: list[set[str] | None] = [None]
    """Of every object that is open; None for a list."""
    before = ""
    for match in _TOKEN.finditer(text):
        token = match.group()
        if token in ("{", "["):
            names.append(set() if token == "{" else None)
        elif token in ("}", "]"):
            names.pop()
        elif token[0] == '"' and before in ("{", ",") and (known := names[-1]) is not None:
            name = json.loads(token)
            if name in known:
                raise _repeated(name)
            known.add(name)
        before = token


def _repeated(name: str) -> NotJson:
    return NotJson(f"the field {name[:_NAME_SHOWN]!a} occurs twice in one object")
