"""How the monitor of this process does: filled by the leader, which is the only process that has one."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter

from subscriptions.live.metrics import Histogram


@dataclass(slots=True)
class MonitorWatch:
    """For the metrics."""

    accounts: int = 0
    """Accounts that it watches; 0 while this process does not lead."""
    rounds: Histogram = field(default_factory=Histogram)
    """The durations of its rounds over the accounts that something concerned."""

    @contextmanager
    def round(self) -> Iterator[None]:
        """Inside, one round is run; one that fails is not counted."""
        began = perf_counter()
        yield
        self.rounds.observe(perf_counter() - began)
