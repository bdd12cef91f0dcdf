"""Automatic liquidations, which begin at a set time or at the deadline of a case.

One transaction per case, under the lock of its account, decides and records everything: the orders, the end
of the setting, and the follow-up record. A run that crashed has therefore done nothing, and a second leader
finds nothing to do. Nothing is sold beyond what one person may liquidate alone, since the desk is not a
second person. What does not run is held or ended (see automatic_stops), and reported once, by a case event
and a follow-up record.

If a cap on the order size leaves something to collect, the run was one slice: the setting stays, held as
CAPPED, and the next slice is planned when every order of the last slice has ended, unless a decision forbids
it (see last_slice). A cured shortfall does not end the setting before the case is closed: it is held.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal

from desk.assessment.doubts import note_doubts
from desk.audit import case_entry
from desk.case_work.case_command import record_edit
from desk.context import DeskContext
from desk.fair_scheduler import Fault
from desk.follow_up import note_by_desk
from desk.liquidation.automatic_stops import (
    Stop,
    after_slice,
    damaged_setting,
    forbidden,
    held_if_intraday,
    soon,
    uncertain_data,
    waiting_rest,
    without_plan,
)
from desk.liquidation.last_slice import (
    AFTER_ORDERS,
    last_slice_of,
    was_called_off,
)
from desk.liquidation.liquidation_command import Liquidate, LiquidateCase
from desk.liquidation.one_person_limit import (
    OrdersOfDay,
    alone_today,
    load_recent_orders,
    second_person_reason,
)
from desk.liquidation.plan_liquidation import PlannedLiquidation, ReadAhead
from desk.liquidation.plan_recovery import plan_case_recovery
from desk.liquidation.record_liquidation import record_liquidation
from desk.liquidation.resting_orders import call_off, others, resting_orders
from desk.outcomes import LIQUIDATION_OUTCOMES
from domain.case import AutoLiquidation, AutoLiquidationTrigger, Case, CaseTrigger, decide
from domain.events import CaseView
from domain.ids import CaseId
from domain.liquidation import plan
from domain.liquidation_plan import Plan, PlanRequest
from domain.money import ZERO, Currency
from domain.open_orders import as_open_orders
from domain.order import OrderType
from domain.phrase import DetailCode, FollowUpCode, Phrase, phrase
from domain.phrase_texts import english
from domain.principal import EVERYTHING, SYSTEM, Principal
from domain.refusals import Refusal, RefusalCode
from domain.requested_amount import book_of
from domain.sellable import OpenOrder
from domain.sessions import sessions_of
from models.audit import write_audit
from models.book import AccountBook, load_books
from models.case import hold_auto_liquidation, lock_case
from models.holding import symbols_of
from models.idempotency import store_outcome
from models.order import open_orders_of
from models.person import lock_person

_ALWAYS = datetime.max.replace(tzinfo=UTC)
DESK = Principal(SYSTEM, EVERYTHING, datetime.min.replace(tzinfo=UTC), _ALWAYS)


@dataclass(frozen=True, slots=True)
class _Run:
    """The plan, and why and until when other positions wait."""

    plan: Plan
    request: PlanRequest
    rest: Stop | None
    capped: bool
    """A cap left something to collect: another slice follows."""
    after_cure: bool = False
    """The shortfall had been cured and returned."""


async def run_case(desk: DeskContext, case_id: CaseId, now: datetime) -> None:
    """Run the liquidation if it is still due, in the caller's transaction; `Busy` if the account is
    locked.
    """
    locked = await lock_case(EVERYTHING, case_id, wait=False)
    auto = locked[0].case.auto_liquidation if locked else None
    if locked is None or auto is None or not locked[0].case.live or not auto.due(now):
        return
    account_id = locked[0].case.account_id
    account = (await load_books([account_id], desk.policy.books, now))[account_id]
    view = replace(locked[0], symbols=account.symbols)
    recent = (await load_recent_orders([account], now))[account_id]
    read = ReadAhead(account, await open_orders_of([account_id]), recent)
    last = await last_slice_of(view.case, auto)
    decided = (
        await forbidden(desk, view, account, last, now)
        or damaged_setting(desk, account, now)
        or after_slice(desk, account, auto, last, now)
        or await _decide(desk, view, auto, read, now)
    )
    if isinstance(decided, _Run):
        after_cure = was_called_off(last) or auto.held is RefusalCode.NOTHING_TO_COLLECT
        await _start(desk, view, auto, read, replace(decided, after_cure=after_cure), now)
    else:
        await note_doubts(account_id, decided.doubts, now)
        await _hold_or_end(desk, view, auto, held_if_intraday(desk, auto, decided, now), now)


async def record_fault(desk: DeskContext, case_id: CaseId, fault: Fault, now: datetime) -> None:
    """Record a fault of the desk once, with the next attempt, in the caller's transaction; `Busy` as
    above.
    """
    locked = await lock_case(EVERYTHING, case_id, wait=False)
    auto = locked[0].case.auto_liquidation if locked else None
    if locked is None or auto is None or not locked[0].case.live or not auto.due(now):
        # Another process was faster, so the fault no longer matters.
        return
    if auto.held in AFTER_ORDERS and fault.reported:
        await hold_auto_liquidation(case_id, fault.until)
        return
    view = replace(locked[0], symbols=await symbols_of(locked[0].case.account_id))
    reason = phrase(DetailCode.INTERNAL_FAULT)
    await _hold_or_end(desk, view, auto, Stop(RefusalCode.DESK_FAULT, reason, fault.until), now)


async def _decide(
    desk: DeskContext, view: CaseView, auto: AutoLiquidation, read: ReadAhead, now: datetime
) -> _Run | Stop:
    account = read.book
    sessions = sessions_of(account.book, desk.market_hours(now).in_session)
    unsure = uncertain_data(desk, view.case, account, sessions, now)
    if unsure is not None:
        return unsure
    standing = auto.trigger is AutoLiquidationTrigger.INTRADAY
    order_type = OrderType.MARKET if standing else OrderType.LIMIT
    request = PlanRequest(keep=sessions.shut_symbols, order_type=order_type)
    resting = resting_orders(desk, view.case, account.book, read.orders, now)
    orders = as_open_orders(others(read.orders, resting), account.book, desk.cover_conditions(now))
    planned = await _planned(desk, view.case, account, orders, request, now)
    if isinstance(planned, Refusal):
        return without_plan(desk, view.case, account, planned, sessions, now)
    if resting:
        waits = await call_off(desk, SYSTEM, resting, now)
        return Stop(waits.code, phrase(DetailCode.RESTING_ORDERS), soon(desk, now))
    # The rules of intraday accounts are the firm's own decision; any other setting was made by one person.
    why = None if standing else await _why_two(desk, auto, read, planned, now)
    if why is not None:
        return Stop(RefusalCode.APPROVAL_REQUIRED, phrase(DetailCode.SECOND_PERSON, why=why))
    more = bool(planned.amount_after) or view.case.is_recovery
    rest = waiting_rest(desk, planned, sessions, now) if more else None
    capped = not standing and more and any(each.code is RefusalCode.CAPPED for each in planned.uncurable)
    return _Run(planned, request, rest, capped)


async def _why_two(
    desk: DeskContext, auto: AutoLiquidation, read: ReadAhead, planned: Plan, now: datetime
) -> Phrase | None:
    """Why the person who made the setting could not liquidate this alone: many cases add up to one large
    liquidation.
    """
    alone: Decimal | None = ZERO
    if auto.set_by is not None:
        await lock_person(auto.set_by)
        alone = await alone_today(desk, auto.set_by, read.recent.rates, now)
    ordered = OrdersOfDay(read.recent, alone)
    return second_person_reason(desk, read.book, ordered, planned, cases=1, override=False)


async def _planned(
    desk: DeskContext,
    case: Case,
    account: AccountBook,
    orders: Sequence[OpenOrder],
    request: PlanRequest,
    now: datetime,
) -> Plan | Refusal:
    if case.is_recovery:
        item = LiquidateCase(case.id, None, request)
        return await plan_case_recovery(desk, case, account, orders, item, now)
    return plan(
        book_of(case.alert_type, account.book),
        orders,
        request,
        desk.policy.plans,
        now,
        desk.market_hours(now),
    )


async def _start(
    desk: DeskContext, view: CaseView, auto: AutoLiquidation, read: ReadAhead, run: _Run, now: datetime
) -> None:
    """Record the orders and the rest of the setting as one change of the case."""
    more = _after_placing(run, None if view.case.is_recovery else view.account.base_currency)
    if run.after_cure:
        more.append(phrase(DetailCode.SHORTFALL_RETURNED))
    rest = None
    if run.capped:
        rest = replace(auto, held=RefusalCode.CAPPED, held_until=soon(desk, now))
        more.append(phrase(DetailCode.NEXT_SLICE_FOLLOWS))
    elif run.rest is not None:
        rest = replace(auto, held=run.rest.code, held_until=run.rest.until)
        more.append(run.rest.reason)
    orders = len(run.plan.legs)
    follow_up = phrase(FollowUpCode.AUTO_LIQUIDATION_PLACED, orders=orders, more=tuple(more))
    noted = await note_by_desk(desk, view.case, follow_up, now)
    changed = replace(view, case=replace(noted, auto_liquidation=rest))
    item = LiquidateCase(view.case.id, None, run.request)
    reason = f"automatic, {auto.trigger}" + (", after a cure that did not last" if run.after_cure else "")
    command = Liquidate(_key(view.case, auto), (item,), reason, ordered_alone_by=auto.set_by)
    planned = PlannedLiquidation(item, changed, read, run.plan, command)
    started = await record_liquidation(desk, DESK, planned, now)
    outcome = LIQUIDATION_OUTCOMES.to_text(started)
    await store_outcome(SYSTEM, command.idempotency_key, view.case.id, outcome, now)


async def _hold_or_end(
    desk: DeskContext, view: CaseView, auto: AutoLiquidation, stop: Stop, now: datetime
) -> None:
    """Hold or end the setting, with a follow-up record unless the same was recorded before."""
    if stop.until is not None and auto.held is stop.code:
        await hold_auto_liquidation(view.case.id, stop.until)
        return
    edited = decide(view.case, CaseTrigger.EDITED, now)
    assert not isinstance(edited, Refusal), "a live case can be edited"
    if stop.until is not None:
        forgetful = stop.code is RefusalCode.DESK_FAULT and auto.held in AFTER_ORDERS
        left = replace(auto, held=auto.held if forgetful else stop.code, held_until=stop.until)
        follow_up = phrase(FollowUpCode.AUTO_LIQUIDATION_WAITS, until=stop.until, reason=stop.reason)
    else:
        left, follow_up = None, phrase(FollowUpCode.AUTO_LIQUIDATION_OFF, reason=stop.reason)
    noted = await note_by_desk(desk, edited, follow_up, now)
    after = replace(noted, auto_liquidation=left)
    await record_edit(desk, view, after, now)
    until = stop.until and stop.until.isoformat()
    detail = {"code": stop.code, "message": english(stop.reason), "until": until}
    record = case_entry(SYSTEM, now, view.case, after, "holdAutoLiquidation", detail)
    await write_audit([record] if record else [])


def _after_placing(run: _Run, base_currency: Currency | None) -> list[Phrase]:
    """The rest that the placed orders leave; `base_currency` None: the case demands stock."""
    placed = run.plan
    if base_currency is not None:
        return [phrase(DetailCode.REMAINS_TO_COLLECT, amount=placed.amount_after, currency=base_currency)]
    if not placed.uncurable:
        return [phrase(DetailCode.STOCK_BROUGHT_BACK)]
    left = [f"{each.symbol} {each.code}" for each in placed.uncurable if each.symbol not in run.request.keep]
    return [phrase(DetailCode.STOCK_NOT_BROUGHT_BACK, positions=tuple(left))] if left else []


def _key(case: Case, auto: AutoLiquidation) -> str:
    """The idempotency key of the run, the same in every process and attempt: it cannot be recorded twice."""
    return f"auto:{case.id}:{auto.at.isoformat()}:{case.plans + 1}"
