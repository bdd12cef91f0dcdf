"""The findings about an execution report, compared with the order and earlier reports.

A report with an objection (`objection`) is not booked. An oddity (`oddities`) is booked and reported to
operators, because a fill is a fact about money however unusual it is.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from domain.execution import ExecType, ExecutionReport, OrderSide
from domain.ids import ClientOrderId
from domain.market import Instrument
from domain.money import exact, plain_text, unsigned_zero
from domain.order import Order
from domain.phrase import DetailCode, Phrase, phrase
from domain.phrase_texts import english

STORED_DIGITS = 10
"""Digits after the point of a stored quantity, price or fee."""
STORABLE_BELOW = Decimal(10) ** 15
"""No quantity, price, fee or value of a real trade comes near it, and sums of many such values can be stored.
"""
CLIENT_ORDER_ID_CHARACTERS_MAX = 40
"""The desk assigns no longer client order id."""
EXECUTION_ID_CHARACTERS_MAX = 80
TEXT_CHARACTERS_MAX = 1_000
"""The longest stored text of a venue; longer texts are cut."""
FAR_FROM_MARK = Decimal(2)
"""A fill at more than so many times the mark, or less than that part of it, may be in another currency or
have the decimal point in the wrong place.
"""
CLOCK_TOLERANCE = timedelta(minutes=1)
"""The largest difference between the clocks of a venue and the desk that is not reported."""


class Attention(StrEnum):
    """The kind of a finding that an operator has to check; a label of a metric and part of the audit."""

    LATE_FILL = "LATE_FILL"
    OVERFILL = "OVERFILL"
    ODD_LOT = "ODD_LOT"
    PRICE = "PRICE"
    """A fill at a price that is worse than the limit, or far from the mark."""
    CLOCK = "CLOCK"
    CONTRADICTION = "CONTRADICTION"
    """The report contradicts the state of the order."""
    REPEATED_ID = "REPEATED_ID"
    """The execution id is known with other content."""
    OTHER_ORDER = "OTHER_ORDER"
    """The report names another account, instrument or side than the order's."""
    UNKNOWN_ORDER = "UNKNOWN_ORDER"
    IMPOSSIBLE = "IMPOSSIBLE"
    """A quantity, price, fee, time or id that no execution can have."""
    TRADE_CANCEL = "TRADE_CANCEL"
    SIGN_CHANGED = "SIGN_CHANGED"
    """A fill moved the position away from zero."""
    MAY_CHANGE_SIGN = "MAY_CHANGE_SIGN"
    """The orders open at the venue exceed the position."""
    DAY_ENDED = "DAY_ENDED"
    """The venue still works an order whose trading day has ended."""
    PRICE_COLLAR = "PRICE_COLLAR"
    """The order was not sent: the market, or its limit, was beyond the price collar."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The kind of a finding, and what was found, as the end of a sentence."""

    kind: Attention
    phrase: Phrase

    @property
    def why(self) -> str:
        """The finding in English."""
        return english(self.phrase)


@dataclass(frozen=True, slots=True)
class Booked:
    """The stored data of an execution."""

    client_order_id: ClientOrderId
    exec_type: ExecType
    quantity: Decimal
    price: Decimal
    fee: Decimal


def legible(text: str, characters_max: int = TEXT_CHARACTERS_MAX) -> str:
    """The text in a form that can be stored and shown, since a venue may send anything."""
    return text.replace("\x00", "\ufffd")[:characters_max]


def in_legible_words(report: ExecutionReport) -> ExecutionReport:
    """The report with texts that can be stored; ids are left unchanged, since they identify its subject."""
    return replace(
        report,
        text=report.text and legible(report.text),
        raw_status=report.raw_status and legible(report.raw_status),
    )


def names_an_order(client_order_id: ClientOrderId) -> bool:
    """Whether it can be the client order id of an order of the desk."""
    return legible(client_order_id, CLIENT_ORDER_ID_CHARACTERS_MAX) == client_order_id


def nameless(report: ExecutionReport) -> Finding | None:
    """Why nothing can be stored under the execution id; None if it can."""
    name = report.execution_id
    if name and legible(name, EXECUTION_ID_CHARACTERS_MAX) == name:
        return None
    return Finding(
        Attention.IMPOSSIBLE, phrase(DetailCode.EXECUTION_ID, characters=EXECUTION_ID_CHARACTERS_MAX)
    )


def objection(
    order: Order, account_no: str, instrument: Instrument, report: ExecutionReport
) -> Finding | None:
    """Why the report is not booked; None if nothing is wrong with the report itself."""
    if report.at.tzinfo is None:
        return _impossible(phrase(DetailCode.TIME_WITHOUT_OFFSET))
    if report.exec_type is ExecType.TRADE_CANCEL:
        known = legible(report.refers_to or "", EXECUTION_ID_CHARACTERS_MAX)
        if not known:
            return Finding(Attention.TRADE_CANCEL, phrase(DetailCode.UNNAMED_TRADE_CANCELLED))
        return Finding(Attention.TRADE_CANCEL, phrase(DetailCode.TRADE_CANCELLED, execution=known))
    if (other := _other_order(order, account_no, report)) is not None:
        return Finding(Attention.OTHER_ORDER, other)
    return _impossible_numbers(instrument, report) if report.exec_type is ExecType.TRADE else None


def _impossible(reason: Phrase) -> Finding:
    return Finding(Attention.IMPOSSIBLE, reason)


def _other_order(order: Order, account_no: str, report: ExecutionReport) -> Phrase | None:
    """The first field that the report states differently from the order."""

    def differs(reported: str | None, ordered: str) -> bool:
        return reported is not None and reported != ordered

    def shown(reported: str | None) -> str:
        return legible(reported or "", EXECUTION_ID_CHARACTERS_MAX)

    if differs(report.account_no, account_no):
        return phrase(DetailCode.OTHER_ACCOUNT, reported=shown(report.account_no), ordered=account_no)
    if differs(report.symbol, order.symbol):
        return phrase(DetailCode.OTHER_INSTRUMENT, reported=shown(report.symbol), ordered=order.symbol)
    if differs(report.side, order.side):
        return phrase(DetailCode.OTHER_SIDE, reported=shown(report.side), ordered=order.side)
    return None


def _impossible_numbers(instrument: Instrument, report: ExecutionReport) -> Finding | None:
    numbers = (report.last_quantity, report.last_price, report.fee)
    if not all(each.is_finite() and abs(each) < STORABLE_BELOW for each in numbers):
        return _impossible(phrase(DetailCode.NUMBER_NOT_STORABLE))
    quantity, price = stored(report.last_quantity), stored(report.last_price)
    if quantity <= 0:
        return _impossible(phrase(DetailCode.QUANTITY_NOT_POSITIVE))
    if price <= 0 and not instrument.negative_prices:
        return _impossible(phrase(DetailCode.PRICE_NOT_POSITIVE, price=price, symbol=instrument.symbol))
    with exact():
        worth = quantity * price * instrument.multiplier
    if abs(worth) >= STORABLE_BELOW:
        return _impossible(phrase(DetailCode.VALUE_TOO_LARGE))
    return None


def oddities(
    order: Order, instrument: Instrument, report: ExecutionReport, mark: Decimal | None, now: datetime
) -> tuple[Finding, ...]:
    """Unusual facts about a trade that is booked. `mark`: of the instrument; None: not known."""
    findings = []
    if (price := _odd_price(order, report.last_price, mark)) is not None:
        findings.append(price)
    if report.last_quantity % instrument.lot_size:
        odd = phrase(DetailCode.ODD_LOT, filled=report.last_quantity, lot=instrument.lot_size)
        findings.append(Finding(Attention.ODD_LOT, odd))
    if not order.created_at - CLOCK_TOLERANCE <= report.at <= now + CLOCK_TOLERANCE:
        outside = phrase(DetailCode.TIME_OUTSIDE, time=report.at.isoformat())
        findings.append(Finding(Attention.CLOCK, outside))
    return tuple(findings)


def _odd_price(order: Order, price: Decimal, mark: Decimal | None) -> Finding | None:
    limit = order.limit_price
    if mark is not None and _is_far(stored(price), mark):
        return Finding(Attention.PRICE, phrase(DetailCode.PRICE_FAR_FROM_MARK, price=price, mark=mark))
    if limit is not None and (price < limit if order.side is OrderSide.SELL else price > limit):
        return Finding(Attention.PRICE, phrase(DetailCode.PRICE_WORSE_THAN_LIMIT, price=price, limit=limit))
    return None


def _is_far(price: Decimal, mark: Decimal) -> bool:
    """Whether the price is far from the mark. A negative mark has the same multiples on its side of 0; a mark
    of 0 has none.
    """
    if not mark:
        return False
    with exact():
        towards = price if mark > 0 else -price
        return towards > abs(mark) * FAR_FROM_MARK or towards * FAR_FROM_MARK < abs(mark)


def bounded_time(order: Order, report: ExecutionReport, now: datetime) -> datetime:
    """The execution's time, limited to between the order's placing and the report's arrival."""
    return min(max(report.at, order.created_at), now)


def contradicts(booked: Booked, report: ExecutionReport) -> str | None:
    """The difference between the report and the stored one with the same id; None if it is a true repeat."""
    pairs = {
        "order": (booked.client_order_id, report.client_order_id),
        "kind": (booked.exec_type, report.exec_type),
        "quantity": (stored(booked.quantity), stored(report.last_quantity)),
        "price": (stored(booked.price), stored(report.last_price)),
        "fee": (stored(booked.fee), stored(report.fee)),
    }
    differing = [
        f"{name} {_shown(was)}, now {_shown(now)}" for name, (was, now) in pairs.items() if was != now
    ]
    return "; ".join(differing) or None


def stored(value: Decimal) -> Decimal:
    """The value as PostgreSQL stores it; a value that is too large or not a number stays unchanged."""
    if not value.is_finite() or abs(value) >= STORABLE_BELOW:
        return value
    return unsigned_zero(round(value, STORED_DIGITS))


def _shown(value: object) -> str:
    return plain_text(value) if isinstance(value, Decimal) else str(value)
