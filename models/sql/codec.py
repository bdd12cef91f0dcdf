"""Domain values as JSON text, decimals as strings, for the columns and messages that contain them.

Events are versioned: text of an unknown version or type raises `UnknownFormat`, and never gives a partial
event.
"""

from typing import Any, Generic, TypeVar

import orjson
from pydantic import TypeAdapter

from domain.events import ApprovalEvent, BookChanged, CaseEvent, Event, KillSwitchEvent, OrderEvent
from domain.margin import MarginFigures

EVENT_VERSION = 1
TRACEPARENT_CHARACTERS = 55
_TRACED = b'{"traceparent":"'

T = TypeVar("T")

_EVENTS: dict[str, TypeAdapter[Any]] = {
    kind.__name__: TypeAdapter(kind)
    for kind in (CaseEvent, OrderEvent, ApprovalEvent, KillSwitchEvent, BookChanged)
}


class UnknownFormat(ValueError):
    """The text was written by a version that this one does not know."""


class Codec(Generic[T]):
    """A dataclass, or a union of them, as JSON text and back."""

    def __init__(self, kind: Any) -> None:
        self._adapter: TypeAdapter[T] = TypeAdapter(kind)

    def to_text(self, value: T) -> str:
        """JSON text."""
        return self._adapter.dump_json(value).decode()

    def from_text(self, text: str) -> T:
        """The inverse of `to_text`."""
        return self._adapter.validate_json(text)


_FIGURES: Codec[MarginFigures] = Codec(MarginFigures)


def figures_to_text(figures: MarginFigures) -> str:
    """The text of the column `margin_case.figures`."""
    return _FIGURES.to_text(figures)


def figures_from_text(text: str) -> MarginFigures:
    """The inverse of `figures_to_text`."""
    return _FIGURES.from_text(text)


def event_to_text(event: Event, traceparent: str | None = None) -> str:
    """``{"v": 1, "type": ..., "event": {...}}``; the W3C `traceparent` of its cause, if it has one, comes
    first.
    """
    kind = type(event).__name__
    body = _EVENTS[kind].dump_json(event).decode()
    traced = "" if traceparent is None else f'"traceparent":"{traceparent}",'
    return f'{{{traced}"v":{EVENT_VERSION},"type":"{kind}","event":{body}}}'


def traceparent_of(text: bytes) -> str | None:
    """The W3C `traceparent` of what caused the event, found without reading the event; None: not traced."""
    if not text.startswith(_TRACED):
        return None
    return text[len(_TRACED) : len(_TRACED) + TRACEPARENT_CHARACTERS].decode("ascii", "replace")


def event_from_text(text: str | bytes) -> Event:
    """The inverse of `event_to_text`; raises `UnknownFormat`, also for damaged text."""
    try:
        message = orjson.loads(text)
        version, kind = message.get("v"), message.get("type")
        adapter = _EVENTS.get(kind)
        if version == EVENT_VERSION and adapter is not None:
            event: Event = adapter.validate_python(message["event"])
            return event
    except (ValueError, LookupError, TypeError, AttributeError) as damaged:
        raise UnknownFormat(f"not an event: {type(damaged).__name__}: {damaged}") from damaged
    raise UnknownFormat(f"event version {version!r}, type {kind!r}")


def dumps(value: object) -> str:
    """Plain JSON text with sorted keys: equal values give equal text."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def loads(text: str) -> Any:
    """The inverse of `dumps`."""
    return orjson.loads(text)
