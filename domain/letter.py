"""Letters about a case: which one there is for it, and whether it may leave at this moment.

No letter asks for nothing, for what is due already, or for an amount that was not confirmed for long. This is
asked when a letter is written down and again right before it is sent.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from domain.case import LIVE, AlertType, Case, CaseStatus
from domain.ids import Symbol
from domain.message import Contact, Message, MessageTemplate
from domain.money import Currency
from domain.order import OrderSide
from domain.refusals import Refusal, RefusalCode
from domain.stock_recovery import RECOVERY_ALERTS

ASKS = frozenset({MessageTemplate.MARGIN_CALL, MessageTemplate.REMINDER, MessageTemplate.FORCE_CLOSE_WARNING})
"""They ask the client for money or stock; the others tell what happened."""
WRITES_FIRST = (AlertType.MAINTENANCE, AlertType.INTRADAY, AlertType.CASH_DEBT, AlertType.OVER_FINANCING)
"""Of several cases of an account that ask for the same money the first of these writes alone."""


@dataclass(frozen=True, slots=True)
class StockOwed:
    """Stock to be brought back, and until when."""

    symbol: Symbol
    quantity: Decimal
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Traded:
    """What an order of the case traded, at its average price."""

    symbol: Symbol
    side: OrderSide
    quantity: Decimal
    price: Decimal
    currency: Currency


@dataclass(frozen=True, slots=True)
class FiguresAge:
    """Since when at the latest figures hold (`as_of`), and how long prices have traded on since then.

    The last price before the close holds until the market opens again.
    """

    as_of: datetime
    behind: timedelta


@dataclass(frozen=True, slots=True)
class Wait:
    """Why a letter does not leave at this moment, and when it is looked at again."""

    reason: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Waits:
    """How long letters wait for prices: from look to look, and at most for one that the amount lacks."""

    look_again: timedelta
    for_a_price: timedelta


@dataclass(frozen=True, slots=True)
class Standing:
    """A case as it stands at this moment, as far as a letter tells of it."""

    case: Case
    age: FiguresAge
    stock: tuple[StockOwed, ...] = ()
    """Outstanding, in the order of the times at which it is due."""
    trades: tuple[Traded, ...] = ()
    told_by: str | None = None
    """The number of the account's other case that writes about the same money: see `told_by`."""
    unvalued: tuple[str, ...] = ()
    """Symbols without a price and currencies without a rate that the amount depends on."""

    @property
    def asks_for_stock(self) -> bool:
        """In place of money."""
        return self.case.alert_type in RECOVERY_ALERTS

    def due_later(self, now: datetime) -> tuple[StockOwed, ...]:
        """The stock whose time has not come yet."""
        return tuple(each for each in self.stock if each.due_at > now)


def letter_name(template: MessageTemplate, alert_type: AlertType) -> str:
    """The name of the text. What asks has one for each alert type, what tells has two: money and stock."""
    if template is MessageTemplate.FREE_TEXT:
        return template.lower()
    if template in ASKS:
        return f"{template}.{alert_type}".lower()
    return f"{template}.{'stock' if alert_type in RECOVERY_ALERTS else 'money'}".lower()


def unfit(
    template: MessageTemplate, standing: Standing, now: datetime, figures_max_age: timedelta
) -> Refusal | None:
    """Why the letter may not leave at this moment; None: it may."""
    status = standing.case.status
    match template:
        case MessageTemplate.CURED if status is not CaseStatus.RESOLVED:
            return Refusal(RefusalCode.NOT_CURED, "The case is not cured: the message would mislead.")
        case MessageTemplate.WITHDRAWN if status is not CaseStatus.VOID:
            return Refusal(RefusalCode.TEMPLATE_UNFIT, "The case is not void: the message would mislead.")
        case MessageTemplate.SOLD if not standing.trades:
            return Refusal(RefusalCode.TEMPLATE_UNFIT, "Nothing was traded for the case so far.")
        case MessageTemplate.CURED | MessageTemplate.WITHDRAWN | MessageTemplate.SOLD:
            return None
    if status not in LIVE:
        return Refusal(RefusalCode.CASE_CLOSED, "The case is closed: nothing is asked of the client.")
    if template is MessageTemplate.FREE_TEXT:
        return None
    return _unfit_to_ask(standing, now, figures_max_age)


def _unfit_to_ask(standing: Standing, now: datetime, figures_max_age: timedelta) -> Refusal | None:
    case = standing.case
    if standing.asks_for_stock:
        if not standing.stock:
            return Refusal(RefusalCode.NOTHING_TO_COLLECT, "No stock is outstanding on the case.")
        return None if standing.due_later(now) else _past(case)
    if case.figures.amount <= 0:
        return Refusal(RefusalCode.NOTHING_TO_COLLECT, "Nothing is to be collected: the amount is 0.")
    if case.deadline <= now:
        return _past(case)
    if standing.told_by is not None:
        return Refusal(
            RefusalCode.SAME_SHORTFALL,
            f"Case {standing.told_by} of the same account asks for the same money: it writes for both.",
        )
    if standing.age.behind > figures_max_age:
        return Refusal(
            RefusalCode.FIGURES_TOO_OLD,
            f"The figures hold as of {standing.age.as_of:%Y-%m-%d %H:%M} UTC, and prices have traded on "
            "since then: wait for newer prices.",
        )
    return None


def waits_for_prices(refusal: Refusal) -> bool:
    """What may not leave at this moment may leave with newer prices."""
    return refusal.code is RefusalCode.FIGURES_TOO_OLD


def wait_for(
    refusal: Refusal | None,
    standing: Standing,
    message: Message,
    contact: Contact | None,
    waits: Waits,
    now: datetime,
) -> Wait | None:
    """Whether the letter waits for prices; None: it leaves, or where it was refused never will.

    One whose figures are too old waits until its time is over. An automatic one whose amount lacks a price or
    a rate waits for a while at most, never into quiet hours or beyond its time: then it leaves and says so.
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
    """The first of these, and how many more there are."""
    text = ", ".join(names[:most])
    return text if len(names) <= most else f"{text} (+{len(names) - most})"


def told_by(
    own: Standing, others: Iterable[Standing], leaves_at: datetime, figures_max_age: timedelta
) -> str | None:
    """The number of the case that writes about the same money in place of this one; None: this one does.

    `others`: the account's other live cases for money, as they stand. Only one whose own letter may leave at
    that time silences another: not one in exception or past its deadline. Where the figures of both are too
    old both wait for prices, and the first writes when they come.
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
        f"The deadline, {case.deadline:%Y-%m-%d %H:%M} UTC, has passed: write a free text.",
    )
