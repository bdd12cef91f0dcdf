"""A venue that hangs, breaks off or refuses: the caller hears of it in time, and the log once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from structlog.testing import capture_logs

from domain.execution import ExecType, ExecutionReport
from domain.ids import ClientOrderId, ExecutionId
from tests.kit.shared_venue import SharedVenue
from tests.kit.venue_harness import new_order
from venues.base import CancelRequest, CancelsClientOrders, NewOrder, VenueUnavailable
from venues.bounded import BoundedVenue, bounded

NAME = ClientOrderId("MC1")
REPORT = ExecutionReport("X", ExecutionId("1"), NAME, ExecType.NEW, datetime(2020, 3, 9, tzinfo=UTC))
Fault = Callable[[], Awaitable[None]]


async def hangs() -> None:
    await asyncio.Event().wait()


async def breaks_off() -> None:
    raise ConnectionResetError("reset by peer")


async def times_out() -> None:
    raise TimeoutError


async def refuses() -> None:
    raise VenueUnavailable("closed for the night")


async def works() -> None:
    pass


class Moody:
    """A venue that answers every question in the same way."""

    name = "X"

    def __init__(self, fault: Fault) -> None:
        self.fault = fault

    async def submit(self, order: NewOrder) -> None:
        await self.fault()

    async def cancel(self, request: CancelRequest) -> None:
        await self.fault()

    async def reports(self) -> AsyncIterator[ExecutionReport]:
        await self.fault()
        yield REPORT

    async def confirm(self, report: ExecutionReport) -> None:
        await self.fault()

    async def history(self, client_order_id: ClientOrderId) -> tuple[ExecutionReport, ...] | None:
        await self.fault()
        return (REPORT,)

    async def cancel_client_orders(self, account_no: str) -> int:
        await self.fault()
        return 2

    async def close(self) -> None:
        pass


QUESTIONS: dict[str, Callable[[Any], Awaitable[Any]]] = {
    "submit": lambda venue: venue.submit(new_order(NAME)),
    "cancel": lambda venue: venue.cancel(CancelRequest(NAME)),
    "confirm": lambda venue: venue.confirm(REPORT),
    "history": lambda venue: venue.history(NAME),
    "cancel client orders": lambda venue: venue.cancel_client_orders("A1"),
}


def around(venue: Moody) -> BoundedVenue:
    return bounded(venue, answers_within_s=0.01)


def is_available(venue: BoundedVenue) -> bool:
    """Read again each time, which a type checker does not expect of a property."""
    return venue.available


@pytest.mark.parametrize("fault", [hangs, breaks_off, times_out, refuses])
@pytest.mark.parametrize("asked", QUESTIONS)
async def test_each_question_is_answered_in_time_or_the_venue_is_not_available(
    asked: str, fault: Fault
) -> None:
    moody = Moody(fault)
    venue = around(moody)
    with capture_logs() as logs:
        for _ in range(3):
            with pytest.raises(VenueUnavailable):
                await QUESTIONS[asked](venue)
        assert not is_available(venue)
        moody.fault = works
        await QUESTIONS[asked](venue)
        assert is_available(venue)
    assert [(each["event"], each["asked"]) for each in logs] == [
        ("the venue is not available", asked),
        ("the venue is available again", asked),
    ]
    assert logs[-1]["failed"] == 3


async def test_a_question_that_fails_says_nothing_of_another() -> None:
    moody = Moody(refuses)
    venue = around(moody)
    with pytest.raises(VenueUnavailable):
        await venue.submit(new_order(NAME))
    moody.fault = works
    assert await venue.history(NAME) == (REPORT,)
    assert not is_available(venue), "orders are not taken"


@pytest.mark.parametrize("fault", [breaks_off, times_out, refuses])
async def test_reports_that_break_off_are_a_venue_that_is_not_available(fault: Fault) -> None:
    with pytest.raises(VenueUnavailable):
        await anext(aiter(around(Moody(fault)).reports()))


async def test_a_fault_of_the_venues_own_code_is_raised_unchanged() -> None:
    async def fails() -> None:
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        await around(Moody(fails)).submit(new_order(NAME))


async def test_it_offers_the_capabilities_of_its_venue(tmp_path: Any) -> None:
    assert isinstance(around(Moody(works)), CancelsClientOrders)
    assert not isinstance(bounded(SharedVenue(tmp_path / "venue"), 1), CancelsClientOrders)
    assert await QUESTIONS["cancel client orders"](around(Moody(works))) == 2
