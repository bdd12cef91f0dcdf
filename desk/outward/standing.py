"""A case as it stands at the moment of a letter: looked at anew, with the age of its figures."""

from datetime import datetime, timedelta

from desk.desk import Desk
from desk.watching.assess_case import assess_account
from domain.calendar import NoCalendar, TradingCalendar, traded_between
from domain.case import Case
from domain.events import CaseView
from domain.ids import CaseId
from domain.letter import ASKS, WRITES_FIRST, FiguresAge, Standing, StockOwed
from domain.margin import ageing_quote, currencies_in_use
from domain.message import MessageTemplate
from domain.principal import EVERYTHING
from domain.stock_recovery import RECOVERY_ALERTS
from models.book import AccountBook, load_books
from models.case import live_cases_of, load_cases
from models.stock_recovery import open_recoveries_of
from models.untold import trades_of


async def look_anew(
    desk: Desk, case_id: CaseId, template: MessageTemplate, now: datetime
) -> tuple[CaseView, Standing]:
    """For a letter of this template, in a transaction that holds the lock of the case's account.

    What asks for money or stock tells figures of this moment, so the account is looked at first.
    """
    view = (await load_cases(EVERYTHING, [case_id], strict=True))[case_id]
    if template in ASKS and view.case.live:
        await assess_account(desk, view.case.account_id, now)
        view = (await load_cases(EVERYTHING, [case_id], strict=True))[case_id]
    return view, await _standing(desk, view, template, now)


async def _standing(desk: Desk, view: CaseView, template: MessageTemplate, now: datetime) -> Standing:
    case = view.case
    if template is MessageTemplate.SOLD:
        return Standing(case, FiguresAge(now, timedelta()), trades=tuple(await trades_of(case.id)))
    if template not in ASKS:
        return Standing(case, FiguresAge(case.closed_at or now, timedelta()))
    if case.alert_type in RECOVERY_ALERTS:
        return Standing(case, FiguresAge(now, timedelta()), stock=await _stock(case))
    account = (await load_books([case.account_id], desk.rules.books, now))[case.account_id]
    age = _age(desk, account, case, now)
    return Standing(case, age, told_by=await _told_by(case))


async def _stock(case: Case) -> tuple[StockOwed, ...]:
    owed = [
        StockOwed(each.symbol, each.outstanding, each.due_at)
        for each in await open_recoveries_of([case.account_id])
        if each.case_id == case.id and each.outstanding
    ]
    return tuple(sorted(owed, key=lambda each: (each.due_at, each.symbol)))


async def _told_by(case: Case) -> str | None:
    """The account's other case that writes about the same money."""
    own = WRITES_FIRST.index(case.alert_type)
    for view in await live_cases_of([case.account_id]):
        other = view.case
        asks = other.alert_type in WRITES_FIRST and other.figures.amount > 0
        if asks and WRITES_FIRST.index(other.alert_type) < own:
            return other.case_no
    return None


def _age(desk: Desk, account: AccountBook, case: Case, now: datetime) -> FiguresAge:
    """By the price or rate that is furthest behind; by the figures where they could not be computed anew."""
    if case.figures.as_of != now:
        return FiguresAge(case.figures.as_of, now - case.figures.as_of)
    base = desk.market_of(account.account.base_currency)
    book = account.book
    known = [
        (held.instrument.market, quote.at)
        for held in book.holdings
        if (quote := ageing_quote(held)) is not None
    ]
    known += [(base, book.fx[each].at) for each in currencies_in_use(book) if each in book.fx]
    as_of, most = now, timedelta()
    for market, at in known:
        behind = _behind(desk, market, at, now)
        if behind > desk.rules.max_price_age:
            as_of, most = min(as_of, at), max(most, behind)
    return FiguresAge(as_of, most)


def _behind(desk: Desk, market: str, at: datetime, now: datetime) -> timedelta:
    """How long the market has traded on since then, as far as it matters."""
    if at >= now:
        return timedelta()
    try:
        calendar: TradingCalendar = desk.calendar_of(market)
        return traded_between(calendar, at, now, desk.rules.messages.figures_max_age + timedelta(minutes=1))
    except NoCalendar:
        # No calendar says when the market rests.
        return now - at
