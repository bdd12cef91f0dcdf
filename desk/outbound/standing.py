"""The state of a case for a letter: assessed again, with the age of its figures."""

from dataclasses import replace
from datetime import datetime, timedelta

from desk.assessment.assess_case import assess_account
from desk.context import DeskContext
from domain.calendar import NoCalendar, TradingCalendar, traded_between
from domain.case import Case
from domain.events import CaseView
from domain.ids import CaseId
from domain.judgement import unknown_in_amount
from domain.letter import ASKS, WRITES_FIRST, FiguresAge, Standing, StockOwed, covered_by
from domain.margin import ageing_quote, currencies_in_use, owes_whole_debt
from domain.message import MessageTemplate
from domain.principal import EVERYTHING
from domain.requested_amount import book_of
from models.book import AccountBook, load_books
from models.case import live_cases_of, load_cases
from models.stock_recovery import open_recoveries_of
from models.unnotified import trades_of


async def look_again(
    desk: DeskContext,
    case_id: CaseId,
    template: MessageTemplate,
    now: datetime,
    leaves_at: datetime | None = None,
) -> tuple[CaseView, Standing]:
    """For a letter of this template, in a transaction that holds the lock of the case's account.

    Letters that demand money or stock state current figures, so the account is assessed first. `leaves_at`:
    the end of the client's quiet hours, until which no letter of the account is sent.
    """
    view = (await load_cases(EVERYTHING, [case_id], strict=True))[case_id]
    if template in ASKS and view.case.live:
        await assess_account(desk, view.case.account_id, now)
        view = (await load_cases(EVERYTHING, [case_id], strict=True))[case_id]
    return view, await _standing(desk, view, template, now, leaves_at or now)


async def _standing(
    desk: DeskContext, view: CaseView, template: MessageTemplate, now: datetime, leaves_at: datetime
) -> Standing:
    case = view.case
    if template is MessageTemplate.SOLD:
        return Standing(case, FiguresAge(now, timedelta()), trades=tuple(await trades_of(case.id)))
    if template not in ASKS:
        return Standing(case, FiguresAge(case.closed_at or now, timedelta()))
    if case.is_recovery:
        return Standing(case, FiguresAge(now, timedelta()), stock=await _stock(case))
    account = (await load_books([case.account_id], desk.policy.books, now))[case.account_id]
    own = Standing(case, _age(desk, account, case, now), unvalued=_unvalued(desk, account, case, now))
    others = [
        Standing(view.case, _age(desk, account, view.case, now))
        for view in await live_cases_of([case.account_id])
        if view.case.id != case.id and view.case.alert_type in WRITES_FIRST
    ]
    return replace(own, covered_by=covered_by(own, others, leaves_at, desk.policy.messages.figures_max_age))


async def _stock(case: Case) -> tuple[StockOwed, ...]:
    owed = [
        StockOwed(each.symbol, each.outstanding, each.due_at)
        for each in await open_recoveries_of([case.account_id])
        if each.case_id == case.id and each.outstanding
    ]
    return tuple(sorted(owed, key=lambda each: (each.due_at, each.symbol)))


def _unvalued(desk: DeskContext, account: AccountBook, case: Case, now: datetime) -> tuple[str, ...]:
    """Symbols and currencies without which the amount was computed; for older figures, those missing then or
    now.
    """
    book = book_of(case.alert_type, account.book)
    missing = unknown_in_amount(book, desk.policy.judgement)
    if case.figures.as_of == now:
        return missing
    then = set(case.figures.unvalued)
    if book.rule.over_financing_alone or owes_whole_debt(book.terms, book.rule):
        then &= {each.currency for each in book.cash}
    return tuple(sorted({*then, *missing}))


def _age(desk: DeskContext, account: AccountBook, case: Case, now: datetime) -> FiguresAge:
    """By the oldest price or rate; by the figures' own time if they could not be computed again."""
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
        if behind > desk.policy.max_price_age:
            as_of, most = min(as_of, at), max(most, behind)
    return FiguresAge(as_of, most)


def _behind(desk: DeskContext, market: str, at: datetime, now: datetime) -> timedelta:
    """How long the market has traded since then, as far as it matters."""
    if at >= now:
        return timedelta()
    try:
        calendar: TradingCalendar = desk.calendar_of(market)
        return traded_between(calendar, at, now, desk.policy.messages.figures_max_age + timedelta(minutes=1))
    except NoCalendar:
        # Without a calendar the market counts as always open.
        return now - at
