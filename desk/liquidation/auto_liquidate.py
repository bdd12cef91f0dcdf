"""Automatic liquidations, which begin at a set time or at the deadline of a case.

One transaction per case, under the lock of its account, decides and records everything: the orders, the end
of the setting, and the follow-up record. A run that crashed has therefore done nothing, and a second leader
finds nothing to do. It fails closed: nothing is sold at a stale price, in exception, frozen or switched off,
nor beyond what one person may liquidate alone, since the desk is not a second person.

A temporary obstacle (a price that is stale or outside the collar, a closed market) holds the liquidation
until it has passed. A decision of a person ends it, except under the rules of intraday accounts, where it
holds until the decision is lifted. Each is reported once, by a case event and a follow-up record.

If a cap on the order size leaves something to collect, the run was one slice: the setting stays, held as
CAPPED, and the next slice is planned when every order of the last slice has ended, unless a decision forbids
it (see last_slice). A cured shortfall does not end the setting before the case is closed: it is held.
"""

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from desk.assessment.calendar_doubts import market_doubts
from desk.assessment.doubts import note_doubts
from desk.audit import case_entry
from desk.case_work.case_command import record_edit
from desk.context import DeskContext
from desk.fair_scheduler import Fault
from desk.follow_up import note_by_desk
from desk.liquidation.last_slice import (
    AFTER_ORDERS,
    WAITING_REST,
    last_slice_of,
    was_called_off,
    why_unwanted,
)
from desk.liquidation.liquidation_command import Liquidate, LiquidateCase
from desk.liquidation.one_person_limit import (
    OrdersOfDay,
    alone_today,
    load_recent_orders,
    second_person_reason,
)
from desk.liquidation.plan_liquidation import PlannedLiquidation, ReadAhead, switched_off
from desk.liquidation.plan_recovery import plan_case_recovery
from desk.liquidation.record_liquidation import record_liquidation
from desk.liquidation.resting_orders import call_off, others, resting_orders
from desk.outcomes import LIQUIDATION_OUTCOMES
from domain.calendar import NoCalendar, next_opening
from domain.case import AutoLiquidation, AutoLiquidationTrigger, Case, CaseTrigger, decide
from domain.doubt import Doubt
from domain.events import CaseView
from domain.ids import CaseId, Symbol
from domain.judgement import Answer, judge
from domain.kill_switch import KillSwitch
from domain.liquidation import POSITIONS_SHOWN, plan
from domain.liquidation_plan import NoPlan, Plan, PlanRequest
from domain.margin import Holding, compute_figures
from domain.market import TradeStatus
from domain.money import ZERO, Currency
from domain.open_orders import as_open_orders, order_cover
from domain.order import Order, OrderType
from domain.phrase import DetailCode, FollowUpCode, Phrase, phrase
from domain.phrase_texts import english
from domain.principal import EVERYTHING, SYSTEM, Principal
from domain.refusals import Refusal, RefusalCode
from domain.requested_amount import book_of
from domain.risk_settings import ForceType, trade_type_of
from domain.sellable import OpenOrder, OrderCover
from domain.sessions import is_fresh, sessions_of
from models.audit import write_audit
from models.book import AccountBook, load_books
from models.case import hold_auto_liquidation, lock_case
from models.holding import symbols_of
from models.idempotency import store_outcome
from models.kill_switch import switch_over
from models.order import open_orders_of
from models.person import lock_person

_ALWAYS = datetime.max.replace(tzinfo=UTC)
DESK = Principal(SYSTEM, EVERYTHING, datetime.min.replace(tzinfo=UTC), _ALWAYS)
_A_DAY = timedelta(days=1)
_REFUSALS = {
    RefusalCode.CASE_IN_EXCEPTION: DetailCode.CASE_IN_EXCEPTION,
    RefusalCode.NOTHING_TO_COLLECT: DetailCode.NOTHING_TO_COLLECT,
    RefusalCode.PRICE_COLLAR: DetailCode.FAR_FROM_MARK,
    RefusalCode.CANNOT_CURE: DetailCode.CANNOT_CURE,
    RefusalCode.NOTHING_SELLABLE: DetailCode.NOTHING_SELLABLE,
}
_NO_PLAN = (DetailCode.FAR_FROM_MARK, DetailCode.CANNOT_CURE, DetailCode.NOTHING_SELLABLE)
_PASSING = frozenset({TradeStatus.CLOSED, TradeStatus.HALTED, TradeStatus.AUCTION})


@dataclass(frozen=True, slots=True)
class _Stop:
    """Why the liquidation does not run; `until`: when it is tried again, None: it is switched off."""

    code: RefusalCode
    said: Phrase
    until: datetime | None = None
    doubts: tuple[Doubt, ...] = ()
    """Doubts to list for the account."""


@dataclass(frozen=True, slots=True)
class _Run:
    """The plan, and why and until when other positions wait."""

    plan: Plan
    request: PlanRequest
    rest: _Stop | None
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
        await _forbidden(desk, view, account, last, now)
        or _in_doubt(desk, account, now)
        or _after_slice(desk, account, auto, last, now)
        or await _decide(desk, view, auto, read, now)
    )
    if isinstance(decided, _Run):
        after_cure = was_called_off(last) or auto.held is RefusalCode.NOTHING_TO_COLLECT
        await _start(desk, view, auto, read, replace(decided, after_cure=after_cure), now)
    else:
        await note_doubts(account_id, decided.doubts, now)
        await _hold_or_end(desk, view, auto, _standing(desk, auto, decided, now), now)


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
    said = phrase(DetailCode.INTERNAL_FAULT)
    await _hold_or_end(desk, view, auto, _Stop(RefusalCode.DESK_FAULT, said, fault.until), now)


def _rests(desk: DeskContext, account: AccountBook, order: Order, now: datetime) -> bool:
    return order_cover(order, account.book, desk.cover_conditions(now)) is OrderCover.RESTS


def _after_slice(
    desk: DeskContext, account: AccountBook, auto: AutoLiquidation, last: Sequence[Order], now: datetime
) -> _Stop | None:
    """The next slice waits until the last one has ended, or is not wanted any more."""
    rest = auto.held in WAITING_REST
    working = [order for order in last if not order.terminal]
    if not rest and working and not all(_rests(desk, account, order, now) for order in working):
        code = auto.held or RefusalCode.CAPPED
        return _Stop(code, phrase(DetailCode.SLICE_OPEN), _soon(desk, now))
    unwanted = why_unwanted(last, rest=rest)
    if unwanted is None:
        return None
    return _Stop(RefusalCode.CAPPED, phrase(unwanted))


async def _decide(
    desk: DeskContext, view: CaseView, auto: AutoLiquidation, read: ReadAhead, now: datetime
) -> _Run | _Stop:
    account, max_age = read.book, desk.policy.max_price_age
    sessions = sessions_of(account.book, desk.market_hours(now).in_session)
    if account.book.incomplete or _owes(desk, view.case, account, now) is Answer.UNKNOWN:
        return _Stop(RefusalCode.ACCOUNT_IN_DOUBT, phrase(DetailCode.IN_DOUBT), _soon(desk, now))
    if not is_fresh(account.book, sessions, now, max_age):
        return _Stop(RefusalCode.STALE_QUOTE, phrase(DetailCode.STALE_PRICE), _soon(desk, now))
    opens = _next_opening(desk, sessions.shut, now)
    standing = auto.trigger is AutoLiquidationTrigger.INTRADAY
    order_type = OrderType.MARKET if standing else OrderType.LIMIT
    request = PlanRequest(keep=sessions.shut_symbols, order_type=order_type)
    resting = resting_orders(desk, view.case, account.book, read.orders, now)
    orders = as_open_orders(others(read.orders, resting), account.book, desk.cover_conditions(now))
    planned = await _planned(desk, view.case, account, orders, request, now)
    if isinstance(planned, Refusal):
        if planned.code is RefusalCode.NOTHING_TO_COLLECT:
            return _nothing(desk, view.case, account, planned, now)
        unknown = market_doubts(desk, [held.instrument.market for held in sessions.shut], now)
        if unknown and opens is None and not _outside_collar(planned):
            return _unknown_markets(unknown, now)
        return _stopped(desk, planned, opens, sessions.trading, now)
    if resting:
        waits = await call_off(desk, SYSTEM, resting, now)
        return _Stop(waits.code, phrase(DetailCode.RESTING_ORDERS), _soon(desk, now))
    # The rules of intraday accounts are the firm's own decision; any other setting was made by one person.
    why = None if standing else await _why_two(desk, auto, read, planned, now)
    if why is not None:
        return _Stop(RefusalCode.APPROVAL_REQUIRED, phrase(DetailCode.SECOND_PERSON, why=why))
    more = bool(planned.amount_after) or view.case.is_recovery
    rest = _rest(desk, planned, opens, sessions.shut_symbols, now) if more else None
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


def _rest(
    desk: DeskContext, planned: Plan, opens: datetime | None, shut: Collection[Symbol], now: datetime
) -> _Stop | None:
    """Which positions still wait after the plan was placed, and until when."""
    if any(each.code is RefusalCode.PRICE_COLLAR for each in planned.uncurable):
        return _Stop(RefusalCode.PRICE_COLLAR, phrase(DetailCode.COLLAR_WAITS), _soon(desk, now))
    # A recovery has no amount to collect: its record names the stock that was not brought back.
    waits = planned.amount_after or any(each.symbol in shut for each in planned.uncurable)
    if opens is None or not waits:
        return None
    return _Stop(RefusalCode.MARKET_CLOSED, phrase(DetailCode.CLOSED_UNTIL, opens=opens), opens)


def _owes(desk: DeskContext, case: Case, account: AccountBook, now: datetime) -> Answer:
    """Whether the call still demands money. A recovery does not depend on prices."""
    if case.is_recovery:
        return Answer.YES
    book = book_of(case.alert_type, account.book)
    return judge(book, compute_figures(book, now, desk.policy.max_price_age), desk.policy.judgement).owes


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


def _standing(desk: DeskContext, auto: AutoLiquidation, stop: _Stop, now: datetime) -> _Stop:
    """Under the rules of intraday accounts a stop becomes a hold: they apply until the account is flat."""
    ended = stop.until is not None or stop.code is RefusalCode.NOTHING_TO_COLLECT
    if ended or auto.trigger is not AutoLiquidationTrigger.INTRADAY:
        return stop
    return replace(stop, until=_soon(desk, now))


async def _forbidden(
    desk: DeskContext, view: CaseView, account: AccountBook, last: Sequence[Order], now: datetime
) -> _Stop | None:
    """Decisions that forbid the liquidation. A kill switch also stops slices if it was on only since the last
    one.
    """
    switch = await switch_over(view.account, last[0].created_at if last else None)
    if switch is not None:
        return _Stop(RefusalCode.FROZEN, _kill_switch(switch))
    accepted = decide(view.case, CaseTrigger.LIQUIDATION_ACCEPTED, now)
    if isinstance(accepted, Refusal):
        return _Stop(accepted.code, _why(accepted))
    off = switched_off(account, ForceType.AUTOMATIC)
    if off is None:
        return None
    accounts = trade_type_of(account.account.account_type)
    return _Stop(off.code, phrase(DetailCode.SWITCH_OFF, accounts=accounts))


def _kill_switch(switch: KillSwitch) -> Phrase:
    scope, since, reason = switch.frozen.scope, switch.since, switch.reason
    if switch.ended_at is None:
        return phrase(DetailCode.KILL_SWITCH_ON, scope=scope, since=since, reason=reason)
    until = switch.ended_at
    return phrase(DetailCode.KILL_SWITCH_WAS_ON, scope=scope, since=since, until=until, reason=reason)


def _in_doubt(desk: DeskContext, account: AccountBook, now: datetime) -> _Stop | None:
    """A damaged risk setting: figures use its last readable version, but nothing is sold on it."""
    if not account.has_doubtful_settings:
        return None
    return _Stop(RefusalCode.DESK_FAULT, phrase(DetailCode.SETTING_DAMAGED), _soon(desk, now))


def _nothing(desk: DeskContext, case: Case, account: AccountBook, refused: Refusal, now: datetime) -> _Stop:
    """Nothing to sell: the setting is kept until the case is closed as cured, as the shortfall may return."""
    cured = case.cured_since is not None
    if not case.is_recovery:
        book = book_of(case.alert_type, account.book)
        cured = not compute_figures(book, now, desk.policy.max_price_age).amount
    if not cured:
        return _Stop(refused.code, _why(refused))
    return _Stop(refused.code, phrase(DetailCode.SHORTFALL_CURED), _soon(desk, now))


def _unknown_markets(unknown: Sequence[Doubt], now: datetime) -> _Stop:
    """Everything left to sell is in markets without a calendar."""
    said = phrase(DetailCode.UNKNOWN_MARKETS, markets=tuple(doubt.subject for doubt in unknown))
    return _Stop(RefusalCode.UNKNOWN_MARKET, said, now + _A_DAY, tuple(unknown))


def _outside_collar(refused: Refusal) -> bool:
    """Whether some of it could be sold if the market were closer to the mark."""
    if not isinstance(refused, NoPlan):
        return False
    return any(each.code is RefusalCode.PRICE_COLLAR for each in refused.uncurable)


def _stopped(
    desk: DeskContext, refused: Refusal, opens: datetime | None, trading: Sequence[Holding], now: datetime
) -> _Stop:
    if _outside_collar(refused):
        return _Stop(RefusalCode.PRICE_COLLAR, _why(refused), _soon(desk, now))
    if opens is not None:
        return _Stop(RefusalCode.MARKET_CLOSED, phrase(DetailCode.MARKET_CLOSED), opens)
    if any(held.instrument.trade_status in _PASSING for held in trading):
        return _Stop(RefusalCode.MARKET_CLOSED, _why(refused), _soon(desk, now))
    return _Stop(refused.code, _why(refused))


def _why(refused: Refusal) -> Phrase:
    """The refusal of a plan or of the case as a phrase."""
    detail = _REFUSALS.get(refused.code)
    if isinstance(refused, NoPlan) and detail in _NO_PLAN:
        shown = tuple(f"{each.symbol} {each.code}" for each in refused.uncurable[:POSITIONS_SHOWN])
        left = (phrase(DetailCode.POSITIONS_LEFT, positions=shown),) if shown else ()
        return phrase(detail, positions=left)
    if detail is None or detail in _NO_PLAN:
        return phrase(DetailCode.OTHER_REFUSAL, refusal=refused.code, message=refused.message)
    return phrase(detail)


async def _start(
    desk: DeskContext, view: CaseView, auto: AutoLiquidation, read: ReadAhead, run: _Run, now: datetime
) -> None:
    """Record the orders and the rest of the setting as one change of the case."""
    more = _after_placing(run, None if view.case.is_recovery else view.account.base_currency)
    if run.after_cure:
        more.append(phrase(DetailCode.SHORTFALL_RETURNED))
    rest = None
    if run.capped:
        rest = replace(auto, held=RefusalCode.CAPPED, held_until=_soon(desk, now))
        more.append(phrase(DetailCode.NEXT_SLICE_FOLLOWS))
    elif run.rest is not None:
        rest = replace(auto, held=run.rest.code, held_until=run.rest.until)
        more.append(run.rest.said)
    orders = len(run.plan.legs)
    said = phrase(FollowUpCode.AUTO_LIQUIDATION_PLACED, orders=orders, more=tuple(more))
    noted = await note_by_desk(desk, view.case, said, now)
    changed = replace(view, case=replace(noted, auto_liquidation=rest))
    item = LiquidateCase(view.case.id, None, run.request)
    reason = f"automatic, {auto.trigger}" + (", after a cure that did not last" if run.after_cure else "")
    command = Liquidate(_key(view.case, auto), (item,), reason, ordered_alone_by=auto.set_by)
    planned = PlannedLiquidation(item, changed, read, run.plan, command)
    started = await record_liquidation(desk, DESK, planned, now)
    outcome = LIQUIDATION_OUTCOMES.to_text(started)
    await store_outcome(SYSTEM, command.idempotency_key, view.case.id, outcome, now)


async def _hold_or_end(
    desk: DeskContext, view: CaseView, auto: AutoLiquidation, stop: _Stop, now: datetime
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
        said = phrase(FollowUpCode.AUTO_LIQUIDATION_WAITS, until=stop.until, reason=stop.said)
    else:
        left, said = None, phrase(FollowUpCode.AUTO_LIQUIDATION_OFF, reason=stop.said)
    noted = await note_by_desk(desk, edited, said, now)
    after = replace(noted, auto_liquidation=left)
    await record_edit(desk, view, after, now)
    until = stop.until and stop.until.isoformat()
    detail = {"code": stop.code, "message": english(stop.said), "until": until}
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


def _next_opening(desk: DeskContext, shut: Sequence[Holding], now: datetime) -> datetime | None:
    """When the first of the closed markets opens; None if no known market does."""
    moments = []
    for market in {held.instrument.market for held in shut}:
        # Markets without a calendar are reported by `_unknown_markets`.
        with suppress(NoCalendar):
            moments.append(next_opening(desk.calendar_of(market), now))
    return min(moments, default=None)


def _soon(desk: DeskContext, now: datetime) -> datetime:
    return now + desk.policy.cases.auto_liquidation_retry


def _key(case: Case, auto: AutoLiquidation) -> str:
    """The idempotency key of the run, the same in every process and attempt: it cannot be recorded twice."""
    return f"auto:{case.id}:{auto.at.isoformat()}:{case.plans + 1}"
