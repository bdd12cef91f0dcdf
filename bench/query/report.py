"""What was measured, and the targets."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from bench.fanout.report import Target
from bench.measure import spread
from bench.query.load import Requests
from bench.query.servers import MERCURIUS, OURS, STOCK

FEW, MANY = 8, 64
"""Connections; the targets hold for the few."""


@dataclass(slots=True)
class Result:
    """What one server did with one operation."""

    server: str
    operation: str
    connections: int
    cpu_ms: list[float] = field(default_factory=list)
    windows: list[Requests] = field(default_factory=list)

    @property
    def whole(self) -> Requests:
        """All windows together."""
        seconds = sum(window.seconds for window in self.windows)
        return Requests(seconds, [each for window in self.windows for each in window.latencies_s])

    def __str__(self) -> str:
        whole = self.whole
        return (
            f"  {self.server:34}{spread(self.cpu_ms)!s:>24} ms CPU{whole.per_second:9.0f}/s"
            f"   p50 {whole.percentile_ms(0.5):7.1f} ms   p99 {whole.percentile_ms(0.99):7.1f} ms"
        )

    def as_json(self) -> dict[str, Any]:
        """For the results file."""
        whole = self.whole
        return {
            "server": self.server,
            "operation": self.operation,
            "connections": self.connections,
            "cpuMilliseconds": spread(self.cpu_ms).as_json(),
            "perSecond": round(whole.per_second),
            "p50Milliseconds": round(whole.percentile_ms(0.5), 1),
            "p99Milliseconds": round(whole.percentile_ms(0.99), 1),
        }


def targets_of(results: Sequence[Result]) -> Iterator[Target]:
    """Those that the servers which were measured can tell."""
    found: Mapping[tuple[str, str], Result] = {
        (each.operation, each.server): each for each in results if each.connections == FEW
    }
    for operation, bound in (("page", 1.5), ("details", 2.0)):
        ours, peer = found.get((operation, OURS)), found.get((operation, MERCURIUS))
        if ours is not None and peer is not None:
            ratio = median(ours.cpu_ms) / median(peer.cpu_ms)
            yield Target(f"{operation}, CPU, ours / {MERCURIUS}", ratio, bound, True)
            if operation == "page":
                ratio = ours.whole.percentile_ms(0.99) / peer.whole.percentile_ms(0.99)
                yield Target(f"{operation}, p99, ours / {MERCURIUS}", ratio, 1.5, True)
    ours, stock = found.get(("page", OURS)), found.get(("page", STOCK))
    if ours is not None and stock is not None:
        yield Target(f"page, CPU, {STOCK} / ours", median(stock.cpu_ms) / median(ours.cpu_ms), 8.0, False)
