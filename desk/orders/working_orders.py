"""Ask the venue about every order that may still trade, so that a lost report is found in seconds.

A working order is asked about once per interval, and as soon as the day of a DAY order has ended; an order on
which the venue is silent, after its time to answer. Rounds are bounded and cover all orders in turn, oldest
first. An order whose venue or account fails is left to a later round and delays no other. Missed reports are
booked exactly once, by execution id.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from desk.assessment.attention import bring_to_attention, was_brought_to_attention
from desk.audit import RECONCILER
from desk.context import DeskContext
from desk.fair_scheduler import FairScheduler
from desk.orders.reconcile import SILENT, WITH_VENUE, mark_silent, reconcile_order
from domain.calendar import NoCalendar, day_order_ends
from domain.events import OrderView
from domain.execution_check import Attention, Finding
from domain.ids import ClientOrderId, OrderId
from domain.order import Order, TimeInForce, TradingSession
from domain.phrase import DetailCode, phrase
from models.book import lock_accounts
from models.market import load_instruments
from models.order import load_by_client_order_id, orders_after
from models.set_aside import note_asked, set_aside_to_ask
from models.sql.database import transaction
from outages.log import OutageLogs
from venues.base import Venue, VenueUnavailable

DAY_END_GRACE = timedelta(minutes=5)
"""The time after the close in which a venue may report that an order of the regular session has expired."""
FAILURES_MAX = 5
"""After this many failures in a row the venue is not asked until the next round."""


@dataclass(frozen=True, slots=True)
class Questions:
    """When a venue is asked, and about how many orders at most per round."""

    interval: timedelta
    ack_timeout: timedelta
    batch: int

    @property
    def round_every(self) -> timedelta:
        """An interval short enough to find due orders in time."""
        return min(self.interval, self.ack_timeout / 2)


class WorkingOrders:
    """Remembers when each order was last asked about; one per leader and venue."""

    def __init__(
        self, desk: DeskContext, venue: Venue, scheduler: FairScheduler, questions: Questions
    ) -> None:
        self._desk = desk
        self._venue = venue
        self._scheduler = scheduler
        self._questions = questions
        self._after: tuple[datetime, str] | None = None
        self._questioned_at: dict[OrderId, datetime] = {}
        self._seen: set[OrderId] = set()
        self._seen_silent: set[ClientOrderId] = set()
        self._reported: set[tuple[OrderId, Attention]] = set()
        self._failures = 0
        self._silent = OutageLogs(
            "client_order_id", "the venue does not report on an order", "the venue reports on the order again"
        )

    async def ask_all(self) -> None:
        """Rounds until all orders were asked about, or the venue is not available."""
        while await self.ask():
            pass

    async def ask(self) -> bool:
        """One round, over at most a batch of orders; returns whether orders of this pass remain."""
        self._failures = 0
        await self._ask_about_set_aside()
        views = await orders_after(WITH_VENUE, self._after, self._questions.batch)
        for view in views:
            if self._failures >= FAILURES_MAX:
                return False
            self._after = (view.order.created_at, view.order.id)
            self._seen.add(view.order.id)
            if view.order.status in SILENT:
                self._seen_silent.add(view.order.client_order_id)
            if await self._is_due(view.order):
                await self._ask_about(view)
        if len(views) == self._questions.batch:
            return True
        self._restart()
        return False

    def _restart(self) -> None:
        """Start the next pass, and forget orders that are no longer at the venue."""
        self._after = None
        self._questioned_at = {id_: at for id_, at in self._questioned_at.items() if id_ in self._seen}
        self._reported = {(id_, kind) for id_, kind in self._reported if id_ in self._seen}
        self._silent.only(self._seen_silent)
        self._seen, self._seen_silent = set(), set()

    async def _is_due(self, order: Order) -> bool:
        now, questioned_at = self._desk.clock(), self._questioned_at.get(order.id)
        if order.status in SILENT:
            return (
                now - max(order.updated_at, questioned_at or order.updated_at) >= self._questions.ack_timeout
            )
        last = questioned_at or order.updated_at
        if now - last >= self._questions.interval:
            return True
        ends = await self._day_ends(order)
        return ends is not None and last < ends <= now

    async def _ask_about(self, view: OrderView) -> None:
        who = view.order.account_id
        if not self._scheduler.waits(who):
            await self._scheduler.run(who, "a question to the venue", partial(self._question, view))

    async def _question(self, view: OrderView) -> None:
        order = view.order
        self._questioned_at[order.id] = self._desk.clock()
        if order.status in SILENT:
            self._silent.report(order.client_order_id, "no answer in time")
            await mark_silent(self._desk, view, wait=False)
        try:
            denied = await reconcile_order(self._desk, self._venue, view, wait=False)
        except VenueUnavailable:
            self._failures += 1
            return
        self._failures = 0
        if denied is not None:
            reason = phrase(DetailCode.NEVER_RECEIVED, contradiction=phrase(denied))
            await self._report_once(view, Finding(Attention.CONTRADICTION, reason))
        elif await self._outlived_its_day(order):
            await self._report_once(view, Finding(Attention.DAY_ENDED, phrase(DetailCode.DAY_ENDED)))

    async def _outlived_its_day(self, order: Order) -> bool:
        if order.session is not TradingSession.REGULAR:
            return False
        ends = await self._day_ends(order)
        if ends is None or self._desk.clock() < ends + DAY_END_GRACE:
            return False
        current = await load_by_client_order_id(order.client_order_id)
        return current is not None and current.order.status in WITH_VENUE

    async def _day_ends(self, order: Order) -> datetime | None:
        """None if the order has no such day, or its market has no calendar."""
        if order.time_in_force is TimeInForce.GTC:
            return None
        instrument = (await load_instruments([order.symbol])).get(order.symbol)
        if instrument is None:
            # An unreadable row must not end the round.
            return None
        try:
            return day_order_ends(self._desk.calendar_of(instrument.market), order.created_at)
        except NoCalendar:
            return None

    async def _report_once(self, view: OrderView, finding: Finding) -> None:
        if (view.order.id, finding.kind) in self._reported:
            return
        async with transaction():
            await lock_accounts([view.order.account_id], wait=False)
            # An earlier leader may have reported it.
            if not await was_brought_to_attention(view.order, finding.kind):
                await bring_to_attention(self._desk, view, finding, {}, self._desk.clock(), by=RECONCILER)
        self._reported.add((view.order.id, finding.kind))
        self._desk.on_commit()

    async def _ask_about_set_aside(self) -> None:
        """Compare set-aside reports with everything the venue reports about their orders, once."""
        for each in await set_aside_to_ask(self._questions.batch):
            who = each.view.order.account_id
            if self._failures < FAILURES_MAX and not self._scheduler.waits(who):
                ask = partial(self._compare_set_aside, each.id, each.view)
                await self._scheduler.run(who, "a question to the venue", ask)

    async def _compare_set_aside(self, report_id: str, view: OrderView) -> None:
        try:
            await reconcile_order(self._desk, self._venue, view, wait=False)
        except VenueUnavailable:
            self._failures += 1
            return
        await note_asked([report_id], self._desk.clock())
