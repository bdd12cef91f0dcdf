"""Book one execution report, exactly once: order, position, cash and case in one transaction.

No report is dropped. It is booked, or it repeats a booked one, or it is set aside as evidence because it
cannot be true of the order, and operators are notified. They are also notified of fills that are booked but
unusual.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

import structlog

from desk.assessment.assess_case import assess_account
from desk.assessment.attention import bring_to_attention
from desk.audit import entry
from desk.context import DeskContext
from desk.order_steps import store_step
from domain.booking import cash_effect, contains
from domain.events import Fill, OrderView
from domain.excess import reducible, turns
from domain.execution import ExecType, ExecutionReport
from domain.execution_check import (
    EXECUTION_ID_CHARACTERS_MAX,
    Attention,
    Finding,
    bounded_time,
    contradicts,
    in_legible_words,
    legible,
    nameless,
    names_an_order,
    objection,
    oddities,
)
from domain.ids import AccountId, Symbol
from domain.market import Instrument
from domain.money import ZERO, AmountTooLarge, total
from domain.order import (
    CancelCause,
    OrderChange,
    OrderSide,
    OrderStatus,
    RefusedTransition,
    apply,
)
from domain.order_states import OrderAlert, OrderTrigger
from domain.phrase import DetailCode, phrase
from models import outbox
from models.audit import write_audit
from models.book import lock_accounts
from models.holding import (
    add_to_cash,
    add_to_position,
    bump_book,
    cash_stated_at,
    position_to_book_on,
    quantity_of,
)
from models.market import load_instruments, load_quotes
from models.order import booked_execution, changes_of, insert_execution, load_by_client_order_id
from models.set_aside import set_aside
from models.sql.database import transaction

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Booking:
    instrument: Instrument
    signed_quantity: Decimal
    cash: Decimal


@dataclass(frozen=True, slots=True)
class _Booked:
    held_before: tuple[Symbol, bool] | None
    """The instrument and whether it was held before."""
    within: Mapping[str, str]
    """The times of newer statements that already contain the fill, for the audit."""


_NOT_BOOKED = _Booked(None, {})


async def record_execution(desk: DeskContext, report: ExecutionReport, *, wait: bool = True) -> bool:
    """Whether the report was new. Without `wait`, a locked account raises `Busy` at once."""
    report = in_legible_words(report)
    async with transaction():
        name = report.client_order_id
        seen = await load_by_client_order_id(name) if names_an_order(name) else None
        if seen is None:
            recorded = await _set_aside_unknown(desk, report)
        else:
            await lock_accounts([seen.order.account_id], wait=wait)
            await desk.leadership.check()
            recorded = await _record(desk, report)
    if recorded:
        desk.on_commit()
    return recorded


async def _record(desk: DeskContext, report: ExecutionReport) -> bool:
    view = await load_by_client_order_id(report.client_order_id)
    assert view is not None
    now = desk.clock()
    unnamed = nameless(report)
    if unnamed is None and await _is_known(report):
        return await _compare(desk, view, report, now)
    instrument = (await load_instruments([view.order.symbol], strict=True))[view.order.symbol]
    finding = unnamed or objection(view.order, view.account.account_no, instrument, report)
    if finding is not None:
        return await _set_aside(desk, view, report, finding, now)
    change = apply(view.order, report, now)
    if isinstance(change, RefusedTransition) and report.exec_type is ExecType.TRADE:
        # It must not be stored among the executions, which are added to the statements of the book of record.
        return await _set_aside(
            desk, view, report, Finding(Attention.CONTRADICTION, phrase(change.code)), now
        )
    booking = _booking(view, instrument, report)
    timely = replace(report, at=bounded_time(view.order, report, now))
    cash = booking.cash if booking else ZERO
    if not await insert_execution(desk.new_id(), view.order.id, timely, cash, now):
        return await _compare(desk, view, report, now)
    if isinstance(change, RefusedTransition):
        await _report(desk, view, report, Finding(Attention.CONTRADICTION, phrase(change.code)), now)
        return True
    await _take_in(desk, view, timely, change, booking, now)
    if booking is not None:
        for oddity in oddities(view.order, instrument, report, await _mark(view.order.symbol), now):
            await _report(desk, view, report, oddity, now)
    return True


async def _take_in(
    desk: DeskContext,
    view: OrderView,
    report: ExecutionReport,
    change: OrderChange,
    booking: _Booking | None,
    now: datetime,
) -> None:
    if change.alert is not None:
        await _report(desk, view, report, _ALERTS[change.alert], now)
    booked = await _book(desk, view, report, booking, now) if booking is not None else _NOT_BOOKED
    if change.unchanged:
        return
    detail = {**_facts(report), **booked.within}
    step = await store_step(desk, view, change, by=report.venue, detail=detail)
    await outbox.append([replace(step, fill=_fill(report)) if booking else step])
    if booking is not None or change.order.terminal:
        # An acknowledgement does not affect the judgement of a case.
        await _assess(desk, view.order.account_id, now, booked.held_before)
    elif change.trigger is OrderTrigger.CANCEL_REJECTED:
        await _report_refused_cancel(desk, view, report, now)


async def _assess(
    desk: DeskContext, account_id: AccountId, now: datetime, held_before: tuple[Symbol, bool] | None
) -> None:
    """Assess the account. Figures that cannot be stored do not prevent a booking: the monitor lists such an
    account.
    """
    with suppress(AmountTooLarge):
        async with transaction():
            await assess_account(desk, account_id, now, held_before)


async def _is_known(report: ExecutionReport) -> bool:
    return await booked_execution(report.venue, report.execution_id) is not None


async def _compare(desk: DeskContext, view: OrderView, report: ExecutionReport, now: datetime) -> bool:
    """Compare a known execution id: a true repeat changes nothing, other content under it is set aside."""
    booked = await booked_execution(report.venue, report.execution_id)
    assert booked is not None
    differs = contradicts(booked, report)
    if differs is None:
        return False
    finding = Finding(
        Attention.REPEATED_ID,
        phrase(DetailCode.REPEATED_EXECUTION, execution=report.execution_id, differences=differs),
    )
    return await _set_aside(desk, view, report, finding, now)


async def _set_aside(
    desk: DeskContext, view: OrderView, report: ExecutionReport, finding: Finding, now: datetime
) -> bool:
    if not await set_aside(desk.new_id(), view.order.id, report, finding, now):
        return False
    await _report(desk, view, report, finding, now)
    return True


async def _set_aside_unknown(desk: DeskContext, report: ExecutionReport) -> bool:
    now = desk.clock()
    finding = Finding(Attention.UNKNOWN_ORDER, phrase(DetailCode.UNKNOWN_ORDER))
    if await set_aside(desk.new_id(), None, report, finding, now):
        desk.attention[finding.kind] += 1
        facts = _facts(report)
        log.error("execution report for an unknown order", **facts)
        detail = {"kind": finding.kind, "why": finding.why, **facts}
        await write_audit(
            [entry(report.venue, now, "attention", "order", facts["client_order_id"][:32], detail)]
        )
    return False


async def _report(
    desk: DeskContext, view: OrderView, report: ExecutionReport, finding: Finding, now: datetime
) -> None:
    """Report the finding in the log, in the audit trail and on the case."""
    await bring_to_attention(desk, view, finding, _facts(report), now, by=report.venue)


async def _report_refused_cancel(
    desk: DeskContext, view: OrderView, report: ExecutionReport, now: datetime
) -> None:
    """Report it once for an order while it exceeds the position: the desk repeats the request."""
    held = await quantity_of(view.order.account_id, view.order.symbol)
    fits = view.order.leaves_quantity <= reducible(held, view.order.side)
    if view.order.cancel_cause is not CancelCause.EXCESS or fits:
        return
    changes = (await changes_of([view.order.id]))[view.order.id]
    if sum(each.status is OrderStatus.PENDING_CANCEL for each in changes) == 1:
        refused = phrase(DetailCode.EXCESS_CANCEL_REFUSED)
        await _report(desk, view, report, Finding(Attention.MAY_CHANGE_SIGN, refused), now)


async def _mark(symbol: Symbol) -> Decimal | None:
    quote = (await load_quotes([symbol])).get(symbol)
    return quote.mark if quote else None


def _booking(view: OrderView, instrument: Instrument, report: ExecutionReport) -> _Booking | None:
    if report.exec_type is not ExecType.TRADE:
        return None
    bought = view.order.side is OrderSide.BUY
    # copy_negate, since the unary minus would round a very long number.
    signed = report.last_quantity if bought else report.last_quantity.copy_negate()
    return _Booking(instrument, signed, cash_effect(instrument, signed, report.last_price, report.fee))


async def _book(
    desk: DeskContext, view: OrderView, report: ExecutionReport, booking: _Booking, now: datetime
) -> _Booked:
    account_id, symbol, currency = view.order.account_id, view.order.symbol, booking.instrument.currency
    held, balance_stated_at = (
        await position_to_book_on(account_id, symbol),
        await cash_stated_at(account_id, currency),
    )
    within, placed_at = {}, view.order.created_at
    if contains(held.as_of, placed_at, report.at, now):
        within["contained_in_position_as_of"] = held.as_of.isoformat()
    else:
        await add_to_position(account_id, symbol, held, booking.signed_quantity, report.last_price)
        await _report_turn(desk, view, report, held.quantity, booking, now)
    if balance_stated_at is not None and contains(balance_stated_at, placed_at, report.at, now):
        within["contained_in_cash_as_of"] = balance_stated_at.isoformat()
    else:
        await add_to_cash(desk.new_id(), account_id, currency, booking.cash)
    if within:
        log.info("a newer statement already contains the fill", **_facts(report), **within)
    await bump_book(account_id)
    return _Booked((symbol, bool(held.quantity)), within)


async def _report_turn(
    desk: DeskContext,
    view: OrderView,
    report: ExecutionReport,
    held: Decimal,
    booking: _Booking,
    now: datetime,
) -> None:
    if turns(held, booking.signed_quantity):
        after = total([held, booking.signed_quantity])
        reason = phrase(DetailCode.FILL_TURNS_POSITION, filled=report.last_quantity, held=held, after=after)
        await _report(desk, view, report, Finding(Attention.SIGN_CHANGED, reason), now)


_ALERTS: Mapping[OrderAlert, Finding] = {
    OrderAlert.LATE_FILL: Finding(Attention.LATE_FILL, phrase(DetailCode.LATE_FILL)),
    OrderAlert.OVERFILL: Finding(Attention.OVERFILL, phrase(DetailCode.OVERFILL)),
}


def _fill(report: ExecutionReport) -> Fill:
    return Fill(report.execution_id, report.last_quantity, report.last_price, report.at)


def _facts(report: ExecutionReport) -> dict[str, str]:
    return {
        "venue": report.venue,
        "execution_id": legible(report.execution_id, EXECUTION_ID_CHARACTERS_MAX),
        "client_order_id": legible(report.client_order_id, EXECUTION_ID_CHARACTERS_MAX),
        "exec_type": report.exec_type,
        "quantity": str(report.last_quantity),
        "price": str(report.last_price),
    }
