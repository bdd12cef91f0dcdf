"""graphql-transport-ws: its messages and close codes, without sockets.

Specification: the protocol document of the graphql-ws project ("GraphQL over WebSocket"). Messages of clients
are parsed into one of a few values, and invalid ones into the close code for them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import orjson

from domain.document_name import DocumentName, document_name
from domain.json_fields import NotJson, RepeatedField, read_json

PROTOCOL = "graphql-transport-ws"
ID_CHARACTERS_MAX = 100
REASON_BYTES_MAX = 123


class CloseCode(IntEnum):
    """Why the server closes. Clients of graphql-ws reconnect only after 1012, 1013, 4403 and 4408."""

    NORMAL = 1000
    SERVICE_RESTART = 1012
    TRY_AGAIN_LATER = 1013
    INVALID_MESSAGE = 4400
    UNAUTHORIZED = 4401
    FORBIDDEN = 4403
    SUBPROTOCOL_NOT_ACCEPTABLE = 4406
    INIT_TIMEOUT = 4408
    ALREADY_SUBSCRIBED = 4409
    TOO_MANY_INIT_REQUESTS = 4429


@dataclass(frozen=True, slots=True)
class Init:
    """connection_init."""

    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Subscribe:
    """subscribe: an operation of any kind."""

    id: str
    query: str
    """Its text; empty if `document` names one."""
    variables: dict[str, Any] | None
    operation_name: str | None
    last_event_id: str | None = None
    """SSE: the cursor that a reconnecting client sends in a header."""
    document: DocumentName | None = None
    trace: Mapping[str, str] | None = None
    """`traceparent` and `tracestate` of the client's span, as W3C Trace Context defines them."""
    counted: bool = False
    """The rate limits have counted it: over SSE that precedes the stream."""


@dataclass(frozen=True, slots=True)
class Complete:
    """complete: the client ends an operation."""

    id: str


@dataclass(frozen=True, slots=True)
class Ping:
    """ping."""

    payload: Any


@dataclass(frozen=True, slots=True)
class Pong:
    """pong; may contain a refreshed token."""

    payload: Any


@dataclass(frozen=True, slots=True)
class Violation:
    """A violation of the protocol: the code and reason to close with."""

    code: CloseCode
    reason: str


Message = Init | Subscribe | Complete | Ping | Pong | Violation


def parse(text: str) -> Message:
    """The client's message."""
    try:
        message = read_json(text, orjson.loads, however_deep=True)
    except RepeatedField as unclear:
        return _invalid(str(unclear))
    except NotJson:
        return _invalid("the message is not JSON")
    if not isinstance(message, dict):
        return _invalid("the message is not an object")
    kind = message.get("type")
    if not isinstance(kind, str):
        return _invalid("the type of a message must be a string")
    parser = _PARSERS.get(kind)
    return parser(message) if parser else _invalid(f"unknown message type {kind[:40]!r}")


def close_reason(text: str) -> str:
    """The part of it that fits into a close frame."""
    return text.encode()[:REASON_BYTES_MAX].decode(errors="ignore")


def ack(payload: dict[str, Any]) -> bytes:
    """connection_ack."""
    return orjson.dumps({"type": "connection_ack", "payload": payload})


def ping(payload: dict[str, Any] | None = None) -> bytes:
    """ping."""
    return orjson.dumps({"type": "ping"} if payload is None else {"type": "ping", "payload": payload})


def pong(payload: Any = None) -> bytes:
    """pong, with the payload of the ping."""
    return orjson.dumps({"type": "pong"} if payload is None else {"type": "pong", "payload": payload})


def next_prefix(identifier: str) -> bytes:
    """A `next` message up to its payload; the payload and `}` complete it."""
    return b'{"id":' + orjson.dumps(identifier) + b',"type":"next","payload":'


def error(identifier: str, errors: list[Any]) -> bytes:
    """error: the operation did not begin, or cannot continue."""
    return orjson.dumps({"id": identifier, "type": "error", "payload": errors})


def complete(identifier: str) -> bytes:
    """complete: nothing more follows."""
    return orjson.dumps({"id": identifier, "type": "complete"})


def _invalid(reason: str) -> Violation:
    return Violation(CloseCode.INVALID_MESSAGE, reason)


def _init(message: dict[str, Any]) -> Message:
    payload = message.get("payload")
    if payload is not None and not isinstance(payload, dict):
        return _invalid("the payload of connection_init must be an object")
    return Init(payload or {})


def _subscribe(message: dict[str, Any]) -> Message:
    identifier, payload = message.get("id"), message.get("payload")
    if not _is_id(identifier) or not isinstance(payload, dict):
        return _invalid("subscribe must have an id and a payload")
    query, variables = payload.get("query"), payload.get("variables")
    name, extensions = payload.get("operationName"), payload.get("extensions")
    try:
        document = document_name(payload)
    except ValueError as unclear:
        return _invalid(str(unclear))
    if query is None and document is not None:
        query = ""
    if not isinstance(query, str):
        return _invalid("the payload of subscribe must have a query")
    if variables is not None and not isinstance(variables, dict):
        return _invalid("variables must be an object")
    if name is not None and not isinstance(name, str):
        return _invalid("operationName must be a string")
    if extensions is not None and not isinstance(extensions, dict):
        return _invalid("extensions must be an object")
    trace = trace_of(extensions or {})
    return Subscribe(str(identifier), query, variables, name, document=document, trace=trace)


def trace_of(carrier: Mapping[str, Any]) -> Mapping[str, str] | None:
    """What names the client's span; None: nothing."""
    trace = {
        name: carrier[name] for name in ("traceparent", "tracestate") if isinstance(carrier.get(name), str)
    }
    return trace or None


def _complete(message: dict[str, Any]) -> Message:
    identifier = message.get("id")
    return Complete(str(identifier)) if _is_id(identifier) else _invalid("complete must have an id")


def _ping(message: dict[str, Any]) -> Message:
    payload = message.get("payload")
    try:
        pong(payload)
    except orjson.JSONEncodeError:
        return _invalid("the payload of ping is nested too deeply to be returned")
    return Ping(payload)


def _is_id(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= ID_CHARACTERS_MAX


_PARSERS: dict[str, Callable[[dict[str, Any]], Message]] = {
    "connection_init": _init,
    "subscribe": _subscribe,
    "complete": _complete,
    "ping": _ping,
    "pong": lambda message: Pong(message.get("payload")),
}
