"""Which calls the figures of an account demand, and which of them an exemption rule prevents."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from domain.asked_amount import figures_of
from domain.case import AlertType
from domain.exemption import AccountFacts
from domain.judgement import Judgement
from domain.margin import MarginFigures
from domain.money import ZERO
from domain.stock_recovery import RECOVERY_ALERTS
from models.book import AccountBook


def exempting(
    account: AccountBook, alert_type: AlertType, figures: MarginFigures, now: datetime
) -> str | None:
    """The exemption rule that keeps the account from this call."""
    book, reference = account.book, account.account
    asked = figures_of(alert_type, book, figures)
    facts = AccountFacts(reference.account_no, account.client_group, book.terms, asked)
    return account.rules.exempting(alert_type, facts, now)


def due_calls(
    account: AccountBook, judgement: Judgement, figures: MarginFigures, now: datetime
) -> set[AlertType]:
    """Which calls are due for certain; neither an exemption rule nor a write-off prevents them."""
    return _not_exempt(account, judgement.called, figures, now)


def undecided_calls(
    account: AccountBook, judgement: Judgement, figures: MarginFigures, now: datetime
) -> set[AlertType]:
    """Which calls may be due, depending on something unknown; nothing else prevents them."""
    return _not_exempt(account, judgement.open, figures, now)


def asked_by(alerts: Iterable[AlertType], account: AccountBook, figures: MarginFigures) -> Decimal:
    """What calls of these kinds ask for together: the largest, since they are about the same shortfall.

    Those of stock ask for no money.
    """
    asked = (figures_of(alert, account.book, figures).amount for alert in set(alerts) - RECOVERY_ALERTS)
    return max(asked, default=ZERO)


def _not_exempt(
    account: AccountBook, alerts: Iterable[AlertType], figures: MarginFigures, now: datetime
) -> set[AlertType]:
    open_ = set(alerts) - account.written_off
    return {alert for alert in open_ if exempting(account, alert, figures, now) is None}


def breach_ended(account: AccountBook, judgement: Judgement) -> bool:
    """A breach whose debt was written off is over: the next one opens a case again."""
    return bool(account.written_off - judgement.called - judgement.open) and not judgement.old
