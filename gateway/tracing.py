"""Whether the process is traced: only if a standard variable of OpenTelemetry names an exporter."""

from collections.abc import Callable
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from gateway.settings import trace_exporters

if TYPE_CHECKING:
    from gateway.telemetry import Telemetry

GROUP = "opentelemetry_traces_exporter"
INSTALL = "install requirements/telemetry.txt"


class CannotTrace(Exception):
    """An exporter is set that cannot be used; the message says which and what to do."""


def open_telemetry() -> "Telemetry | None":
    """None: no exporter is set, and nothing is imported. Raises `CannotTrace`."""
    if not (made := exporters()):
        return None
    from gateway.telemetry import Telemetry
    from gateway.telemetry_export import Reported

    return Telemetry(*(Reported(make()) for make in made))


def exporters() -> list[Callable[[], Any]]:
    """What makes the exporters that are set. Raises `CannotTrace`."""
    return [_exporter(name) for name in trace_exporters()]


def _exporter(name: str) -> Callable[[], Any]:
    found = entry_points(group=GROUP, name=name)
    if not found:
        raise CannotTrace(f"no exporter {name!r} is installed: {INSTALL}, or change OTEL_TRACES_EXPORTER")
    make: Callable[[], Any] = next(iter(found)).load()
    return make
