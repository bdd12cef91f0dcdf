"""The paper venue: a simulated exchange that trades against the current quotes.

It stands for an external system, so it has its own durable memory (venues/paper_journal.py): a restart
restores resting orders, histories and undelivered reports. Quotes are not part of it: resting orders wait for
the next one. `PaperBehaviour` switches faults of exchanges on. The same calls at the same times give the same
reports.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import assert_never

from domain.booking import trade_fee
from domain.calendar import NoCalendar, TradingCalendar, day_order_ends
from domain.execution import ExecType, ExecutionReport
from domain.ids import ClientOrderId, Symbol
from domain.market import Quote, TradeStatus
from domain.order import TimeInForce, TradingSession
from venues.base import CancelRequest, ClientOrderIdReused, NewOrder, VenueUnavailable
from venues.paper_book import BookFill, PaperBook, Resting
from venues.paper_delivery import Delivery
from venues.paper_journal import FileJournal, Header, Journal, NoJournal, Step
from venues.paper_ledger import PaperLedger


class CancelAnswer(StrEnum):
    """The answer to a cancel of a resting order."""

    PROMPT = "PROMPT"
    AFTER_NEXT_QUOTE = "AFTER_NEXT_QUOTE"
    """It takes effect after the next quote, which may still fill the order."""
    TOO_LATE = "TOO_LATE"
    """It is always refused."""
    LATE_FILL = "LATE_FILL"
    """It is acknowledged, and the next quote may still fill the order."""


class Connection(StrEnum):
    """The state of the connection to the venue."""

    UP = "UP"
    HANGING = "HANGING"
    """No answers until this ends; then pending calls are executed."""
    DOWN = "DOWN"
    """Messages are not accepted; reports wait."""
    ANSWER_LOST = "ANSWER_LOST"
    """Messages are accepted, but the caller gets `VenueUnavailable`."""


@dataclass(frozen=True, slots=True)
class PaperBehaviour:
    """Faults to rehearse. The default is an exchange without faults."""

    acknowledges_after_fill: bool = False
    repeats_reports: bool = False
    silent: bool = False
    """Accepts messages and trades, but reports nothing; `history` shows it."""
    cancel: CancelAnswer = CancelAnswer.PROMPT
    connection: Connection = Connection.UP
    ack_latency_s: float = 0
    """Delay of reports other than fills, counted from the order's last report."""
    fill_latency_s: float = 0
    """Delay of each fill, counted from the order's last report."""


@dataclass(frozen=True, slots=True)
class PaperSettings:
    """Settings that do not change while the venue runs."""

    name: str = "PAPER"
    fsync: bool = False
    """Write every step through to the disk: needed to survive a crash of the machine, not of the process."""
    max_waiting_reports: int = 100_000
    """With more undelivered reports than this no message is accepted (`VenueUnavailable`)."""
    max_quote_age: timedelta | None = None
    """Nothing trades on an older quote: orders wait for the next one. None: no limit."""


class PaperVenue:
    """A `Venue`. It needs quotes by `on_quote`, statuses by `on_trade_status`, and calls of `end_days`.

    Without a journal its memory ends with the process; its execution ids stay unique as long as no two
    processes start in the same microsecond. One process at a time has a journal (`JournalInUse`).
    """

    def __init__(
        self,
        clock: Callable[[], datetime],
        journal_path: Path | None = None,
        behaviour: PaperBehaviour = PaperBehaviour(),
        settings: PaperSettings = PaperSettings(),
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._behaviour = behaviour
        self._behaves_otherwise = asyncio.Event()
        self._book = PaperBook()
        self._delivery = Delivery()
        self._journal = _open_journal(journal_path, settings, clock().strftime("%Y%m%d%H%M%S%f"))
        self._ledger = PaperLedger(settings.name, clock, self._journal)
        self._closed = False
        self._client_orders: dict[str, list[NewOrder]] = {}
        for order, leaves, cancel_pending in self._ledger.working():
            self._book.rest(order, leaves).cancel_pending = cancel_pending
        for report in self._ledger.undelivered():
            self._delivery.put(report)
        self.behave(behaviour)

    @property
    def name(self) -> str:
        """The venue's name, from the settings."""
        return self._settings.name

    @property
    def unconfirmed(self) -> int:
        """The number of reports without a confirmation."""
        return self._delivery.waiting

    async def submit(self, order: NewOrder) -> None:
        """See `Venue`. An order that the book does not accept is reported as REJECTED."""
        await self._while_hanging()
        self._check_reachable()
        self._check_room()
        known = self._ledger.order(order.client_order_id)
        if known is None:
            self._take(order)
        elif not _same(known, order):
            raise ClientOrderIdReused(order.client_order_id)
        self._answer()

    async def cancel(self, request: CancelRequest) -> None:
        """See `Venue`."""
        await self._while_hanging()
        self._check_reachable()
        self._record(self._cancel(request.client_order_id))
        self._answer()

    async def reports(self) -> AsyncIterator[ExecutionReport]:
        """See `Venue`."""
        self._delivery.restart()
        while (report := await self._delivery.next()) is not None:
            yield report

    async def confirm(self, report: ExecutionReport) -> None:
        """See `Venue`."""
        if not self._closed and self._delivery.confirm(report):
            self._record(Step(delivered=report.execution_id))

    async def history(self, client_order_id: ClientOrderId) -> tuple[ExecutionReport, ...] | None:
        """See `Venue`."""
        await self._while_hanging()
        self._check_reachable()
        if self._ledger.order(client_order_id) is None:
            return None
        return self._ledger.history(client_order_id)

    def place_client_order(self, account_no: str, order: NewOrder) -> None:
        """Place a client's own order, as one held by a broker: it rests, never trades and is not
        journalled.
        """
        self._client_orders.setdefault(account_no, []).append(order)

    def client_orders(self, account_no: str) -> tuple[NewOrder, ...]:
        """The client's open orders, oldest first."""
        return tuple(self._client_orders.get(account_no, ()))

    def cancels(self, client_order_id: ClientOrderId) -> bool:
        """Whether a cancel of the order waits for the next quote."""
        resting = self._book.find(client_order_id)
        return resting is not None and resting.cancel_pending

    async def cancel_client_orders(self, account_no: str) -> int:
        """See `CancelsClientOrders`."""
        await self._while_hanging()
        self._check_reachable()
        cancelled = len(self._client_orders.pop(account_no, ()))
        self._answer()
        return cancelled

    async def close(self) -> None:
        """See `Venue`."""
        self._closed = True
        self._delivery.close()
        self._journal.close()

    def on_quote(self, quote: Quote) -> None:
        """Fill orders against the quote, then apply pending cancels.

        A quote older than the known one is ignored.
        """
        if not self._book.quote(quote):
            return
        reports = self._matched(quote.symbol)
        for resting in self._book.of_symbol(quote.symbol):
            if resting.cancel_pending:
                reports.append(self._end(resting, ExecType.CANCELED))
            elif resting.ghost:
                self._book.drop(resting)
        self._record(Step(reports=tuple(reports)))

    def on_trade_status(self, symbol: Symbol, status: TradeStatus, at: datetime | None = None) -> None:
        """Orders of the symbol trade only while it is TRADING; resting ones wait. An older status is
        ignored.
        """
        if self._book.set_status(symbol, status, at):
            self._record(Step(reports=tuple(self._matched(symbol))))

    def end_days(self, calendar_of: Callable[[str], TradingCalendar]) -> None:
        """Expire the DAY orders whose trading day has ended by their markets' calendars.

        Orders of a market without a calendar stay.
        """
        now = self._clock()
        over = [
            resting
            for resting in self._book.day_orders(None)
            if not resting.ghost and self._day_is_over(resting.order, calendar_of, now)
        ]
        self._record(Step(reports=tuple(self._end(resting, ExecType.EXPIRED) for resting in over)))

    def _day_is_over(
        self, order: NewOrder, calendar_of: Callable[[str], TradingCalendar], now: datetime
    ) -> bool:
        taken_at = self._ledger.history(order.client_order_id)[0].at
        try:
            calendar = calendar_of(order.instrument.market)
            ends = day_order_ends(calendar, taken_at, any_session=order.session is TradingSession.ANY)
        except NoCalendar:
            return False
        return ends <= now

    def end_of_day(self, market: str | None = None) -> None:
        """Expire the DAY orders of the market, of all markets if None."""
        reports = [
            self._end(resting, ExecType.EXPIRED)
            for resting in self._book.day_orders(market)
            if not resting.ghost
        ]
        self._record(Step(reports=tuple(reports)))

    def behave(self, behaviour: PaperBehaviour) -> None:
        """Change the behaviour from now on."""
        self._behaviour = behaviour
        self._behaves_otherwise.set()
        self._behaves_otherwise.clear()
        self._delivery.hold(behaviour.silent or behaviour.connection in (Connection.DOWN, Connection.HANGING))

    def speak(self) -> None:
        """End the silence and report everything held back."""
        self.behave(replace(self._behaviour, silent=False))

    def _take(self, order: NewOrder) -> None:
        objection = self._book.objection(order)
        if objection is not None:
            rejected = self._ledger.report(order.client_order_id, ExecType.REJECTED, text=objection)
            self._record(Step(order=order, reports=(rejected,)))
            return
        resting = self._book.rest(order, order.quantity)
        acknowledged = self._ledger.report(order.client_order_id, ExecType.NEW)
        fills = self._matched(resting.symbol)
        after = self._behaviour.acknowledges_after_fill
        reports = [*fills, acknowledged] if after else [acknowledged, *fills]
        if order.time_in_force is TimeInForce.IOC and resting.leaves:
            reports.append(self._end(resting, ExecType.CANCELED, "IOC: the rest found no match"))
        self._record(Step(order=order, reports=tuple(reports)))

    def _cancel(self, client_order_id: ClientOrderId) -> Step:
        resting = self._book.find(client_order_id)
        if resting is None or resting.ghost:
            known = self._ledger.order(client_order_id) is not None
            return self._refuse_cancel(client_order_id, "too late" if known else "unknown order")
        if resting.cancel_pending:
            return Step()
        match self._behaviour.cancel:
            case CancelAnswer.PROMPT:
                return Step(reports=(self._end(resting, ExecType.CANCELED),))
            case CancelAnswer.LATE_FILL:
                resting.ghost = True
                return Step(reports=(self._ledger.report(client_order_id, ExecType.CANCELED),))
            case CancelAnswer.AFTER_NEXT_QUOTE:
                resting.cancel_pending = True
                return Step(cancel_pending=client_order_id)
            case CancelAnswer.TOO_LATE:
                return self._refuse_cancel(client_order_id, "too late")
            case unreachable:
                assert_never(unreachable)

    def _refuse_cancel(self, client_order_id: ClientOrderId, why: str) -> Step:
        return Step(reports=(self._ledger.report(client_order_id, ExecType.CANCEL_REJECTED, text=why),))

    def _end(self, resting: Resting, exec_type: ExecType, text: str | None = None) -> ExecutionReport:
        self._book.drop(resting)
        return self._ledger.report(resting.order.client_order_id, exec_type, text=text)

    def _matched(self, symbol: Symbol) -> list[ExecutionReport]:
        age = self._settings.max_quote_age
        not_before = None if age is None else self._clock() - age
        return [self._trade(fill) for fill in self._book.match(symbol, not_before)]

    def _trade(self, fill: BookFill) -> ExecutionReport:
        order = fill.resting.order
        fee = trade_fee(order.instrument, fill.quantity, fill.price)
        return self._ledger.report(order.client_order_id, ExecType.TRADE, fill.quantity, fill.price, fee)

    def _record(self, step: Step) -> None:
        """Record first, then deliver: the venue never forgets what it reported."""
        try:
            self._ledger.record(step)
        except OSError as error:
            raise VenueUnavailable(f"{self.name} cannot write its journal") from error
        for report in step.reports:
            is_trade = report.exec_type is ExecType.TRADE
            latency_s = self._behaviour.fill_latency_s if is_trade else self._behaviour.ack_latency_s
            for _ in range(2 if self._behaviour.repeats_reports else 1):
                self._delivery.put(report, latency_s)

    async def _while_hanging(self) -> None:
        while self._behaviour.connection is Connection.HANGING:
            await self._behaves_otherwise.wait()

    def _check_reachable(self) -> None:
        if self._closed or self._behaviour.connection is Connection.DOWN:
            raise VenueUnavailable(f"{self.name} cannot be reached")
        if not self._ledger.writable:
            raise VenueUnavailable(f"{self.name} cannot write its journal")

    def _check_room(self) -> None:
        if self._delivery.waiting > self._settings.max_waiting_reports:
            raise VenueUnavailable(f"{self.name} waits until its reports are read")

    def _answer(self) -> None:
        if self._behaviour.connection is Connection.ANSWER_LOST:
            raise VenueUnavailable(f"{self.name} accepted the message, but the answer was lost")


def _same(known: NewOrder, order: NewOrder) -> bool:
    """Whether the orders are equal; the data of the instrument may have changed in between."""
    return known.instrument.symbol == order.instrument.symbol and known == replace(
        order, instrument=known.instrument
    )


def _open_journal(path: Path | None, settings: PaperSettings, epoch: str) -> Journal:
    if path is None:
        return NoJournal(epoch)
    return FileJournal(path, Header(settings.name, epoch), settings.fsync)
