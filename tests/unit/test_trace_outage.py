"""A collector that does not accept spans is logged once when that begins and once when it ends."""

from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from structlog.testing import capture_logs

from gateway.telemetry_export import Reported


class Collector(SpanExporter):
    """Accepts spans or does not."""

    def __init__(self) -> None:
        self.accepts = True

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return SpanExportResult.SUCCESS if self.accepts else SpanExportResult.FAILURE

    def shutdown(self) -> None:
        pass


def test_an_outage_of_the_collector_is_logged_when_it_begins_and_when_it_ends() -> None:
    collector = Collector()
    reported = Reported(collector)
    with capture_logs() as logs:
        for accepts in (True, False, False, True, True):
            collector.accepts = accepts
            reported.export([])
    assert [each["event"] for each in logs] == ["traces cannot be exported", "traces are exported again"]
