"""The delivery of the paper venue's reports to the reader: held back, delayed or repeated, by its behaviour.

Reports of one order keep their order. A delivered report is kept until it is confirmed, so that the next
reader gets it again if this one fails.
"""

import asyncio
from collections import deque

from domain.execution import ExecutionReport
from domain.ids import ClientOrderId


class Delivery:
    """One queue for one reader. Delays need a running event loop; without delays nothing waits for a
    clock.
    """

    def __init__(self) -> None:
        self._ready: deque[ExecutionReport] = deque()
        self._handed_out: deque[ExecutionReport] = deque()
        self._held: deque[ExecutionReport] = deque()
        self._delayed: dict[ClientOrderId, deque[ExecutionReport]] = {}
        self._due: dict[ClientOrderId, float] = {}
        self._silent = False
        self._closed = False
        self._news = asyncio.Event()

    @property
    def waiting(self) -> int:
        """The number of reports without a confirmation."""
        queues = (self._ready, self._handed_out, self._held, *self._delayed.values())
        return sum(map(len, queues))

    def put(self, report: ExecutionReport, latency_s: float = 0) -> None:
        """Deliver the report `latency_s` after now or after the previous report of the same order."""
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
        """Hold back all reports from now on, or deliver those held back."""
        self._silent = silent
        if not silent:
            self._ready.extend(self._held)
            self._held.clear()
            self._news.set()

    def restart(self) -> None:
        """Start again with a new reader, which gets all unconfirmed reports."""
        self._ready.extendleft(reversed(self._handed_out))
        self._handed_out.clear()

    async def next(self) -> ExecutionReport | None:
        """The oldest report that this reader has not received; None once closed."""
        while not self._ready and not self._closed:
            self._news.clear()
            await self._news.wait()
        if self._closed:
            return None
        report = self._ready.popleft()
        self._handed_out.append(report)
        return report

    def confirm(self, report: ExecutionReport) -> bool:
        """The reader has stored the report; False if it was confirmed before, or not delivered."""
        if report not in self._handed_out:
            return False
        self._handed_out.remove(report)
        return True

    def close(self) -> None:
        """End the reader's wait."""
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
