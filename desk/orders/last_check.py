"""The last check before an order is sent: the price collar applies then as it did in the plan.

The order may have waited: for its turn, for a locked account, for an unavailable venue, or while the desk did
not run. The desk rejects an order that is now beyond the collar; operators are notified, and an automatic
liquidation is planned again, within the collar.
"""

from datetime import datetime

from desk.assessment.attention import bring_to_attention
from desk.assessment.restore_automatic import restore_automatic_after_collar
from desk.audit import DISPATCHER
from desk.context import DeskContext
from domain.events import OrderView
from domain.execution_check import Attention, Finding
from domain.market import Instrument, Quote
from domain.order import Order, OrderChange, RefusedTransition, mark_unfit
from domain.phrase import DetailCode, phrase
from domain.refusals import RefusalCode


def held_to_collar(
    desk: DeskContext, order: Order, instrument: Instrument, quote: Quote | None, now: datetime
) -> OrderChange | RefusedTransition | None:
    """The rejection of an order that is beyond the collar; None: it may be sent."""
    why = desk.policy.plans.collar.objection(order, instrument, quote)
    return None if why is None else mark_unfit(order, now, f"{RefusalCode.PRICE_COLLAR}: {why}")


async def report_unfit(desk: DeskContext, view: OrderView, now: datetime) -> None:
    """Report the rejected order, in the transaction that rejected it."""
    reason = view.order.reason or RefusalCode.PRICE_COLLAR
    finding = Finding(Attention.PRICE_COLLAR, phrase(DetailCode.NOT_SENT, reason=reason))
    await bring_to_attention(desk, view, finding, {}, now, by=DISPATCHER)
    await restore_automatic_after_collar(desk, view.order, now)
