"""The paper venue's reports on their way to the reader: held back, delayed or repeated as it behaves.

Reports of one order keep their order. A report stays at the head of the queue until the reader confirms it,
so that a reader which fails gets it again.
"""

import asyncio
from collections import deque

from domain.execution import ExecutionReport
from domain.ids import ClientOrderId


class Delivery:
    """One queue for one reader. Delays need a running event loop; without them nothing waits for a clock."""

    def __init__(self) -> None:
        self._ready: deque[ExecutionReport] = deque()
        self._held: deque[ExecutionReport] = deque()
        self._delayed: dict[ClientOrderId, deque[ExecutionReport]] = {}
        self._due: dict[ClientOrderId, float] = {}
        self._silent = False
        self._closed = False
        self._news = asyncio.Event()

    @property
    def waiting(self) -> int:
        """How many reports were made and are not confirmed."""
        return len(self._ready) + len(self._held) + sum(map(len, self._delayed.values()))

    def put(self, report: ExecutionReport, latency_s: float = 0) -> None:
        """Deliver the report `latency_s` from now or from the one before it of the same order."""
        order = report.client_order_id
        if latency_s <= 0 and order not in self._delayed:
            self._ripe(report)
            return
        loop = asyncio.get_running_loop()
        due = max(loop.time(), self._due.get(order, 0)) + latency_s
        self._due[order] = due
        self._delayed.setdefault(order, deque()).append(report)
        loop.call_at(due, self._ripen, order)

    def hold(self, silent: bool) -> None:
        """Say nothing from now on, or say everything that was held back."""
        self._silent = silent
        if not silent:
            self._ready.extend(self._held)
            self._held.clear()
            self._news.set()

    async def next(self) -> ExecutionReport | None:
        """The oldest report that is not confirmed; None once closed."""
        while not self._ready and not self._closed:
            self._news.clear()
            await self._news.wait()
        return None if self._closed else self._ready[0]

    def confirm(self) -> ExecutionReport:
        """The reader has what `next` gave it."""
        return self._ready.popleft()

    def close(self) -> None:
        """End the reader's waiting."""
        self._closed = True
        self._news.set()

    def _ripen(self, order: ClientOrderId) -> None:
        queue = self._delayed[order]
        self._ripe(queue.popleft())
        if not queue:
            del self._delayed[order]
            del self._due[order]

    def _ripe(self, report: ExecutionReport) -> None:
        (self._held if self._silent else self._ready).append(report)
        self._news.set()
