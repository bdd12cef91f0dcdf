"""Assess a stock-recovery case: what is outstanding now, and whether that ends the case.

Part of `assess_account`, in its transaction and under its lock. Quantities do not depend on prices, so a
stale or missing price delays nothing here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from desk.context import DeskContext
from domain.case import Case, CaseStatus, CaseTrigger, decide, may_resolve
from domain.covered_options import Today, written_calls
from domain.events import OrderView
from domain.ids import Symbol
from domain.margin import Book, MarginFigures
from domain.refusals import Refusal
from domain.stock_recovery import Recovery, refreshed, with_recoveries
from models.book import AccountBook
from models.stock_recovery import open_recoveries_of, save_recoveries


@dataclass(frozen=True, slots=True)
class Assessed:
    """The case after this assessment; `superfluous` orders bring back stock that is no longer outstanding."""

    case: Case
    changed: bool
    """Whether a recovery record of the case changed."""
    superfluous: Sequence[OrderView]


async def assess_recovery(
    desk: DeskContext,
    account: AccountBook,
    case: Case,
    figures: MarginFigures,
    orders: Sequence[OrderView],
    now: datetime,
) -> Assessed:
    """Assess the recovery case; `orders` are its open orders."""
    today = desk.today(now)
    known = await open_recoveries_of([case.account_id])
    before = [each for each in known if each.case_id == case.id]
    after = [refreshed(each, account.book, today, now) for each in before]
    changed = [new for old, new in zip(before, after, strict=True) if old != new]
    await save_recoveries(changed)
    if case.status is CaseStatus.LIQUIDATING and not orders:
        case = _decided(case, CaseTrigger.ORDERS_ENDED, now)
    was_overdue = case.force_eligible
    case = with_recoveries(case, figures, after, now)
    if case.force_eligible and not was_overdue:
        case = _decided(case, CaseTrigger.DEADLINE_PASSED, now)
    if not orders and may_resolve(case, now, desk.policy.close_hold):
        case = _decided(case, CaseTrigger.CURED, now)
    useful = _useful(after, account.book, today)
    superfluous = [view for view in orders if view.order.symbol not in useful]
    return Assessed(case, bool(changed), superfluous)


def _useful(recoveries: Sequence[Recovery], book: Book, today: Today) -> set[Symbol]:
    """Instruments whose purchase or sale still brings back something outstanding."""
    needed = {each.symbol for each in recoveries if each.outstanding}
    calls = {held.instrument.symbol for stock in needed for held in written_calls(book, stock, today)}
    return needed | calls


def _decided(case: Case, trigger: CaseTrigger, now: datetime) -> Case:
    decided = decide(case, trigger, now)
    assert not isinstance(decided, Refusal), f"{case.status} and {trigger}: {decided}"
    return decided
