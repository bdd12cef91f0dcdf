"""Send recorded orders and cancels to the venue, each at most once in flight.

"Sent" is committed before the venue is called. A crash in between leaves an order that we think was sent:
reconciliation asks the venue by the client order id and only then decides. Whether this process still leads
is looked at in that transaction and again right before the order leaves: one that was frozen in between sends
nothing, and its successor decides about the order.

Accounts take turns: one that is locked, or that the desk fails at, waits and holds up no other.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial

from desk.desk import Desk
from desk.order_steps import store_step
from desk.orders.client_orders import cancel_client_orders
from desk.orders.last_check import held_to_collar, tell_unfit
from desk.orders.reconcile import reconcile_order
from desk.turns import Turns
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
"""Cancels under way that one round looks through for those that are still to be sent."""
FAILURES_MAX = 3
"""A venue that fails so often in a row is left alone for the rest of the round: then orders stay where they
can be called off without it, and cancels have their turn."""


class Dispatcher:
    """The one sender of the desk; it remembers which cancels it has sent.

    One whose order has changed since is sent again: it may have been refused, and been asked for anew. A
    venue makes nothing of a repeated one.
    """

    def __init__(
        self,
        desk: Desk,
        venue: Venue,
        batch: int,
        turns: Turns | None = None,
        *,
        clear_client_orders: bool = True,
    ) -> None:
        """`turns`: without them what an account raises ends the round.

        `clear_client_orders`: first cancel what clients ordered themselves in the accounts, if it can.
        """
        self._desk = desk
        self._venue = venue
        self._batch = batch
        self._turns = turns
        self._clear_client_orders = clear_client_orders
        self._cancels_sent: dict[OrderId, int] = {}
        self._held_up: set[AccountId] = set()
        self._failures = 0

    @property
    def held_up(self) -> frozenset[AccountId]:
        """Accounts whose orders and cancels wait for their next turn."""
        return frozenset(self._held_up)

    async def dispatch(self) -> int:
        """Send what is due, oldest first, at most a batch of each; how many messages went out."""
        if self._turns is not None:
            self._held_up = {id_ for id_ in self._held_up if self._turns.waits(id_)}
        self._failures = 0
        queued = await orders_in([OrderStatus.QUEUED], self._batch, but_not_of=self._held_up)
        for account, views in _by_account(queued):
            await self._turn(account.account_id, partial(self._send_all, account, views))
        given_up, self._failures = self._failures >= FAILURES_MAX, 0
        sent = await self._send_cancels()
        # What is left waits for the next round, which comes after a pause.
        return 0 if given_up or self._failures >= FAILURES_MAX else len(queued) + sent

    async def _turn(self, account_id: AccountId, work: Callable[[], Awaitable[None]]) -> None:
        if self._turns is None:
            await work()
        elif await self._turns.take(account_id, "orders to the venue", work) is not None:
            self._held_up.add(account_id)

    async def _send_all(self, account: AccountReference, views: Sequence[OrderView]) -> None:
        """The client's own orders would trade against ours, or hold what we are to sell. They are cancelled
        before anything of ours is sent; a venue that is away gets ours no more than the wish."""
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
        # No await between this and the venue: a process that was frozen here knows it by its own clock.
        self._desk.leadership.require_unexpired()
        try:
            await self._venue.submit(message)
            self._failures = 0
        except VenueUnavailable:
            # It may have been taken: only asking the venue can tell, which the sweep for silent orders does.
            self._failures += 1

    async def _mark_sent(self, seen: OrderView, instrument: Instrument) -> OrderView | None:
        async with transaction():
            await lock_accounts([seen.order.account_id], wait=self._turns is None)
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
                await tell_unfit(self._desk, event.view, now)
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
            # Perhaps the venue never had it; a cancel would then be refused and the order sent after all.
            await reconcile_order(self._desk, self._venue, view, wait=self._turns is None)
            current = await load_by_client_order_id(view.order.client_order_id)
            order = current.order if current else None
        if order is not None and order.status is OrderStatus.PENDING_CANCEL:
            await self._venue.cancel(CancelRequest(order.client_order_id))
            self._cancels_sent[order.id] = order.version

    def _forget_all_but(self, pending: set[OrderId]) -> None:
        for order_id in self._cancels_sent.keys() - pending:
            del self._cancels_sent[order_id]


def _by_account(views: Sequence[OrderView]) -> list[tuple[AccountReference, list[OrderView]]]:
    """In the order of each account's oldest."""
    grouped: dict[AccountId, list[OrderView]] = {}
    for view in views:
        grouped.setdefault(view.order.account_id, []).append(view)
    return [(group[0].account, group) for group in grouped.values()]


def _killed(order: Order, switch: KillSwitch, now: datetime) -> OrderChange | RefusedTransition:
    """The order that waited when a kill switch came does not wait for its end."""
    return act(order, OrderTrigger.KILLED, now, f"kill switch: {switch.reason}")
