"""Record in the case's history that incoming cash meets a call, in part or in full.

The book of record states balances, not their causes: a deposit, a dividend or the client's own sale look the
same. The record therefore says that cash rose and by how much, and does not call it a deposit. The desk's own
fills are in both balances, as far as the book of record has booked them.
"""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from desk.assessment.case_event import case_event
from desk.audit import BOOK, case_entry
from desk.context import DeskContext
from desk.follow_up import note_by_desk
from domain.booking import credited
from domain.canonical import plain
from domain.case import AlertType
from domain.ids import AccountId
from domain.judgement import Answer, judge
from domain.margin import Book, compute_figures
from domain.money import Currency, exact
from domain.phrase import DetailCode, FollowUpCode, Phrase, phrase
from domain.requested_amount import book_of
from models import outbox
from models.audit import write_audit
from models.book import load_books
from models.case import live_cases_of, save_case


async def note_deposit(
    desk: DeskContext, account_id: AccountId, currency: Currency, before: Decimal, after: Decimal
) -> None:
    """Record on the account's live calls how a risen balance changed the amount; the caller holds its
    lock.
    """
    with exact():
        received = after - before
    views = [view for view in await live_cases_of([account_id]) if not view.case.is_recovery]
    if received <= 0 or not views:
        return
    now = desk.clock()
    account = (await load_books([account_id], desk.policy.books, now))[account_id]
    for view in views:
        amount = _effect(desk, view.case.alert_type, account.book, currency, received, now)
        follow_up = phrase(FollowUpCode.CASH_ROSE, received=received, currency=currency, amount=amount)
        case = await note_by_desk(desk, view.case, follow_up, now)
        await save_case(case)
        detail = {"currency": currency, "received": plain(received)}
        noted = case_entry(BOOK, now, view.case, case, "noteDeposit", detail)
        await write_audit([noted] if noted else [])
        current = replace(view, symbols=account.symbols)
        await outbox.append([case_event(desk, current, replace(current, case=case), now)])


def _effect(
    desk: DeskContext,
    alert_type: AlertType,
    account: Book,
    currency: Currency,
    received: Decimal,
    now: datetime,
) -> Phrase:
    """How the risen cash changed the amount to collect."""
    book = book_of(alert_type, account)
    earlier = _amount(desk, alert_type, _without(book, currency, received), now)
    left = _amount(desk, alert_type, book, now)
    base = book.terms.base_currency
    if left is None:
        return phrase(DetailCode.AMOUNT_UNKNOWN)
    if earlier is None:
        return phrase(DetailCode.AMOUNT_IS, amount=left, currency=base)
    if earlier == left:
        return phrase(DetailCode.AMOUNT_STAYS, amount=left, currency=base)
    return phrase(DetailCode.AMOUNT_FELL, before=earlier, amount=left, currency=base)


def _amount(desk: DeskContext, alert_type: AlertType, book: Book, now: datetime) -> Decimal | None:
    """None if it is unknown whether anything is to be collected."""
    figures = compute_figures(book, now, desk.policy.max_price_age)
    answer = judge(book, figures, desk.policy.judgement).asks(alert_type)
    return None if answer is Answer.UNKNOWN else figures.amount


def _without(book: Book, currency: Currency, received: Decimal) -> Book:
    return replace(book, cash=credited(book.cash, currency, -received))
