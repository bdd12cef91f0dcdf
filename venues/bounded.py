"""A venue with bounded answers: every answer comes within a limited time, and an outage is logged once.

A connection to a venue may hang, and one unanswered message must not delay the orders and cancels behind it.
No answer within the time therefore raises `VenueUnavailable`, as do network errors: the message may or may
not have been accepted, which its history shows.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import TypeVar

from domain.execution import ExecutionReport
from domain.ids import ClientOrderId
from outages.log import OutageLogs
from venues.base import CancelRequest, CancelsClientOrders, NewOrder, Venue, VenueUnavailable

T = TypeVar("T")


class BoundedVenue:
    """A `Venue` that wraps another one."""

    def __init__(self, venue: Venue, answers_within_s: float) -> None:
        self._venue = venue
        self._answers_within_s = answers_within_s
        self._outages = OutageLogs(
            "asked", "the venue is not available", "the venue is available again", venue=venue.name
        )
        """By the kind of question."""

    @property
    def name(self) -> str:
        """The venue's name."""
        return self._venue.name

    @property
    def available(self) -> bool:
        """Whether the last question of each kind was answered."""
        return not self._outages

    async def submit(self, order: NewOrder) -> None:
        """See `Venue`."""
        await self._answer("submit", self._venue.submit(order))

    async def cancel(self, request: CancelRequest) -> None:
        """See `Venue`."""
        await self._answer("cancel", self._venue.cancel(request))

    async def reports(self) -> AsyncIterator[ExecutionReport]:
        """See `Venue`. A report may take any time."""
        try:
            async for report in self._venue.reports():
                yield report
        except OSError as fault:
            raise VenueUnavailable(f"{self.name}: {fault!r}") from fault

    async def confirm(self, report: ExecutionReport) -> None:
        """See `Venue`."""
        await self._answer("confirm", self._venue.confirm(report))

    async def history(self, client_order_id: ClientOrderId) -> tuple[ExecutionReport, ...] | None:
        """See `Venue`."""
        return await self._answer("history", self._venue.history(client_order_id))

    async def close(self) -> None:
        """See `Venue`."""
        await self._venue.close()

    async def _answer(self, asked: str, answer: Awaitable[T]) -> T:
        try:
            # Nothing is awaited before the venue call: the sender has just checked that it still leads.
            async with asyncio.timeout(self._answers_within_s):
                given = await answer
        except VenueUnavailable as away:
            self._outages.report(asked, away)
            raise
        except TimeoutError as silence:
            raise self._unavailable(asked, "does not answer") from silence
        except OSError as fault:
            raise self._unavailable(asked, repr(fault)) from fault
        self._outages.over(asked)
        return given

    def _unavailable(self, asked: str, why: str) -> VenueUnavailable:
        away = VenueUnavailable(f"{self.name}: {why}")
        self._outages.report(asked, away)
        return away


class _WithClientOrders(BoundedVenue):
    """Wraps a venue that knows the clients' own orders."""

    def __init__(self, venue: Venue, clients: CancelsClientOrders, answers_within_s: float) -> None:
        super().__init__(venue, answers_within_s)
        self._clients = clients

    async def cancel_client_orders(self, account_no: str) -> int:
        """See `CancelsClientOrders`."""
        return await self._answer("cancel client orders", self._clients.cancel_client_orders(account_no))


def bounded(venue: Venue, answers_within_s: float) -> BoundedVenue:
    """The venue with bounded answers and the same abilities."""
    if isinstance(venue, CancelsClientOrders):
        return _WithClientOrders(venue, venue, answers_within_s)
    return BoundedVenue(venue, answers_within_s)
