"""What the database and the desk need of a tracer; the gateway has the one that speaks OpenTelemetry.

A process that is not traced has none, and imports nothing for it.
"""

from contextlib import AbstractContextManager
from typing import Protocol


class Tracer(Protocol):
    """Spans within the operation that the current task executes. Outside of one, all of these do nothing."""

    def statement(self, sql: str, system: str) -> AbstractContextManager[object]:
        """A span around one statement for this database system."""

    def use_case(self, name: str, items: int) -> AbstractContextManager[object]:
        """A span around a command with so many items."""

    def appended(self, event_id: str) -> str | None:
        """Note that an event was written; returns the W3C `traceparent` of its cause, for the event."""

    @property
    def trace_id(self) -> str | None:
        """The id of the current trace, in hexadecimal."""
