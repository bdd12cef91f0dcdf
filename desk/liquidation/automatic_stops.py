"""Why an automatic liquidation does not run, and when it is tried again.

It fails closed: nothing is sold at a stale price, in exception, frozen or switched off. A temporary obstacle
(a price that is stale or outside the collar, a closed market) holds the liquidation until it has passed. A
decision of a person ends it, except under the rules of intraday accounts, where it holds until the decision
is lifted.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from desk.assessment.calendar_doubts import market_doubts
from desk.context import DeskContext
from desk.liquidation.last_slice import WAITING_REST, why_unwanted
from desk.liquidation.plan_liquidation import switched_off
from domain.calendar import NoCalendar, next_opening
from domain.case import AutoLiquidation, AutoLiquidationTrigger, Case, CaseTrigger, decide
from domain.doubt import Doubt
from domain.events import CaseView
from domain.judgement import Answer, judge
from domain.kill_switch import KillSwitch
from domain.liquidation import POSITIONS_SHOWN
from domain.liquidation_plan import NoPlan, Plan
from domain.margin import Holding, compute_figures
from domain.market import TradeStatus
from domain.open_orders import order_cover
from domain.order import Order
from domain.phrase import DetailCode, Phrase, phrase
from domain.refusals import Refusal, RefusalCode
from domain.requested_amount import book_of
from domain.risk_settings import ForceType, trade_type_of
from domain.sellable import OrderCover
from domain.sessions import Sessions, is_fresh
from models.book import AccountBook
from models.kill_switch import switch_over

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
class Stop:
    """Why the liquidation does not run; `until`: when it is tried again, None: it is switched off."""

    code: RefusalCode
    reason: Phrase
    until: datetime | None = None
    doubts: tuple[Doubt, ...] = ()
    """Doubts to list for the account."""


async def forbidden(
    desk: DeskContext, view: CaseView, account: AccountBook, last: Sequence[Order], now: datetime
) -> Stop | None:
    """Decisions that forbid the liquidation. A kill switch also stops slices if it was on only since the last
    one.
    """
    switch = await switch_over(view.account, last[0].created_at if last else None)
    if switch is not None:
        return Stop(RefusalCode.FROZEN, _kill_switch(switch))
    accepted = decide(view.case, CaseTrigger.LIQUIDATION_ACCEPTED, now)
    if isinstance(accepted, Refusal):
        return Stop(accepted.code, _why(accepted))
    off = switched_off(account, ForceType.AUTOMATIC)
    if off is None:
        return None
    accounts = trade_type_of(account.account.account_type)
    return Stop(off.code, phrase(DetailCode.SWITCH_OFF, accounts=accounts))


def _kill_switch(switch: KillSwitch) -> Phrase:
    scope, since, reason = switch.frozen.scope, switch.since, switch.reason
    if switch.ended_at is None:
        return phrase(DetailCode.KILL_SWITCH_ON, scope=scope, since=since, reason=reason)
    until = switch.ended_at
    return phrase(DetailCode.KILL_SWITCH_WAS_ON, scope=scope, since=since, until=until, reason=reason)


def damaged_setting(desk: DeskContext, account: AccountBook, now: datetime) -> Stop | None:
    """A damaged risk setting: figures use its last readable version, but nothing is sold on it."""
    if not account.has_doubtful_settings:
        return None
    return Stop(RefusalCode.DESK_FAULT, phrase(DetailCode.SETTING_DAMAGED), soon(desk, now))


def after_slice(
    desk: DeskContext, account: AccountBook, auto: AutoLiquidation, last: Sequence[Order], now: datetime
) -> Stop | None:
    """The next slice waits until the last one has ended, or is not wanted any more."""
    rest = auto.held in WAITING_REST
    working = [order for order in last if not order.terminal]
    if not rest and working and not all(_rests(desk, account, order, now) for order in working):
        code = auto.held or RefusalCode.CAPPED
        return Stop(code, phrase(DetailCode.SLICE_OPEN), soon(desk, now))
    unwanted = why_unwanted(last, rest=rest)
    if unwanted is None:
        return None
    return Stop(RefusalCode.CAPPED, phrase(unwanted))


def _rests(desk: DeskContext, account: AccountBook, order: Order, now: datetime) -> bool:
    return order_cover(order, account.book, desk.cover_conditions(now)) is OrderCover.RESTS


def uncertain_data(
    desk: DeskContext, case: Case, account: AccountBook, sessions: Sessions, now: datetime
) -> Stop | None:
    """Data that is missing or too old: nothing is sold on it."""
    if account.book.incomplete or _owes(desk, case, account, now) is Answer.UNKNOWN:
        return Stop(RefusalCode.ACCOUNT_IN_DOUBT, phrase(DetailCode.IN_DOUBT), soon(desk, now))
    if not is_fresh(account.book, sessions, now, desk.policy.max_price_age):
        return Stop(RefusalCode.STALE_QUOTE, phrase(DetailCode.STALE_PRICE), soon(desk, now))
    return None


def _owes(desk: DeskContext, case: Case, account: AccountBook, now: datetime) -> Answer:
    """Whether the call still demands money. A recovery does not depend on prices."""
    if case.is_recovery:
        return Answer.YES
    book = book_of(case.alert_type, account.book)
    return judge(book, compute_figures(book, now, desk.policy.max_price_age), desk.policy.judgement).owes


def without_plan(
    desk: DeskContext, case: Case, account: AccountBook, refusal: Refusal, sessions: Sessions, now: datetime
) -> Stop:
    """The planner refused: nothing is to be collected, or nothing can be sold now."""
    if refusal.code is RefusalCode.NOTHING_TO_COLLECT:
        return _nothing(desk, case, account, refusal, now)
    if _outside_collar(refusal):
        return Stop(RefusalCode.PRICE_COLLAR, _why(refusal), soon(desk, now))
    opens = _next_opening(desk, sessions.shut, now)
    if opens is not None:
        return Stop(RefusalCode.MARKET_CLOSED, phrase(DetailCode.MARKET_CLOSED), opens)
    unknown = market_doubts(desk, [held.instrument.market for held in sessions.shut], now)
    if unknown:
        return _unknown_markets(unknown, now)
    if any(held.instrument.trade_status in _PASSING for held in sessions.trading):
        return Stop(RefusalCode.MARKET_CLOSED, _why(refusal), soon(desk, now))
    return Stop(refusal.code, _why(refusal))


def _nothing(desk: DeskContext, case: Case, account: AccountBook, refusal: Refusal, now: datetime) -> Stop:
    """Nothing to sell: the setting is kept until the case is closed as cured, as the shortfall may return."""
    cured = case.cured_since is not None
    if not case.is_recovery:
        book = book_of(case.alert_type, account.book)
        cured = not compute_figures(book, now, desk.policy.max_price_age).amount
    if not cured:
        return Stop(refusal.code, _why(refusal))
    return Stop(refusal.code, phrase(DetailCode.SHORTFALL_CURED), soon(desk, now))


def _unknown_markets(unknown: Sequence[Doubt], now: datetime) -> Stop:
    """Everything left to sell is in markets without a calendar."""
    reason = phrase(DetailCode.UNKNOWN_MARKETS, markets=tuple(doubt.subject for doubt in unknown))
    return Stop(RefusalCode.UNKNOWN_MARKET, reason, now + _A_DAY, tuple(unknown))


def _outside_collar(refusal: Refusal) -> bool:
    """Whether some of it could be sold if the market were closer to the mark."""
    if not isinstance(refusal, NoPlan):
        return False
    return any(each.code is RefusalCode.PRICE_COLLAR for each in refusal.uncurable)


def _why(refusal: Refusal) -> Phrase:
    """The refusal of a plan or of the case as a phrase."""
    detail = _REFUSALS.get(refusal.code)
    if isinstance(refusal, NoPlan) and detail in _NO_PLAN:
        shown = tuple(f"{each.symbol} {each.code}" for each in refusal.uncurable[:POSITIONS_SHOWN])
        left = (phrase(DetailCode.POSITIONS_LEFT, positions=shown),) if shown else ()
        return phrase(detail, positions=left)
    if detail is None or detail in _NO_PLAN:
        return phrase(DetailCode.OTHER_REFUSAL, refusal=refusal.code, message=refusal.message)
    return phrase(detail)


def waiting_rest(desk: DeskContext, planned: Plan, sessions: Sessions, now: datetime) -> Stop | None:
    """Which positions still wait after the plan was placed, and until when."""
    if any(each.code is RefusalCode.PRICE_COLLAR for each in planned.uncurable):
        return Stop(RefusalCode.PRICE_COLLAR, phrase(DetailCode.COLLAR_WAITS), soon(desk, now))
    # A recovery has no amount to collect: its record names the stock that was not brought back.
    shut = sessions.shut_symbols
    waits = planned.amount_after or any(each.symbol in shut for each in planned.uncurable)
    opens = _next_opening(desk, sessions.shut, now) if waits else None
    if opens is None:
        return None
    return Stop(RefusalCode.MARKET_CLOSED, phrase(DetailCode.CLOSED_UNTIL, opens=opens), opens)


def _next_opening(desk: DeskContext, shut: Sequence[Holding], now: datetime) -> datetime | None:
    """When the first of the closed markets opens; None if no known market does."""
    moments = []
    for market in {held.instrument.market for held in shut}:
        # Markets without a calendar are reported by `_unknown_markets`.
        with suppress(NoCalendar):
            moments.append(next_opening(desk.calendar_of(market), now))
    return min(moments, default=None)


def held_if_intraday(desk: DeskContext, auto: AutoLiquidation, stop: Stop, now: datetime) -> Stop:
    """Under the rules of intraday accounts a stop becomes a hold: they apply until the account is flat."""
    ended = stop.until is not None or stop.code is RefusalCode.NOTHING_TO_COLLECT
    if ended or auto.trigger is not AutoLiquidationTrigger.INTRADAY:
        return stop
    return replace(stop, until=soon(desk, now))


def soon(desk: DeskContext, now: datetime) -> datetime:
    """The next attempt after an obstacle whose end is not known."""
    return now + desk.policy.cases.auto_liquidation_retry
