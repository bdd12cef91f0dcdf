"""The calls that the figures of an account demand, and those that an exemption rule prevents."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from domain.case import RECOVERY_ALERTS, AlertType
from domain.exemption import AccountFacts
from domain.judgement import Judgement
from domain.margin import MarginFigures
from domain.money import ZERO
from domain.requested_amount import figures_of
from models.book import AccountBook


def exempting(
    account: AccountBook, alert_type: AlertType, figures: MarginFigures, now: datetime
) -> str | None:
    """The exemption rule that keeps the account from this call, or None."""
    book, reference = account.book, account.account
    called = figures_of(alert_type, book, figures)
    facts = AccountFacts(reference.account_no, account.client_group, book.terms, called)
    return account.policy.exempting(alert_type, facts, now)


def due_calls(
    account: AccountBook, judgement: Judgement, figures: MarginFigures, now: datetime
) -> set[AlertType]:
    """Calls that are certainly due, and that no exemption rule or write-off prevents."""
    return _not_exempt(account, judgement.called, figures, now)


def undecided_calls(
    account: AccountBook, judgement: Judgement, figures: MarginFigures, now: datetime
) -> set[AlertType]:
    """Calls that may be due, depending on unknown data, and that nothing else prevents."""
    return _not_exempt(account, judgement.open, figures, now)


def amount_demanded(alerts: Iterable[AlertType], account: AccountBook, figures: MarginFigures) -> Decimal:
    """The amount that calls of these kinds demand together: the largest, since they cover the same shortfall.

    Stock calls demand no money.
    """
    amounts = (figures_of(alert, account.book, figures).amount for alert in set(alerts) - RECOVERY_ALERTS)
    return max(amounts, default=ZERO)


def _not_exempt(
    account: AccountBook, alerts: Iterable[AlertType], figures: MarginFigures, now: datetime
) -> set[AlertType]:
    open_ = set(alerts) - account.written_off
    return {alert for alert in open_ if exempting(account, alert, figures, now) is None}


def breach_ended(account: AccountBook, judgement: Judgement) -> bool:
    """Whether a written-off breach has ended, so that the next breach opens a case again."""
    return bool(account.written_off - judgement.called - judgement.open) and not judgement.old
