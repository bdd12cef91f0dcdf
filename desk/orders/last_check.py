"""The last look at an order before it leaves: the price collar holds then as it did when it was planned.

An order may have waited since: for its turn, for a locked account, for a venue that was away or for a desk
that did not run. What is beyond the collar by then is rejected by the desk; a person is told, and an
automatic liquidation is planned anew, within the collar.
"""

from datetime import datetime

from desk.assessment.attention import bring_to_attention
from desk.assessment.restore_automatic import restore_automatic_after_collar
from desk.audit import DISPATCHER
from desk.desk import Desk
from domain.events import OrderView
from domain.execution_check import Attention, Finding
from domain.market import Instrument, Quote
from domain.order import Order, OrderChange, RefusedTransition, mark_unfit
from domain.refusals import RefusalCode


def held_to_collar(
    desk: Desk, order: Order, instrument: Instrument, quote: Quote | None, now: datetime
) -> OrderChange | RefusedTransition | None:
    """The rejection of an order that is beyond the collar; None: it may leave."""
    why = desk.rules.plans.collar.objection(order, instrument, quote)
    return None if why is None else mark_unfit(order, now, f"{RefusalCode.PRICE_COLLAR}: {why}")


async def tell_unfit(desk: Desk, view: OrderView, now: datetime) -> None:
    """In the transaction that rejected it."""
    found = Finding(Attention.PRICE_COLLAR, f"it was not sent ({view.order.reason}); liquidate again")
    await bring_to_attention(desk, view, found, {}, now, by=DISPATCHER)
    await restore_automatic_after_collar(desk, view.order, now)
