"""An account as the monitor keeps it in memory, and what follows from it without the database.

Nothing here decides: `assess_account` does, under the account's lock.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from desk.assessment.assessment_due import Known, assessment_due
from desk.context import DeskContext
from domain.case import Case, in_doubt, with_figures
from domain.events import CaseView, OrderView
from domain.judgement import Answer, Judgement, judge
from domain.liquidation import uncovered_amount
from domain.live_book import LiveBook
from domain.margin import MarginFigures
from domain.market import FxRate
from domain.money import ZERO, Currency
from domain.open_orders import as_open_orders
from domain.reporting import ReportingRate
from domain.requested_amount import book_of, figures_of
from domain.stock_recovery import without_amount
from models.book import AccountBook

Rates = Mapping[tuple[Currency, Currency], FxRate]
"""The newest rate by its base and its quote currency."""


@dataclass(slots=True)
class WatchedAccount:
    """The account as it was read, its book with the newest prices, its live cases and its open orders."""

    account: AccountBook
    live: LiveBook
    cases: list[CaseView]
    orders: list[OrderView]
    turns_at: datetime | None
    """When time alone changes what the book is worth."""


def must_assess(desk: DeskContext, watched: WatchedAccount) -> bool:
    """Whether a case may have to open, to change its state or to close."""
    now = desk.clock()
    figures = watched.live.figures(now)
    cases = [view.case for view in watched.cases]
    known = Known(watched.account, figures, _judged(desk, watched, figures), cases, watched.orders)
    return assessment_due(known, now, desk.policy.close_hold) is not None


def recomputed(desk: DeskContext, watched: WatchedAccount, case: Case, rates: Rates, now: datetime) -> Case:
    """The case with the figures of this moment."""
    figures = watched.live.figures(now)
    if case.is_recovery:
        worth = watched.account.reporting.worth(ZERO)
        return replace(case, figures=without_amount(figures), worth=worth, force_eligible=case.overdue(now))
    judgement = _judged(desk, watched, figures)
    below_force = judgement.below_force is Answer.YES
    if judgement.asks(case.alert_type) is Answer.UNKNOWN:
        after = in_doubt(case, bool(watched.orders), now, below_force)
    else:
        called = figures_of(case.alert_type, watched.account.book, figures)
        uncovered = _uncovered(desk, watched, case, called.amount, now)
        worth = _reporting(watched.account, rates).worth(called.amount)
        after = with_figures(case, called, uncovered, worth, now, below_force)
    # Automatic liquidation becomes due: the next look assesses the account and takes the snapshot.
    return after if case.force_eligible else replace(after, force_eligible=False)


def worth_an_event(before: Case, after: Case) -> bool:
    """Whether the change is worth an event.

    The time of computation alone is not, unless the deadline lies in between, and neither is a small move of
    a rate into the reporting currency.
    """
    if before.overdue(before.figures.as_of) is not after.overdue(after.figures.as_of):
        return True
    unmoved = before.worth is not None and not before.worth.moved(after.worth)
    figures = replace(before.figures, as_of=after.figures.as_of)
    return replace(before, figures=figures, worth=after.worth if unmoved else before.worth) != after


def _judged(desk: DeskContext, watched: WatchedAccount, figures: MarginFigures) -> Judgement:
    # The live book is copied only if something in it is unknown.
    book = watched.live.book() if figures.unvalued else watched.account.book
    return judge(book, figures, desk.policy.judgement)


def _uncovered(
    desk: DeskContext, watched: WatchedAccount, case: Case, amount: Decimal, now: datetime
) -> Decimal:
    """The part of the amount that open orders do not cover."""
    if not watched.orders:
        return amount
    book = book_of(case.alert_type, watched.live.book())
    orders = as_open_orders(watched.orders, book, desk.cover_conditions(now))
    return uncovered_amount(book, orders, now, desk.policy.max_price_age)


def _reporting(account: AccountBook, rates: Rates) -> ReportingRate:
    known = rates.get((account.account.base_currency, account.reporting.currency))
    return account.reporting if known is None else replace(account.reporting, rate=known.rate)
