"""A venue that several processes can open, as they cannot open the paper venue's locked journal.

It takes every order and says so when it is asked. Each message that reaches it is a line of its file.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

from domain.execution import ExecType, ExecutionReport
from domain.ids import ClientOrderId, ExecutionId
from venues.base import CancelRequest, NewOrder


class SharedVenue:
    """A `Venue` whose memory is the file `path`."""

    name = "SHARED"

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def submitted(self) -> list[str]:
        """The client order id of each order that came, also of repeated ones."""
        return self._path.read_text().split() if self._path.exists() else []

    async def submit(self, order: NewOrder) -> None:
        with self._path.open("a") as file:
            file.write(f"{order.client_order_id}\n")

    async def cancel(self, request: CancelRequest) -> None:
        pass

    async def reports(self) -> AsyncIterator[ExecutionReport]:
        return
        yield

    async def confirm(self, report: ExecutionReport) -> None:
        pass

    async def history(self, client_order_id: ClientOrderId) -> tuple[ExecutionReport, ...] | None:
        if client_order_id not in self.submitted:
            return None
        name = ExecutionId(f"{client_order_id} taken")
        return (ExecutionReport(self.name, name, client_order_id, ExecType.NEW, datetime.now(UTC)),)

    async def close(self) -> None:
        pass
