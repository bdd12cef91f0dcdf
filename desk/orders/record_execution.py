"""Take in one execution report, exactly once: order, position, cash and case in one transaction."""

from dataclasses import dataclass
from decimal import Decimal

import structlog

from desk.audit import entry
from desk.desk import Desk
from desk.order_steps import store_step
from desk.watching.assess_case import assess_account
from domain.booking import cash_effect
from domain.events import Fill, OrderView
from domain.execution import ExecType, ExecutionReport
from domain.ids import Symbol
from domain.market import Instrument
from domain.money import ZERO
from domain.order import OrderSide, RefusedTransition, apply
from models import outbox
from models.audit import write_audit
from models.book import lock_accounts
from models.database import transaction
from models.holding import add_to_cash, add_to_position, bump_book
from models.market import load_instruments
from models.order import insert_execution, load_by_client_order_id

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Booking:
    instrument: Instrument
    signed_quantity: Decimal
    cash: Decimal


async def record_execution(desk: Desk, report: ExecutionReport) -> bool:
    """Whether the report was new. One that cannot be true of our order is kept and brought to attention."""
    seen = await load_by_client_order_id(report.client_order_id)
    if seen is None:
        log.error("execution report for an order that is not ours", **_facts(report))
        return False
    async with transaction():
        recorded = await _record(desk, report, seen)
    if recorded:
        desk.on_commit()
    return recorded


async def _record(desk: Desk, report: ExecutionReport, seen: OrderView) -> bool:
    now = desk.clock()
    account_id = seen.order.account_id
    await lock_accounts([account_id])
    view = await load_by_client_order_id(report.client_order_id)
    assert view is not None
    booking = await _booking(view, report)
    is_new = await insert_execution(
        desk.new_id(), view.order.id, report, booking.cash if booking else ZERO, now
    )
    if not is_new:
        return False
    change = apply(view.order, report, now)
    if isinstance(change, RefusedTransition):
        await _alert(view, report, change.why)
        return True
    if change.alert is not None:
        await _alert(view, report, change.alert)
    held_before = await _book(desk, view, report, booking) if booking is not None else None
    if not change.unchanged:
        fill = _fill(report) if booking else None
        step = await store_step(desk, view, change, fill, by=report.venue, detail=_facts(report))
        await outbox.append([step])
        if booking is not None or change.order.terminal:
            # An acknowledgement changes nothing that a case is judged by.
            await assess_account(desk, account_id, now, held_before)
    return True


async def _booking(view: OrderView, report: ExecutionReport) -> _Booking | None:
    if report.exec_type is not ExecType.TRADE:
        return None
    instrument = (await load_instruments([view.order.symbol]))[view.order.symbol]
    bought = view.order.side is OrderSide.BUY
    # copy_negate, since the unary minus would round a very long number.
    signed = report.last_quantity if bought else report.last_quantity.copy_negate()
    return _Booking(instrument, signed, cash_effect(instrument, signed, report.last_price, report.fee))


async def _book(
    desk: Desk, view: OrderView, report: ExecutionReport, booking: _Booking
) -> tuple[Symbol, bool]:
    """The instrument and whether it was held before."""
    account_id, symbol = view.order.account_id, view.order.symbol
    held = await add_to_position(account_id, symbol, booking.signed_quantity)
    await add_to_cash(desk.new_id(), account_id, booking.instrument.currency, booking.cash, report.at)
    await bump_book(account_id)
    return symbol, bool(held)


async def _alert(view: OrderView, report: ExecutionReport, why: str) -> None:
    """A person must look: in the log for the operator, in the audit for later."""
    log.warning("execution report needs attention", why=why, status=view.order.status, **_facts(report))
    detail = {"why": why, "status": view.order.status, **_facts(report)}
    await write_audit([entry(report.venue, report.at, "execution", "order", view.order.id, detail)])


def _fill(report: ExecutionReport) -> Fill:
    return Fill(report.execution_id, report.last_quantity, report.last_price, report.at)


def _facts(report: ExecutionReport) -> dict[str, str]:
    return {
        "venue": report.venue,
        "execution_id": report.execution_id,
        "client_order_id": report.client_order_id,
        "exec_type": report.exec_type,
        "quantity": str(report.last_quantity),
        "price": str(report.last_price),
    }
