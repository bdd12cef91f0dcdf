"""The paper venue's orders and reports, stored in the journal.

A step is in the journal before it is in memory, and in memory before any caller or reader sees it.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal

from domain.execution import ExecType, ExecutionReport
from domain.ids import ClientOrderId, ExecutionId
from domain.money import ZERO, total
from venues.base import NewOrder
from venues.paper_journal import Journal, Step

_FINAL = frozenset({ExecType.CANCELED, ExecType.REJECTED, ExecType.EXPIRED})


class PaperLedger:
    """Orders, their histories, and the numbers of the reports; rebuilt from the journal at the start."""

    def __init__(self, name: str, clock: Callable[[], datetime], journal: Journal) -> None:
        self._name = name
        self._clock = clock
        self._journal = journal
        self._orders: dict[ClientOrderId, NewOrder] = {}
        self._history: dict[ClientOrderId, list[ExecutionReport]] = {}
        self._cancel_pending: set[ClientOrderId] = set()
        self._undelivered: dict[ExecutionId, ExecutionReport] = {}
        self._reports_made = 0
        for step in journal.load():
            self._reports_made += len(step.reports)
            self._remember(step)

    @property
    def writable(self) -> bool:
        """Whether steps can still be recorded."""
        return not self._journal.failed

    def order(self, client_order_id: ClientOrderId) -> NewOrder | None:
        """The order accepted under this id."""
        return self._orders.get(client_order_id)

    def history(self, client_order_id: ClientOrderId) -> tuple[ExecutionReport, ...]:
        """All reports on the order, oldest first."""
        return tuple(self._history.get(client_order_id, ()))

    def working(self) -> Iterator[tuple[NewOrder, Decimal, bool]]:
        """Orders that have not ended, in the order of their arrival: the order, its leaves, whether a cancel
        is pending.
        """
        for client_order_id, order in self._orders.items():
            history = self._history[client_order_id]
            leaves = order.quantity - total(report.last_quantity for report in history)
            if leaves and not any(report.exec_type in _FINAL for report in history):
                yield order, leaves, client_order_id in self._cancel_pending

    def undelivered(self) -> tuple[ExecutionReport, ...]:
        """Reports not confirmed by the reader, oldest first."""
        return tuple(self._undelivered.values())

    def report(
        self,
        client_order_id: ClientOrderId,
        exec_type: ExecType,
        quantity: Decimal = ZERO,
        price: Decimal = ZERO,
        fee: Decimal = ZERO,
        text: str | None = None,
    ) -> ExecutionReport:
        """A new report with the next execution id; it takes effect with a recorded step."""
        self._reports_made += 1
        execution_id = ExecutionId(f"{self._journal.epoch}-{self._reports_made}")
        return ExecutionReport(
            self._name, execution_id, client_order_id, exec_type, self._clock(), quantity, price, fee, text
        )

    def record(self, step: Step) -> None:
        """Store the step permanently; raises OSError, after which nothing more can be recorded."""
        if step != Step():
            self._journal.append(step)
            self._remember(step)

    def _remember(self, step: Step) -> None:
        if step.order is not None:
            self._orders[step.order.client_order_id] = step.order
            self._history[step.order.client_order_id] = []
        if step.cancel_pending is not None:
            self._cancel_pending.add(step.cancel_pending)
        for report in step.reports:
            self._undelivered[report.execution_id] = report
            if report.client_order_id in self._history:
                self._history[report.client_order_id].append(report)
        if step.delivered is not None:
            self._undelivered.pop(step.delivered, None)
