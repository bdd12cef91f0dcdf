"""Letters about a case: which one applies, and whether it may be sent now.

No letter demands nothing, something that is already due, or an amount that has not been confirmed for long.
This is checked when a letter is created and again right before it is sent.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from domain.case import LIVE, RECOVERY_ALERTS, AlertType, Case, CaseStatus
from domain.ids import Symbol
from domain.message import Contact, Message, MessageTemplate
from domain.money import Currency
from domain.order import OrderSide
from domain.refusals import Refusal, RefusalCode

ASKS = frozenset({MessageTemplate.MARGIN_CALL, MessageTemplate.REMINDER, MessageTemplate.FORCE_CLOSE_WARNING})
"""Letters that demand money or stock from the client; the others report what happened."""
WRITES_FIRST = (AlertType.MAINTENANCE, AlertType.INTRADAY, AlertType.CASH_DEBT, AlertType.OVER_FINANCING)
"""Of several cases of an account that demand the same money, only the first of these is written about."""


@dataclass(frozen=True, slots=True)
class StockOwed:
    """Stock to be brought back, and its deadline."""

    symbol: Symbol
    quantity: Decimal
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Traded:
    """The trades of one order of the case, at its average price."""

    symbol: Symbol
    side: OrderSide
    quantity: Decimal
    price: Decimal
    currency: Currency


@dataclass(frozen=True, slots=True)
class FiguresAge:
    """The time as of which figures hold (`as_of`), and how long the market has traded since then.

    The last price before the close holds until the market opens again.
    """

    as_of: datetime
    behind: timedelta


@dataclass(frozen=True, slots=True)
class Wait:
    """Why a letter is not sent now, and when it is checked again."""

    reason: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Waits:
    """How long letters wait for prices: between checks, and at most for one that the amount lacks."""

    look_again: timedelta
    for_a_price: timedelta


@dataclass(frozen=True, slots=True)
class Standing:
    """The state of a case at this moment, as far as a letter contains it."""

    case: Case
    age: FiguresAge
    stock: tuple[StockOwed, ...] = ()
    """Outstanding stock, sorted by due time."""
    trades: tuple[Traded, ...] = ()
    covered_by: str | None = None
    """The number of the account's other case whose letter covers the same money: see `covered_by`."""
    unvalued: tuple[str, ...] = ()
    """Symbols without a price and currencies without a rate on which the amount depends."""

    def due_later(self, now: datetime) -> tuple[StockOwed, ...]:
        """The stock that is not due yet."""
        return tuple(each for each in self.stock if each.due_at > now)


def letter_name(template: MessageTemplate, alert_type: AlertType) -> str:
    """The name of the letter. Letters that demand something exist per alert type, the others for money and
    for stock.
    """
    if template is MessageTemplate.FREE_TEXT:
        return template.lower()
    if template in ASKS:
        return f"{template}.{alert_type}".lower()
    return f"{template}.{'stock' if alert_type in RECOVERY_ALERTS else 'money'}".lower()


def unfit(
    template: MessageTemplate, standing: Standing, now: datetime, figures_max_age: timedelta
) -> Refusal | None:
    """Why the letter may not be sent now; None if it may."""
    status = standing.case.status
    match template:
        case MessageTemplate.CURED if status is not CaseStatus.RESOLVED:
            return Refusal(
                RefusalCode.NOT_CURED, "The case is not cured, so the message would mislead the client."
            )
        case MessageTemplate.WITHDRAWN if status is not CaseStatus.VOID:
            return Refusal(
                RefusalCode.TEMPLATE_UNFIT, "The case is not void, so the message would mislead the client."
            )
        case MessageTemplate.SOLD if not standing.trades:
            return Refusal(RefusalCode.TEMPLATE_UNFIT, "No order of the case has traded yet.")
        case MessageTemplate.CURED | MessageTemplate.WITHDRAWN | MessageTemplate.SOLD:
            return None
    if status not in LIVE:
        return Refusal(
            RefusalCode.CASE_CLOSED,
            "The case is closed: only the templates SOLD, CURED and WITHDRAWN may still be sent about it.",
        )
    if template is MessageTemplate.FREE_TEXT:
        return None
    return _unfit_to_ask(standing, now, figures_max_age)


def _unfit_to_ask(standing: Standing, now: datetime, figures_max_age: timedelta) -> Refusal | None:
    case = standing.case
    if standing.case.is_recovery:
        if not standing.stock:
            return Refusal(RefusalCode.NOTHING_TO_COLLECT, "No stock is outstanding on the case.")
        return None if standing.due_later(now) else _past(case)
    if case.figures.amount <= 0:
        return Refusal(RefusalCode.NOTHING_TO_COLLECT, "The amount to collect is 0.")
    if case.deadline <= now:
        return _past(case)
    if standing.covered_by is not None:
        return Refusal(
            RefusalCode.SAME_SHORTFALL,
            f"Case {standing.covered_by} of the same account demands the same money, and its message "
            "covers both.",
        )
    if standing.age.behind > figures_max_age:
        return Refusal(
            RefusalCode.FIGURES_TOO_OLD,
            f"The figures are as of {standing.age.as_of:%Y-%m-%d %H:%M} UTC, and the market has traded "
            "since then: wait for newer prices.",
        )
    return None


def waits_for_prices(refusal: Refusal) -> bool:
    """Whether a refused letter may be sent once there are newer prices."""
    return refusal.code is RefusalCode.FIGURES_TOO_OLD


def wait_for(
    refusal: Refusal | None,
    standing: Standing,
    message: Message,
    contact: Contact | None,
    waits: Waits,
    now: datetime,
) -> Wait | None:
    """Whether the letter waits for prices; None: it is sent, or never if it was refused.

    A letter whose figures are too old waits until its latest time. An automatic letter whose amount lacks a
    price or a rate waits for a limited time, never into quiet hours or beyond its latest time: then it is
    sent and says so.
    """
    again = now + waits.look_again
    if refusal is not None:
        return Wait(refusal.message, again) if waits_for_prices(refusal) else None
    if not standing.unvalued or not message.automatic:
        return None
    too_long = again > message.earliest_at + waits.for_a_price or again >= message.latest_at
    if too_long or (contact is not None and contact.may_be_disturbed_from(again) > again):
        return None
    return Wait(f"The amount lacks a price or rate: {listed(standing.unvalued)}.", again)


def listed(names: tuple[str, ...], most: int = 10) -> str:
    """The first of these names, and how many more there are."""
    text = ", ".join(names[:most])
    return text if len(names) <= most else f"{text} (+{len(names) - most})"


def covered_by(
    own: Standing, others: Iterable[Standing], leaves_at: datetime, figures_max_age: timedelta
) -> str | None:
    """The number of the case whose letter covers the same money instead of this one; None: this case's letter
    does.

    `others`: the account's other live cases for money. A case takes over only if its own letter may be sent
    at that time: not in exception or past its deadline. If the figures of both are too old, both wait for
    prices, and the first takes over when they arrive.
    """
    for other in sorted(others, key=lambda each: WRITES_FIRST.index(each.case.alert_type)):
        if WRITES_FIRST.index(other.case.alert_type) >= WRITES_FIRST.index(own.case.alert_type):
            break
        if other.case.messages_muted(leaves_at):
            continue
        refusal = _unfit_to_ask(other, leaves_at, figures_max_age)
        own_waits = own.age.behind > figures_max_age
        if refusal is None or (waits_for_prices(refusal) and own_waits):
            return other.case.case_no
    return None


def _past(case: Case) -> Refusal:
    return Refusal(
        RefusalCode.TOO_LATE,
        f"The deadline, {case.deadline:%Y-%m-%d %H:%M} UTC, has passed: send a free text instead.",
    )
