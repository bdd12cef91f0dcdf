"""Which calls the figures of an account demand, and which of them an exemption rule prevents."""

from datetime import datetime

from domain.case import AlertType
from domain.exemption import AccountFacts
from domain.margin import AccountType, Book, MarginFigures
from models.book import AccountBook

_MARGIN_ALERTS = {
    AccountType.MARGIN: AlertType.MAINTENANCE,
    AccountType.INTRADAY: AlertType.INTRADAY,
}


def due_alerts(book: Book, figures: MarginFigures) -> set[AlertType]:
    """Which calls the figures demand, given the account's terms and amount rule (not its positions)."""
    if not figures.amount:
        # The trading limit may cover a breach: a case would be cured at once, and open again at once.
        return set()
    if book.terms.account_type is AccountType.CASH:
        return {AlertType.CASH_DEBT}
    due = set()
    if book.rule.whole_debt or figures.liquid_net_assets < figures.maintenance_margin:
        due.add(_MARGIN_ALERTS[book.terms.account_type])
    if book.rule.over_financing_triggers and figures.over_financing > 0:
        due.add(AlertType.OVER_FINANCING)
    return due


def exempting(
    account: AccountBook, alert_type: AlertType, figures: MarginFigures, now: datetime
) -> str | None:
    """The exemption rule that keeps the account from this call."""
    book, reference = account.book, account.account
    facts = AccountFacts(reference.account_no, account.client_group, book.terms, figures)
    return account.rules.exempting(alert_type, facts, now)


def due_calls(account: AccountBook, book: Book, figures: MarginFigures, now: datetime) -> set[AlertType]:
    """Which calls the figures demand and no exemption rule prevents; `book` is the account's as of now."""
    return {alert for alert in due_alerts(book, figures) if exempting(account, alert, figures, now) is None}


def is_priced(book: Book) -> bool:
    """Every position has a quote and every currency in use a rate: the figures mean something."""
    base = book.terms.base_currency
    currencies = {held.instrument.currency for held in book.holdings} | {cash.currency for cash in book.cash}
    return all(held.quote is not None for held in book.holdings) and currencies - {base} <= book.fx.keys()


def breach_ended(account: AccountBook, due: set[AlertType], figures: MarginFigures) -> bool:
    """A breach whose debt was written off is over: the next one opens a case again."""
    return bool(account.written_off - due) and not figures.stale
