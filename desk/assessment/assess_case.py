"""Assess one account: open cases that are due, refresh the live ones, close the cured ones.

Runs inside a transaction that holds the account's lock, on the state in the database. This is the only place
where figures become changes of state; the monitor only decides when to assess.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from desk.assessment.assess_recovery import assess_recovery
from desk.assessment.calendar_doubts import deadline_doubts
from desk.assessment.case_event import case_event, symbols_before, twin_events
from desk.assessment.doubts import note_doubts
from desk.assessment.due_calls import breach_ended, due_calls, exempting
from desk.assessment.excess_orders import call_off_excess
from desk.assessment.expire_trading_limit import expire_trading_limit
from desk.assessment.missing_prices import differ, keep_doubts, open_gaps
from desk.assessment.restore_automatic import restore_automatic
from desk.audit import MONITOR, case_entry, entry
from desk.context import DeskContext
from desk.evidence.take_snapshot import snapshot_change
from desk.order_steps import store_step
from domain.canonical import plain
from domain.case import (
    LIVE,
    RECOVERY_ALERTS,
    AlertType,
    AutoLiquidation,
    AutoLiquidationTrigger,
    Case,
    CaseStatus,
    CaseTrigger,
    decide,
    in_doubt,
    may_resolve,
    with_figures,
)
from domain.events import CaseEvent, CaseEventKind, CaseView, Event, OrderView
from domain.ids import AccountId, CaseId, Symbol
from domain.intraday import IntradayPhase
from domain.judgement import Answer, Judgement, judge
from domain.liquidation import uncovered_amount
from domain.margin import AccountType, MarginFigures, compute_figures
from domain.money import ZERO
from domain.open_orders import as_open_orders
from domain.order import CancelCause, Order, OrderChange, ask_cancel
from domain.refusals import Refusal
from domain.requested_amount import book_of, figures_of
from models import outbox
from models.audit import write_audit
from models.book import AccountBook, load_books
from models.case import insert_case, last_closed_case, live_cases_of, next_case_no, save_case
from models.holding import set_close_only, set_written_off
from models.order import open_orders_of


async def assess_account(
    desk: DeskContext, account_id: AccountId, now: datetime, held_before: tuple[Symbol, bool] | None = None
) -> None:
    """Bring the account's cases up to the state of its book; the caller holds its lock.

    `held_before`: an instrument whose position the caller's transaction changed, and whether it was held.
    """
    books = await load_books([account_id], desk.policy.books, now)
    orders = await open_orders_of([account_id])
    moved = held_before[0] if held_before else None
    orders = await call_off_excess(desk, books[account_id], orders, now, moved)
    cases = await live_cases_of([account_id])
    cases = [replace(view, symbols=symbols_before(books[account_id].symbols, held_before)) for view in cases]
    events = await _settle(desk, books[account_id], cases, orders, now)
    await outbox.append([*events, *await twin_events(desk, account_id, events, now)])


@dataclass(frozen=True, slots=True)
class _Measured:
    """The figures of an account, and the rules and judgement applied to them."""

    figures: MarginFigures
    judgement: Judgement


async def _settle(
    desk: DeskContext,
    account: AccountBook,
    cases: Sequence[CaseView],
    orders: Sequence[OrderView],
    now: datetime,
) -> list[Event]:
    measured = _measured(desk, account, now)
    events: list[Event] = []
    live: dict[AlertType, Case] = {}
    for view in cases:
        case, happened = await _look_at(desk, account, view, orders, measured, now)
        events += happened
        if case.status in LIVE:
            live[case.alert_type] = case
    due = due_calls(account, measured.judgement, measured.figures, now) - live.keys()
    if due and account.policy.trading_limit_expiry.expires and account.book.terms.trading_limit:
        account = await expire_trading_limit(account, now)
        measured = _measured(desk, account, now)
    for alert_type in sorted(due):
        opened = await _open(desk, account, alert_type, orders, measured, now)
        live[alert_type] = opened.view.case
        await _keep(desk, None, opened.view.case, account, orders, now)
        events.append(opened)
    await _mark_account(desk, account, bool(live.keys() - RECOVERY_ALERTS), measured.judgement, now)
    gaps = open_gaps(account, measured.judgement, measured.figures, live.values(), now)
    if differ(account, gaps):
        await keep_doubts(account, gaps, now)
    return events


async def _look_at(
    desk: DeskContext,
    account: AccountBook,
    view: CaseView,
    orders: Sequence[OrderView],
    measured: _Measured,
    now: datetime,
) -> tuple[Case, list[Event]]:
    """Assess one case and store it if it changed; cancels its orders when nothing is left to collect."""
    own = [order for order in orders if order.order.case_id == view.case.id]
    changed = False
    superfluous: Sequence[OrderView] = own if measured.judgement.ends(view.case.alert_type) else ()
    if view.case.is_recovery:
        assessed = await assess_recovery(desk, account, view.case, measured.figures, own, now)
        case, changed, superfluous = assessed.case, assessed.changed, assessed.superfluous
    else:
        case = _progress(desk, account, view.case, measured, orders, now)
        case = await _exempted(account, case, measured.figures, now)
    events, called_off = await _call_off(desk, superfluous, now)
    case = await restore_automatic(desk, case, called_off, now)
    current = replace(view, case=case, symbols=account.symbols)
    if current != view or changed:
        await save_case(case)
        await _keep(desk, view.case, case, account, orders, now)
        events.append(case_event(desk, view, current, now))
    return case, events


async def _mark_account(
    desk: DeskContext, account: AccountBook, has_case: bool, judgement: Judgement, now: datetime
) -> None:
    """Update what the assessment says about the account itself: reduce-only, and breaches that were written
    off.
    """
    account_id = account.account.account_id
    # An account that has to bring back stock may still buy it, so such a case does not count here.
    close_only = has_case or _takes_no_orders(desk, account, now)
    marks: list[tuple[str, object, object]] = []
    if account.close_only != close_only:
        await set_close_only(account_id, close_only)
        marks.append(("closeOnly", account.close_only, close_only))
    if breach_ended(account, judgement):
        lasting = account.written_off & (judgement.called | judgement.open)
        await set_written_off(account_id, lasting)
        marks.append(("writtenOff", account.written_off, lasting))
    if marks:
        before, after = ({name: plain(each[when]) for name, *each in marks} for when in (0, 1))
        marked = entry(MONITOR, now, "mark", "account", account_id)
        await write_audit([marked.changing(before=before, after=after)])


def _takes_no_orders(desk: DeskContext, account: AccountBook, now: datetime) -> bool:
    reference = account.account
    if reference.account_type is not AccountType.INTRADAY:
        return False
    return desk.intraday_phase(reference.base_currency, now) is not IntradayPhase.OPEN


def _measured(desk: DeskContext, account: AccountBook, now: datetime) -> _Measured:
    figures = compute_figures(account.book, now, desk.policy.max_price_age)
    return _Measured(figures, judge(account.book, figures, desk.policy.judgement))


def _uncovered(
    desk: DeskContext, account: AccountBook, alert_type: AlertType, orders: Sequence[OrderView], now: datetime
) -> Decimal:
    """The amount of the call that open orders do not cover."""
    book = book_of(alert_type, account.book)
    return uncovered_amount(
        book, as_open_orders(orders, account.book, desk.cover_conditions(now)), now, desk.policy.max_price_age
    )


def _progress(
    desk: DeskContext,
    account: AccountBook,
    case: Case,
    measured: _Measured,
    orders: Sequence[OrderView],
    now: datetime,
) -> Case:
    """The case after this assessment.

    It fails closed: a stale price, or a missing one that matters, ends no case. The case then keeps the
    figures of the last certain assessment.
    """
    has_orders = any(each.order.case_id == case.id for each in orders)
    judgement = measured.judgement
    below_force = judgement.below_force is Answer.YES
    if case.status is CaseStatus.LIQUIDATING and not has_orders:
        case = _decided(case, CaseTrigger.ORDERS_ENDED, now)
    if judgement.asks(case.alert_type) is not Answer.UNKNOWN:
        figures = figures_of(case.alert_type, account.book, measured.figures)
        uncovered = _uncovered(desk, account, case.alert_type, orders, now)
        worth = account.reporting.worth(figures.amount)
        case = with_figures(case, figures, uncovered, worth, now, below_force)
    else:
        case = in_doubt(case, bool(orders), now, below_force)
    if case.overdue(now) and not case.force_eligible:
        case = _decided(case, CaseTrigger.DEADLINE_PASSED, now)
    ended = judgement.ends(case.alert_type) and not has_orders
    if ended and may_resolve(case, now, desk.policy.close_hold):
        case = _decided(case, CaseTrigger.CURED, now)
    return case


async def _keep(
    desk: DeskContext,
    before: Case | None,
    after: Case,
    account: AccountBook,
    orders: Sequence[OrderView],
    now: datetime,
) -> None:
    """Take the snapshots and record the audit entry of the change."""
    await snapshot_change(desk, before, after, now, account, orders)
    record = case_entry(MONITOR, now, before, after)
    if record is not None and after.exempted_by and not after.live:
        record = replace(record, action="exempt", detail={"setting": after.exempted_by})
    if record is not None:
        await write_audit([record])


async def _exempted(account: AccountBook, case: Case, figures: MarginFigures, now: datetime) -> Case:
    """The case, voided if an exemption rule applies now. While orders of the case are open, it waits for
    them.
    """
    if case.status not in (CaseStatus.OPEN, CaseStatus.EXCEPTION):
        return case
    rule = exempting(account, case.alert_type, figures, now)
    if rule is None:
        return case
    return replace(_decided(case, CaseTrigger.EXEMPTED, now), exempted_by=rule)


def _decided(case: Case, trigger: CaseTrigger, now: datetime) -> Case:
    decided = decide(case, trigger, now)
    assert not isinstance(decided, Refusal), f"{case.status} and {trigger}: {decided}"
    return decided


async def _open(
    desk: DeskContext,
    account: AccountBook,
    alert_type: AlertType,
    orders: Sequence[OrderView],
    measured: _Measured,
    now: datetime,
) -> CaseEvent:
    reference = account.account
    figures = figures_of(alert_type, account.book, measured.figures)
    case = Case(
        id=CaseId(desk.new_id()),
        case_no=await next_case_no(now.year),
        account_id=reference.account_id,
        alert_type=alert_type,
        status=CaseStatus.OPEN,
        figures=figures,
        amount_at_open=figures.amount,
        uncovered_amount=_uncovered(desk, account, alert_type, orders, now),
        opened_at=now,
        deadline=desk.deadline(now, reference.base_currency, alert_type),
        force_eligible=measured.judgement.below_force is Answer.YES,
        cured_since=now if figures.amount == ZERO else None,
        auto_liquidation=_at_once(desk, account, alert_type, now),
        reopened_from=await last_closed_case(reference.account_id, alert_type),
        worth=account.reporting.worth(figures.amount),
    )
    await insert_case(case)
    await note_doubts(reference.account_id, deadline_doubts(desk, case, reference.base_currency, now), now)
    view = CaseView(case, reference, account.symbols)
    return CaseEvent(desk.event_id(), now, CaseEventKind.OPENED, view)


def _at_once(
    desk: DeskContext, account: AccountBook, alert_type: AlertType, now: datetime
) -> AutoLiquidation | None:
    """Automatic liquidation at opening for intraday accounts: where the rules say so, and always before the
    close.
    """
    if alert_type is not AlertType.INTRADAY:
        return None
    at_once = desk.policy.cases.intraday.liquidates_at_once or account.book.rule.whole_debt
    return AutoLiquidation(now, AutoLiquidationTrigger.INTRADAY) if at_once else None


async def _call_off(
    desk: DeskContext, orders: Sequence[OrderView], now: datetime
) -> tuple[list[Event], list[Order]]:
    """Cancel open orders because nothing is left to collect; returns the events and the cancelled orders."""
    events: list[Event] = []
    called_off: list[Order] = []
    for view in orders:
        if view.order.override:
            continue
        change = ask_cancel(view.order, now, "the case is cured", CancelCause.CURED)
        if isinstance(change, OrderChange) and not change.unchanged:
            events.append(await store_step(desk, view, change, by=MONITOR))
            called_off.append(view.order)
    return events, called_off
