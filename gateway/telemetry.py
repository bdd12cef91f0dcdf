"""OpenTelemetry: a span for each operation, use case and statement, and one where an event arrives.

Imported only if an exporter is set (`gateway.tracing`). Spans contain no values of variables or rows: names,
statements with placeholders, codes and counts. Errors are named by their type.
"""

import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import structlog
from opentelemetry.context import Context
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from domain.events import Event
from models.sql.codec import traceparent_of

NAME = "margin-call-desk"
STATEMENT_CHARACTERS_MAX = 2_000
STATEMENTS_REMEMBERED_MAX = 500
"""Names of statements; each is found once."""
FLUSH_TIMEOUT_S = 3.0
"""How long the last spans may take at the end of the process."""
_TARGET = re.compile(r"\b(?:FROM|INTO|UPDATE|TABLE)\s+(\w+)")
_W3C = ("traceparent", "tracestate")
_PROPAGATOR = TraceContextTextMapPropagator()


class Telemetry:
    """A `models.sql.tracing.Tracer`, and the spans of the gateway."""

    def __init__(self, *exporters: SpanExporter) -> None:
        """Each exporter gets every span, in batches, from a thread of its own."""
        self._provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
        for exporter in exporters:
            self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer(NAME)

    @contextmanager
    def operation(
        self,
        kind: str,
        name: str | None,
        facts: Mapping[str, str | int],
        carrier: Mapping[str, Any] | None = None,
    ) -> Iterator["OperationSpan"]:
        """A span around one operation, as a child of the span that the carrier names, if it names one.

        The carrier is the headers of a request, or `extensions` of a message. The log names the trace inside.
        """
        attributes: dict[str, str | int] = {f"desk.{fact}": value for fact, value in facts.items()}
        attributes["graphql.operation.type"] = kind
        if name is not None:
            attributes["graphql.operation.name"] = name
        title = kind if name is None else f"{kind} {name}"
        with (
            self._span(title, SpanKind.SERVER, attributes, _context(carrier)) as span,
            structlog.contextvars.bound_contextvars(trace_id=_trace_id(span)),
        ):
            yield OperationSpan(span)

    @contextmanager
    def statement(self, sql: str, system: str) -> Iterator[None]:
        """See `Tracer`."""
        if not get_current_span().is_recording():
            yield
            return
        attributes = {"db.system.name": system, "db.query.text": sql[:STATEMENT_CHARACTERS_MAX]}
        with self._span(_statement_name(sql), SpanKind.CLIENT, attributes):
            yield

    @contextmanager
    def use_case(self, name: str, items: int) -> Iterator[None]:
        """See `Tracer`."""
        if not get_current_span().is_recording():
            yield
            return
        with self._span(name, SpanKind.INTERNAL, {"desk.items": items}):
            yield

    def appended(self, event_id: str) -> str | None:
        """See `Tracer`."""
        span = get_current_span()
        if not span.is_recording():
            return None
        span.add_event("event appended", {"desk.event.id": event_id})
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier)
        return carrier["traceparent"]

    @property
    def trace_id(self) -> str | None:
        """See `Tracer`."""
        span = get_current_span()
        return _trace_id(span) if span.is_recording() else None

    def arrived(self, payload: bytes, event: Event) -> None:
        """A span where an event reaches the subscriptions, in the trace of the operation that caused it."""
        traceparent = traceparent_of(payload)
        if traceparent is not None:
            context, facts = _context({"traceparent": traceparent}), {"desk.event.id": event.id}
            name = f"deliver {type(event).__name__}"
            self._tracer.start_span(name, context, SpanKind.CONSUMER, facts).end()

    def close(self) -> None:
        """Send the last spans; a collector that does not answer delays the end by no more than the limit."""
        ending = threading.Thread(target=self._provider.shutdown, name="telemetry", daemon=True)
        ending.start()
        ending.join(FLUSH_TIMEOUT_S)

    @contextmanager
    def _span(
        self, name: str, kind: SpanKind, attributes: Mapping[str, str | int], context: Context | None = None
    ) -> Iterator[Span]:
        """Without the texts of exceptions, which may have data of clients."""
        with self._tracer.start_as_current_span(
            name, context, kind, attributes, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield span
            except BaseException as fault:
                span.set_status(Status(StatusCode.ERROR, type(fault).__name__))
                raise


class OperationSpan:
    """The span of an operation whose result is not known yet."""

    def __init__(self, span: Span) -> None:
        self._span = span

    def ended(self, code: str, *, failed: bool) -> None:
        """The code of its first error, or that of success."""
        self._span.set_attribute("desk.code", code)
        if failed:
            self._span.set_status(Status(StatusCode.ERROR, code))


def _resource() -> Resource:
    """By the standard variables; the name of the service unless they set it."""
    named = Resource.create({"process.pid": os.getpid()})
    is_unnamed = str(named.attributes[SERVICE_NAME]).startswith("unknown_service")
    return named.merge(Resource({SERVICE_NAME: NAME})) if is_unnamed else named


def _context(carrier: Mapping[str, Any] | None) -> Context:
    """That of the caller, or an empty one: what a socket or loop began with is no parent."""
    given = {name: carrier.get(name) for name in _W3C} if carrier is not None else {}
    return _PROPAGATOR.extract(
        {name: text for name, text in given.items() if isinstance(text, str)}, Context()
    )


def _trace_id(span: Span) -> str:
    return f"{span.get_span_context().trace_id:032x}"


@lru_cache(STATEMENTS_REMEMBERED_MAX)
def _statement_name(sql: str) -> str:
    """The verb and the first table, as the conventions of OpenTelemetry name statements."""
    verb, target = sql.split(maxsplit=1)[0], _TARGET.search(sql)
    return verb if target is None else f"{verb} {target[1]}"
