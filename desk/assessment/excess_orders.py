"""Compare open orders with positions and cancel those that could sell more than is held.

Part of every assessment, of every statement and of every booking, in the caller's transaction and under its
lock. Where a cancel may come too late, operators are notified before the position changes its sign.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from desk.assessment.attention import bring_account_to_attention, bring_to_attention
from desk.assessment.restore_automatic import restore_automatic_after_excess
from desk.audit import BOOK, MONITOR
from desk.context import DeskContext
from desk.order_steps import store_step
from domain.book_changes import PositionStated
from domain.events import OrderView
from domain.excess import Excess, find_excess, is_turned
from domain.execution_check import Attention, Finding
from domain.expiry import Life
from domain.ids import AccountId, Symbol
from domain.margin import Holding
from domain.money import ZERO, plain_text
from domain.order import CancelCause, Order, OrderChange, ask_cancel
from domain.phrase import DetailCode, phrase
from models import outbox
from models.book import AccountBook, load_books
from models.holding import quantity_of
from models.order import open_orders_of

ASK_AGAIN_AFTER = timedelta(seconds=5)
"""The wait before a cancel of an excess order that the venue refused is requested again."""


async def compare_with_statement(
    desk: DeskContext, account_id: AccountId, stated: PositionStated, before: Decimal
) -> None:
    """Compare open orders with a stored statement; `before` is the position before it."""
    now, symbol = desk.clock(), stated.symbol
    held = await quantity_of(account_id, symbol)
    if is_turned(stated.quantity, held):
        reason = phrase(DetailCode.FILLS_TURN_STATEMENT, symbol=symbol, stated=stated.quantity, held=held)
        finding = Finding(Attention.SIGN_CHANGED, reason)
        await bring_account_to_attention(desk, account_id, finding, {"symbol": symbol}, now, by=BOOK)
    orders = await open_orders_of([account_id])
    if held != before and any(view.order.symbol == symbol for view in orders):
        account = (await load_books([account_id], desk.policy.books, now))[account_id]
        await call_off_excess(desk, account, orders, now, moved=symbol)


async def call_off_excess(
    desk: DeskContext,
    account: AccountBook,
    orders: Sequence[OrderView],
    now: datetime,
    moved: Symbol | None = None,
) -> list[OrderView]:
    """Request cancels for the quantity that exceeds the positions; returns the updated orders.

    `moved`: an instrument whose position has just changed. The risk of its orders is reported even if all
    cancels were requested before.
    """
    views = {view.order.id: view for view in orders}
    for excess in find_excess(reducible_positions(account), [view.order for view in orders]):
        due = [order for order in excess.call_off if not _refused_lately(order, now)]
        for order in due:
            views[order.id] = await _call_off(desk, views[order.id], excess, now)
        if excess.at_risk and not due and excess.symbol == moved:
            await _warn(desk, [view for view in views.values() if _concerns(view.order, excess)], excess, now)
    return [view for view in views.values() if not view.order.terminal]


def exceeds(account: AccountBook, orders: Sequence[OrderView], now: datetime) -> bool:
    """Whether `call_off_excess` would request a cancel."""
    if not orders:
        return False
    excesses = find_excess(reducible_positions(account), [view.order for view in orders])
    return any(not _refused_lately(order, now) for excess in excesses for order in excess.call_off)


def reducible_positions(account: AccountBook) -> Mapping[Symbol, Decimal]:
    """The quantity that orders may still reduce; 0 for dead or expired instruments, which do not trade."""
    return {
        held.instrument.symbol: ZERO if _is_over(held) else held.quantity for held in account.book.holdings
    }


def _is_over(held: Holding) -> bool:
    return held.dead or held.life is not Life.ALIVE


async def _call_off(desk: DeskContext, view: OrderView, excess: Excess, now: datetime) -> OrderView:
    order = view.order
    why = f"open orders exceeded the {plain_text(excess.held)} {excess.symbol} that can be closed"
    change = ask_cancel(order, now, why, CancelCause.EXCESS)
    assert isinstance(change, OrderChange), "what is open can be cancelled"
    if change.unchanged:
        return view
    step = await store_step(desk, view, change, by=MONITOR)
    await outbox.append([step])
    if order.cancel_cause is not CancelCause.EXCESS:
        if change.order.terminal:
            reason = phrase(DetailCode.EXCESS_CANCELLED, open=excess.open_in_all, held=excess.held)
        else:
            reason = phrase(DetailCode.EXCESS_CANCEL_REQUESTED, open=excess.open_in_all, held=excess.held)
        finding = Finding(Attention.MAY_CHANGE_SIGN, reason)
        await bring_to_attention(desk, step.view, finding, _facts(excess), now, by=MONITOR)
        await restore_automatic_after_excess(desk, order, now)
    return step.view


async def _warn(desk: DeskContext, views: Sequence[OrderView], excess: Excess, now: datetime) -> None:
    """Report the risk although every cancel has been requested: the venue may fill first."""
    reason = phrase(DetailCode.EXCESS_UNCONFIRMED, at_risk=excess.at_risk, held=excess.held)
    finding = Finding(Attention.MAY_CHANGE_SIGN, reason)
    await bring_to_attention(desk, views[-1], finding, _facts(excess), now, by=MONITOR)


def _concerns(order: Order, excess: Excess) -> bool:
    return (order.symbol, order.side) == (excess.symbol, excess.side) and order.leaves_quantity > 0


def _refused_lately(order: Order, now: datetime) -> bool:
    refused = order.cancel_cause is CancelCause.EXCESS and not order.cancel_requested
    return refused and now - order.updated_at < ASK_AGAIN_AFTER


def _facts(excess: Excess) -> dict[str, str]:
    return {"held": str(plain_text(excess.held)), "at_risk": str(plain_text(excess.at_risk))}
