"""Incoming JSON of feeds, files and requests: a field that occurs twice in one object is refused.

JSON parsers differ in which of the two they keep, so one of them would be lost silently.
"""

import json
import re
from collections.abc import Callable
from functools import lru_cache

_NAME_SHOWN = 40
KNOWN_TEXTS, KNOWN_CHARACTERS_MAX = 256, 4096
"""Texts whose names are known to be distinct, and their length: dashboards send the same requests again and
again.
"""
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]')


class NotJson(ValueError):
    """The text is not JSON, or ambiguous; the message says why."""


class RepeatedField(NotJson):
    """The text is JSON in which a field occurs twice in one object."""


def read_json(
    data: str | bytes, parse: Callable[[str | bytes], object], *, however_deep: bool = False
) -> object:
    """The value by `parse`, a strict reader that raises ValueError; raises `NotJson`.

    Without `however_deep`, values that are nested deeper than the standard library reads are refused.
    """
    try:
        value = parse(data)
    except ValueError as error:
        raise NotJson(f"not JSON: {error}") from None
    text = data.decode() if isinstance(data, bytes) else data
    (_distinct_known if len(text) <= KNOWN_CHARACTERS_MAX else _require_distinct)(text, however_deep)
    return value


def _require_distinct(text: str, however_deep: bool) -> None:
    try:
        _read(text)
    except RecursionError:
        if not however_deep:
            raise NotJson("not JSON: nested too deeply") from None
        _walk(text)


_distinct_known = lru_cache(maxsize=KNOWN_TEXTS)(_require_distinct)


def _read(text: str) -> None:
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


def _repeated(name: str) -> RepeatedField:
    return RepeatedField(f"the field {name[:_NAME_SHOWN]!a} occurs twice in one object")
