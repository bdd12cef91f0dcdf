"""Send recorded orders and cancels to the venue, each at most once in flight.

"Sent" is committed before the venue is called. A crash in between leaves an order that we think was sent:
reconciliation asks the venue by the client order id and only then decides.
"""

import structlog

from desk.desk import Desk
from desk.order_steps import store_step
from desk.reconcile import reconcile_order
from domain.events import OrderView
from domain.ids import OrderId
from domain.order import Order, OrderChange, OrderStatus, mark_sent
from models import outbox
from models.book import lock_accounts
from models.database import transaction
from models.market import load_instruments, load_quotes
from models.order import load_by_client_order_id, orders_in
from models.report import note_mark
from venues.base import CancelRequest, NewOrder, Venue, VenueUnavailable

log = structlog.get_logger()


class Dispatcher:
    """The one sender of the desk; it remembers which cancels it has sent.

    One whose order has changed since is sent again: it may have been refused, and been asked for anew. A
    venue makes nothing of a repeated one.
    """

    def __init__(self, desk: Desk, venue: Venue, batch: int) -> None:
        self._desk = desk
        self._venue = venue
        self._batch = batch
        self._cancels_sent: dict[OrderId, int] = {}

    async def dispatch(self) -> int:
        """Send what is due, oldest first, at most a batch of each; how many messages went out."""
        queued = await orders_in([OrderStatus.QUEUED], self._batch)
        for view in queued:
            await self._send(view)
        return len(queued) + await self._send_cancels()

    async def _send(self, seen: OrderView) -> None:
        view = await self._mark_sent(seen)
        if view is None:
            return
        order = view.order
        instrument = (await load_instruments([order.symbol]))[order.symbol]
        try:
            await self._venue.submit(
                NewOrder(
                    order.client_order_id,
                    instrument,
                    order.side,
                    order.type,
                    order.time_in_force,
                    order.session,
                    order.quantity,
                    order.limit_price,
                )
            )
        except VenueUnavailable as unavailable:
            # It may have been taken: only asking the venue can tell, which the sweep for silent orders does.
            log.warning("the venue is not available", order=order.client_order_id, error=str(unavailable))

    async def _mark_sent(self, seen: OrderView) -> OrderView | None:
        async with transaction():
            await lock_accounts([seen.order.account_id])
            view = await load_by_client_order_id(seen.order.client_order_id)
            assert view is not None
            change = mark_sent(view.order, self._desk.clock())
            if not isinstance(change, OrderChange):
                return None
            event = await store_step(self._desk, view, change)
            quote = (await load_quotes([view.order.symbol])).get(view.order.symbol)
            await note_mark(view.order.id, change.order.updated_at, quote.mark if quote else None)
            await outbox.append([event])
        self._desk.on_commit()
        return event.view

    async def _send_cancels(self) -> int:
        pending = await orders_in([OrderStatus.PENDING_CANCEL], self._batch)
        self._forget_all_but({view.order.id for view in pending})
        due = [view for view in pending if self._cancels_sent.get(view.order.id) != view.order.version]
        for view in due:
            try:
                await self._send_cancel(view)
            except VenueUnavailable as unavailable:
                log.warning(
                    "the venue is not available", order=view.order.client_order_id, error=str(unavailable)
                )
        return len(due)

    async def _send_cancel(self, view: OrderView) -> None:
        order: Order | None = view.order
        if not view.order.acknowledged:
            # Perhaps the venue never had it; a cancel would then be refused and the order sent after all.
            await reconcile_order(self._desk, self._venue, view)
            current = await load_by_client_order_id(view.order.client_order_id)
            order = current.order if current else None
        if order is not None and order.status is OrderStatus.PENDING_CANCEL:
            await self._venue.cancel(CancelRequest(order.client_order_id))
            self._cancels_sent[order.id] = order.version

    def _forget_all_but(self, pending: set[OrderId]) -> None:
        for order_id in self._cancels_sent.keys() - pending:
            del self._cancels_sent[order_id]
