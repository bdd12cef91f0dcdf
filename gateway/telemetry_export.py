"""Exporters of spans whose outages are logged once when they begin and once when they end."""

import logging
from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from outages.log import OutageLog

_LIBRARY = "opentelemetry.exporter"


class Reported(SpanExporter):
    """Called by one thread, that of its processor."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._outage = OutageLog("traces cannot be exported", "traces are exported again")
        # It logs each attempt, and the outage is logged here.
        logging.getLogger(_LIBRARY).setLevel(logging.CRITICAL)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send a batch; spans of a batch that fails are lost."""
        result = self._exporter.export(spans)
        if result is SpanExportResult.SUCCESS:
            self._outage.over()
        else:
            self._outage.report("the exporter could not send a batch of spans", spans=len(spans))
        return result

    def shutdown(self) -> None:
        """End the exporter."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """As the exporter does."""
        return self._exporter.force_flush(timeout_millis)
