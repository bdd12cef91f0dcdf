"""The counts of the live feed: plain numbers, cheap enough for every delivery; exported elsewhere."""

import time
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field

from outages.log import OutageLog

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


Tally = Counter[tuple[str, float]]
"""How many frames were written, by field and commit time of the event (POSIX seconds)."""


@dataclass(slots=True)
class Histogram:
    """Durations: counts per bucket of `BUCKETS_S`, and one for longer ones."""

    buckets: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS_S) + 1))
    total_s: float = 0.0
    count: int = 0

    def observe(self, duration_s: float, times: int = 1) -> None:
        """Add the same duration, for several deliveries at once."""
        self.buckets[bisect_left(BUCKETS_S, duration_s)] += times
        self.total_s += duration_s * times
        self.count += times


@dataclass(slots=True)
class LiveMetrics:
    """Counts of one process. Labels are field names, close codes and results."""

    lags: dict[str, Histogram] = field(default_factory=dict)
    executions: Counter[str] = field(default_factory=Counter)
    deliveries: Counter[str] = field(default_factory=Counter)
    replays: Counter[str] = field(default_factory=Counter)
    """Frames replayed to clients that resumed; not part of the lag."""
    overflows: Counter[str] = field(default_factory=Counter)
    resumes: Counter[str] = field(default_factory=Counter)
    closes: Counter[int] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    """Handshakes answered with an HTTP error, by reason."""
    sockets: int = 0
    streams: int = 0
    operations: Counter[str] = field(default_factory=Counter)
    database_outage: OutageLog = field(
        default_factory=lambda: OutageLog(
            "an event waits for the database", "events no longer wait for the database"
        )
    )
    """The outage met by the shared subscriptions, all together."""

    def executed(self, name: str) -> None:
        """One event was executed and encoded for one group."""
        self.executions[name] += 1

    def handed_out(self, tally: Tally) -> None:
        """So many frames were written just now, of whatever groups."""
        for (name, committed_at), times in tally.items():
            self.delivered(name, committed_at, times)

    def delivered(self, name: str, committed_at: float, times: int) -> None:
        """A frame of that field was written to so many sockets just now."""
        if times:
            histogram = self.lags.get(name)
            if histogram is None:
                histogram = self.lags[name] = Histogram()
            histogram.observe(max(0.0, time.time() - committed_at), times)
            self.deliveries[name] += times
