"""Send recorded orders and cancels to the venue, each at most once in flight.

"Sent" is committed before the venue is called. A crash in between leaves an order that counts as sent:
reconciliation asks the venue by the client order id and only then decides. Whether this process still leads
is checked in that transaction and again right before the order is sent: a process that was frozen in between
sends nothing, and its successor decides about the order.

Accounts are independent: one that is locked, or that the desk fails at, waits and delays no other.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial

from desk.context import DeskContext
from desk.fair_scheduler import FairScheduler
from desk.order_steps import store_step
from desk.orders.client_orders import cancel_client_orders
from desk.orders.last_check import held_to_collar, report_unfit
from desk.orders.reconcile import reconcile_order
from domain.events import AccountReference, OrderView
from domain.ids import AccountId, OrderId
from domain.kill_switch import KillSwitch
from domain.market import Instrument
from domain.order import Order, OrderChange, OrderStatus, RefusedTransition, act, mark_sent
from domain.order_states import OrderTrigger
from domain.principal import EVERYTHING
from models import outbox
from models.book import lock_accounts
from models.kill_switch import guard_sending, switch_over
from models.market import load_instruments, load_quotes
from models.order import load_by_client_order_id, load_orders, orders_in, pending_cancels
from models.report import note_mark
from models.sql.database import transaction
from venues.base import CancelRequest, NewOrder, Venue, VenueUnavailable

PENDING_CANCELS_MAX = 10_000
"""Pending cancels that one round searches for those still to be sent."""
FAILURES_MAX = 3
"""After this many failures in a row the round stops calling the venue: orders then stay where they can be
cancelled without it, and cancels get their turn.
"""


class Dispatcher:
    """The only sender of the desk; it remembers which cancels it has sent.

    A cancel whose order has changed since is sent again: the venue may have refused it, and it was requested
    again. A repeated cancel does no harm.
    """

    def __init__(
        self,
        desk: DeskContext,
        venue: Venue,
        batch: int,
        scheduler: FairScheduler | None = None,
        *,
        clear_client_orders: bool = True,
    ) -> None:
        """Without `scheduler`, a fault at an account ends the round.

        `clear_client_orders`: first cancel the clients' own orders in these accounts, if the venue supports
        it.
        """
        self._desk = desk
        self._venue = venue
        self._batch = batch
        self._scheduler = scheduler
        self._clear_client_orders = clear_client_orders
        self._cancels_sent: dict[OrderId, int] = {}
        self._held_up: set[AccountId] = set()
        self._failures = 0

    @property
    def held_up(self) -> frozenset[AccountId]:
        """Accounts whose orders and cancels wait for their next turn."""
        return frozenset(self._held_up)

    async def dispatch(self) -> int:
        """Send what is due, oldest first, at most a batch of orders and of cancels; returns the number of
        messages sent.
        """
        if self._scheduler is not None:
            self._held_up = {id_ for id_ in self._held_up if self._scheduler.waits(id_)}
        self._failures = 0
        queued = await orders_in([OrderStatus.QUEUED], self._batch, but_not_of=self._held_up)
        for account, views in _by_account(queued):
            await self._turn(account.account_id, partial(self._send_all, account, views))
        given_up, self._failures = self._failures >= FAILURES_MAX, 0
        sent = await self._send_cancels()
        # The rest waits for the next round, which comes after a pause.
        return 0 if given_up or self._failures >= FAILURES_MAX else len(queued) + sent

    async def _turn(self, account_id: AccountId, work: Callable[[], Awaitable[None]]) -> None:
        if self._scheduler is None:
            await work()
        elif await self._scheduler.run(account_id, "orders to the venue", work) is not None:
            self._held_up.add(account_id)

    async def _send_all(self, account: AccountReference, views: Sequence[OrderView]) -> None:
        """Send the account's messages.

        The client's own orders could trade against the desk's, or hold stock that the desk sells, so they are
        cancelled first; while the venue is not available, the desk's orders wait.
        """
        if self._failures >= FAILURES_MAX:
            return
        if self._clear_client_orders:
            await cancel_client_orders(self._desk, self._venue, account)
        for view in views:
            if self._failures < FAILURES_MAX:
                await self._send(view)

    async def _send(self, seen: OrderView) -> None:
        instrument = (await load_instruments([seen.order.symbol], strict=True))[seen.order.symbol]
        view = await self._mark_sent(seen, instrument)
        if view is None:
            return
        order = view.order
        message = NewOrder(
            order.client_order_id,
            instrument,
            order.side,
            order.type,
            order.time_in_force,
            order.session,
            order.quantity,
            order.limit_price,
        )
        await self._desk.leadership.check()
        # No await between this and the venue call: a process that was frozen here detects it by its own
        # clock.
        self._desk.leadership.require_unexpired()
        try:
            await self._venue.submit(message)
            self._failures = 0
        except VenueUnavailable:
            # The venue may have accepted it: the questions about silent orders find out.
            self._failures += 1

    async def _mark_sent(self, seen: OrderView, instrument: Instrument) -> OrderView | None:
        async with transaction():
            await lock_accounts([seen.order.account_id], wait=self._scheduler is None)
            await self._desk.leadership.check()
            view = await load_by_client_order_id(seen.order.client_order_id)
            assert view is not None
            # A switch that is set from here on waits until this order counts as sent.
            await guard_sending()
            frozen = await switch_over(view.account, view.order.created_at)
            now = self._desk.clock()
            quote = (await load_quotes([view.order.symbol])).get(view.order.symbol)
            if frozen is not None:
                change = _killed(view.order, frozen, now)
            else:
                unfit = held_to_collar(self._desk, view.order, instrument, quote, now)
                change = unfit or mark_sent(view.order, now)
            if not isinstance(change, OrderChange):
                return None
            event = await store_step(self._desk, view, change)
            await outbox.append([event])
            sent = event.view if change.trigger is OrderTrigger.SENT else None
            if sent is not None:
                await note_mark(view.order.id, now, quote.mark if quote else None)
            elif change.trigger is OrderTrigger.CHECK_FAILED:
                await report_unfit(self._desk, event.view, now)
        self._desk.on_commit()
        return sent

    async def _send_cancels(self) -> int:
        pending = await pending_cancels(PENDING_CANCELS_MAX, but_not_of=self._held_up)
        self._forget_all_but(set(pending))
        due = [id_ for id_, version in pending.items() if self._cancels_sent.get(id_) != version]
        views = await load_orders(EVERYTHING, due[: self._batch])
        for view in views.values():
            await self._turn(view.order.account_id, partial(self._try_cancel, view))
        return len(views)

    async def _try_cancel(self, view: OrderView) -> None:
        if self._failures >= FAILURES_MAX:
            return
        try:
            await self._send_cancel(view)
            self._failures = 0
        except VenueUnavailable:
            self._failures += 1

    async def _send_cancel(self, view: OrderView) -> None:
        order: Order | None = view.order
        if not view.order.acknowledged:
            # The venue may never have received the order: it would refuse the cancel, and the order could
            # still be sent later.
            await reconcile_order(self._desk, self._venue, view, wait=self._scheduler is None)
            current = await load_by_client_order_id(view.order.client_order_id)
            order = current.order if current else None
        if order is not None and order.status is OrderStatus.PENDING_CANCEL:
            await self._venue.cancel(CancelRequest(order.client_order_id))
            self._cancels_sent[order.id] = order.version

    def _forget_all_but(self, pending: set[OrderId]) -> None:
        for order_id in self._cancels_sent.keys() - pending:
            del self._cancels_sent[order_id]


def _by_account(views: Sequence[OrderView]) -> list[tuple[AccountReference, list[OrderView]]]:
    """Sorted by each account's oldest order."""
    grouped: dict[AccountId, list[OrderView]] = {}
    for view in views:
        grouped.setdefault(view.order.account_id, []).append(view)
    return [(group[0].account, group) for group in grouped.values()]


def _killed(order: Order, switch: KillSwitch, now: datetime) -> OrderChange | RefusedTransition:
    """An order that was waiting when a kill switch was set is cancelled and does not wait for the switch to
    end.
    """
    return act(order, OrderTrigger.KILLED, now, f"kill switch: {switch.reason}")
