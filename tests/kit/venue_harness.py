"""What the venue suite needs around a venue: a market to move, bad days to switch on, and a crash.

A further venue passes the suite by a further harness: a FIX venue, for example, against a simulated
counterparty whose market and behaviour the harness drives.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Protocol

from domain.execution import ExecutionReport
from domain.ids import ClientOrderId, Symbol
from domain.market import Instrument, InstrumentKind, Quote, TradeStatus
from domain.money import Currency
from domain.order import OrderSide, OrderType, TimeInForce, TradingSession
from tests.kit.patience import PATIENCE_S
from venues.base import NewOrder, Venue
from venues.paper import PaperBehaviour, PaperVenue

TENCENT = Instrument(
    symbol=Symbol("700.HK"),
    name="Tencent",
    market="XHKG",
    currency=Currency("HKD"),
    kind=InstrumentKind.STOCK,
    lot_size=Decimal(100),
    multiplier=Decimal(1),
    fee_rate=Decimal("0.0013"),
    trade_status=TradeStatus.TRADING,
)


def new_order(
    client_order_id: str,
    quantity: int = 1000,
    limit: str | None = "399.80",
    side: OrderSide = OrderSide.SELL,
    time_in_force: TimeInForce = TimeInForce.DAY,
) -> NewOrder:
    """An order in `TENCENT`; without a limit a market order."""
    return NewOrder(
        client_order_id=ClientOrderId(client_order_id),
        instrument=TENCENT,
        side=side,
        type=OrderType.MARKET if limit is None else OrderType.LIMIT,
        time_in_force=time_in_force,
        session=TradingSession.REGULAR,
        quantity=Decimal(quantity),
        limit_price=None if limit is None else Decimal(limit),
    )


class VenueHarness(Protocol):
    """A venue under test with everything around it."""

    venue: Venue

    def quote(self, bid: str | None, ask: str, bid_size: int | None = None) -> None:
        """The market in `TENCENT` moves; without a size the market takes any quantity."""
        ...

    def trade_status(self, status: TradeStatus) -> None:
        """`TENCENT` trades, or does not."""
        ...

    def end_of_day(self) -> None:
        """The trading day ends."""
        ...

    def client_orders(self, account_no: str, *orders: NewOrder) -> None:
        """The client orders himself, not through the desk; only of a venue that knows of such orders."""
        ...

    def behave(self, behaviour: PaperBehaviour) -> None:
        """The venue's side of the line has this kind of day from now on."""
        ...

    async def reports(self, count: int) -> list[ExecutionReport]:
        """The next reports, confirmed to the venue except for the last."""
        ...

    async def nothing_more(self) -> bool:
        """No report is waiting."""
        ...

    async def crash(self) -> None:
        """The desk's process is killed and started again."""
        ...

    async def close(self) -> None:
        """End the test."""
        ...


class Ticks:
    """A clock that moves by a second whenever it is looked at."""

    def __init__(self) -> None:
        self._now = datetime(2020, 3, 9, 9, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        self._now += timedelta(seconds=1)
        return self._now


class PaperHarness:
    """The paper venue, with a journal in `directory` or without one."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._starts = 0
        self._last: ExecutionReport | None = None
        self._clock = Ticks()
        self._start()

    def quote(self, bid: str | None, ask: str, bid_size: int | None = None) -> None:
        self.paper.on_quote(
            Quote(
                symbol=TENCENT.symbol,
                at=self._clock(),
                bid=None if bid is None else Decimal(bid),
                ask=Decimal(ask),
                last=Decimal(ask),
                bid_size=None if bid_size is None else Decimal(bid_size),
            )
        )

    def trade_status(self, status: TradeStatus) -> None:
        self.paper.on_trade_status(TENCENT.symbol, status)

    def end_of_day(self) -> None:
        self.paper.end_of_day()

    def client_orders(self, account_no: str, *orders: NewOrder) -> None:
        for order in orders:
            self.paper.place_client_order(account_no, order)

    def behave(self, behaviour: PaperBehaviour) -> None:
        self.paper.behave(behaviour)

    async def reports(self, count: int) -> list[ExecutionReport]:
        reports = []
        async with asyncio.timeout(PATIENCE_S):
            for _ in range(count):
                if self._last is not None:
                    await self.venue.confirm(self._last)
                self._last = await anext(self._reports)
                reports.append(self._last)
        return reports

    async def nothing_more(self) -> bool:
        return self.paper.unconfirmed == (0 if self._last is None else 1)

    async def crash(self) -> None:
        """A kill leaves the journal as it is on the disk at this moment, so the next start gets a copy."""
        assert self._directory is not None
        dead, journal = self.venue, self._journal
        self._start(copy_of=journal)
        await dead.close()

    async def close(self) -> None:
        await self.venue.close()

    def _start(self, copy_of: Path | None = None) -> None:
        self._starts += 1
        self._last = None
        self._journal = self._directory and self._directory / f"start-{self._starts}.jsonl"
        if copy_of is not None and self._journal is not None:
            shutil.copyfile(copy_of, self._journal)
        self.paper = PaperVenue(self._clock, self._journal)
        self.venue: Venue = self.paper
        self._reports: AsyncIterator[ExecutionReport] = self.venue.reports()
