"""What makes an answer of the desk a finding, whatever was sent: a fault, or a place in its code."""

import re
from collections.abc import Iterator
from typing import Any

import orjson

FAULTS = frozenset(
    {"INTERNAL", "DESK_FAULT", "UNREADABLE", "UNREADABLE_DATA", "DATABASE_TIMEOUT", "DATABASE_UNAVAILABLE"}
)
"""Codes of errors and refusals that no request can deserve while the servers are up."""
_PLACES_IN_CODE = re.compile(r"Traceback|\.py\b|site-packages|asyncpg|sqlite3|tortoise", re.IGNORECASE)
SERVER_ERROR = 500


def fault_of(status: int, body: bytes) -> str | None:
    """Why the answer is a finding; None: it is none."""
    if status >= SERVER_ERROR:
        return f"status {status}"
    document = parsed(body)
    if found := FAULTS.intersection(codes(document)):
        return f"code {', '.join(sorted(found))}"
    shown = [message for message in _messages(document) if _PLACES_IN_CODE.search(message)]
    return f"the message shows the code: {shown[0]}" if shown else None


def parsed(body: bytes) -> Any:
    """The JSON of an answer; None if it is none."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def codes(value: Any) -> Iterator[str]:
    """Of all errors and refusals in an answer, at any depth."""
    for _, code in _named(value, "code"):
        yield code


def error_codes(document: Any) -> list[str]:
    """Of the errors of an answer alone."""
    errors = document.get("errors", ()) if isinstance(document, dict) else ()
    return [str(error.get("extensions", {}).get("code")) for error in errors]


def outcome_of(status: int, body: bytes) -> str:
    """A name for the answer, to count answers by."""
    document = parsed(body)
    if errors := error_codes(document):
        return errors[0]
    refused = [code for code in codes(document) if code.isupper()]
    return refused[0] if refused else str(status)


def _messages(document: Any) -> Iterator[str]:
    for _, message in _named(document, "message"):
        yield message


def _named(value: Any, wanted: str) -> Iterator[tuple[str, str]]:
    """Texts under that name, which a client may have given an alias such as `code_1`."""
    if isinstance(value, list):
        for each in value:
            yield from _named(each, wanted)
    elif isinstance(value, dict):
        for name, each in value.items():
            if name.startswith(wanted) and isinstance(each, str):
                yield name, each
            else:
                yield from _named(each, wanted)
