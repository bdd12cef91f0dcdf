"""Traces by OpenTelemetry: from the caller's span over operation, use case and statements to the event."""

import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from threading import Thread
from typing import Any
from uuid import uuid4

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from structlog.testing import capture_logs

from gateway.settings import trace_exporters
from gateway.startup.preparation import CannotStart, check
from tests.api.trading import LIQUIDATE, cases
from tests.kit.book_files import BANK, a_book, a_client, owing, quotes
from tests.kit.desk_client import Operation
from tests.kit.desk_server import World
from tests.kit.source import ROOT

CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = "00-{}-{}-01".format(*CALLER)
EVENTS = "subscription Watch { caseEvents { id kind } }"


class Collector:
    """Receives spans as OTLP over HTTP, as a collector does."""

    def __init__(self) -> None:
        self._received: SimpleQueue[ExportTraceServiceRequest] = SimpleQueue()
        received = self._received

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                assert self.path == "/v1/traces"
                received.put(ExportTraceServiceRequest.FromString(body))
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(200)
                self.send_header("content-type", "application/x-protobuf")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.services: set[str] = set()

    def spans(self) -> list[Span]:
        """Everything that has arrived."""
        spans: list[Span] = []
        while not self._received.empty():
            for resource in self._received.get().resource_spans:
                named = {each.key: each.value.string_value for each in resource.resource.attributes}
                self.services.add(named["service.name"])
                spans += [span for scope in resource.scope_spans for span in scope.spans]
        return spans


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """Set by the standard variable."""
    collector = Collector()
    serving = Thread(target=collector.server.serve_forever)
    serving.start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    yield collector
    collector.server.shutdown()
    collector.server.server_close()
    serving.join()


def facts(span: Span | Span.Event) -> dict[str, Any]:
    values = {each.key: each.value for each in span.attributes}
    return {key: getattr(value, str(value.WhichOneof("value"))) for key, value in values.items()}


@pytest.mark.both_stacks
async def test_the_trace_of_a_mutation_is_found_on_the_event_that_it_caused(
    world: World, collector: Collector
) -> None:
    desk = await world.desk(a_book(a_client("C1", owing("M1"))))
    ann = desk.caller(subject="ann")
    events = await ann.subscribe(EVENTS)
    await world.market.says(*quotes(world.clock(), size=0))
    opened = await next_id(events)
    (case,) = await cases(ann)
    legs = [{"symbol": BANK, "quantity": "100"}]
    asked = {"idempotencyKey": uuid4().hex, "cases": [{"caseId": case["id"], "legs": legs}], "reason": "test"}
    answer = await ann.post(
        json={"query": LIQUIDATE, "variables": {"input": asked}}, headers={"traceparent": TRACEPARENT}
    )
    assert answer.data["liquidate"]
    caused = await next_id(events)
    audited = await desk.rows("SELECT detail FROM audit WHERE actor = 'ann' AND request_id IS NOT NULL")
    await desk.stop()
    spans = collector.spans()
    assert collector.services == {"margin-call-desk"}
    of_trace = [span for span in spans if span.trace_id.hex() == CALLER[0]]
    (operation,) = [span for span in of_trace if span.kind == Span.SPAN_KIND_SERVER]
    assert operation.parent_span_id.hex() == CALLER[1]
    assert (facts(operation)["graphql.operation.type"], facts(operation)["desk.code"]) == ("mutation", "OK")
    (use_case,) = [span for span in of_trace if span.name == "liquidate"]
    assert use_case.parent_span_id == operation.span_id
    statements = [span for span in of_trace if span.kind == Span.SPAN_KIND_CLIENT]
    assert {span.parent_span_id for span in statements} <= {operation.span_id, use_case.span_id}
    assert {"INSERT outbox", "INSERT liquidation_order"} <= {span.name for span in statements}
    appended = {facts(each)["desk.event.id"] for each in use_case.events}
    assert caused in appended
    assert opened not in appended
    consumers = [span for span in of_trace if span.kind == Span.SPAN_KIND_CONSUMER]
    delivered = {facts(span)["desk.event.id"]: span for span in consumers}
    assert delivered[caused].name == "deliver CaseEvent"
    assert delivered[caused].parent_span_id == use_case.span_id
    assert any(f'"traceId":"{CALLER[0]}"' in row["detail"] for row in audited)
    assert BANK not in str(of_trace), "no values"


async def next_id(events: Operation) -> str:
    """The id of the next event."""
    return str((await events.next())["id"])


async def test_an_operation_without_a_caller_span_begins_a_trace_which_the_log_names(
    world: World, collector: Collector
) -> None:
    desk = await world.desk(a_book(), slow_operation_s=1e-9)
    ann = desk.caller(subject="ann")
    with capture_logs(processors=[_merged]) as logs:
        await ann.ask("query Alone { viewer { subject } }")
        await ann.answer('query Failing { case(id: "x") { id } nowhere: case(id: "x") { id } }')
        socket = await ann.socket()
        sent = await socket.operate("{ __typename }")
        await sent.next()
        await sent.end()
        payload = {"query": "query Sent { viewer { subject } }", "extensions": {"traceparent": TRACEPARENT}}
        await socket.send({"id": sent.name, "type": "subscribe", "payload": payload})
        await sent.next()
    await desk.stop()
    spans = {span.name: span for span in collector.spans() if span.kind == Span.SPAN_KIND_SERVER}
    alone = spans["query Alone"]
    assert not alone.parent_span_id
    assert spans["query Sent"].trace_id.hex() == CALLER[0]
    named = {each["trace_id"] for each in logs if each["event"] == "a slow operation"}
    assert {alone.trace_id.hex(), CALLER[0]} <= named


def _merged(logger: Any, method: str, event: Any) -> Any:
    from structlog.contextvars import merge_contextvars

    return merge_contextvars(logger, method, event)


@pytest.mark.parametrize(
    ("variables", "names"),
    [
        ({}, ()),
        ({"OTEL_SERVICE_NAME": "desk"}, ()),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, ()),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, ("otlp_proto_http",)),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, ("otlp_proto_http",)),
        ({"OTEL_TRACES_EXPORTER": "console, otlp"}, ("console", "otlp_proto_http")),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, ("otlp_proto_grpc",)),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, ()),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_SDK_DISABLED": "True"}, ()),
    ],
)
def test_only_the_standard_variables_switch_tracing_on(
    variables: dict[str, str], names: tuple[str, ...]
) -> None:
    assert trace_exporters(variables) == names


async def test_an_exporter_that_is_not_installed_ends_the_start_in_one_line(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "zipkin")
    with pytest.raises(CannotStart, match=r"'zipkin'.*requirements/telemetry\.txt"):
        await check(world.settings(), world.clock(), lambda done, of: None)


def test_the_tracing_of_the_desk_is_not_imported_unless_an_exporter_is_set() -> None:
    script = (
        "import sys; import gateway.cli.serve_command; from gateway.tracing import open_telemetry; "
        "assert open_telemetry() is None; "
        "print(sys.modules.keys() & {'gateway.telemetry', 'opentelemetry.sdk.trace'})"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
