"""What is wrong with an execution report, seen from our order: the report itself, or what we knew before.

A fault of the report (`objection`) means that it is not booked; an oddity (`oddities`) is booked and shown to
a person, because a fill is a fact about money however odd it looks.
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

STORED_DIGITS = 10
"""Digits after the point of a stored quantity, price or fee."""
STORABLE_BELOW = Decimal(10) ** 15
"""No quantity, price, fee or worth of a real trade comes near it, and a sum of many such can be stored."""
CLIENT_ORDER_ID_CHARACTERS_MAX = 40
"""The desk gives no order a longer name."""
EXECUTION_ID_CHARACTERS_MAX = 80
TEXT_CHARACTERS_MAX = 1_000
"""Of what a venue says in words; what is longer is cut."""
FAR_FROM_MARK = Decimal(2)
"""A fill at more than so many times the mark, or less than that part of it, was perhaps meant in another
currency, or with the point in another place."""
CLOCK_TOLERANCE = timedelta(minutes=1)
"""By how much the clocks of a venue and the desk may differ before a person has to look."""


class Attention(StrEnum):
    """What a person has to look at. The name is a label of a metric and part of the audit."""

    LATE_FILL = "LATE_FILL"
    OVERFILL = "OVERFILL"
    ODD_LOT = "ODD_LOT"
    PRICE = "PRICE"
    """A fill at a price that is worse than the limit, or far from the mark."""
    CLOCK = "CLOCK"
    CONTRADICTION = "CONTRADICTION"
    """The report cannot be true of the order as it is."""
    REPEATED_ID = "REPEATED_ID"
    """The execution id is known, with another content."""
    OTHER_ORDER = "OTHER_ORDER"
    """The report names another account, instrument or side than the order."""
    UNKNOWN_ORDER = "UNKNOWN_ORDER"
    IMPOSSIBLE = "IMPOSSIBLE"
    """A quantity, price, fee, time or name that no execution has."""
    TRADE_CANCEL = "TRADE_CANCEL"
    SIGN_CHANGED = "SIGN_CHANGED"
    """A fill took the position away from zero."""
    MAY_CHANGE_SIGN = "MAY_CHANGE_SIGN"
    """What is open at the venue is larger than what is held."""
    DAY_ENDED = "DAY_ENDED"
    """The venue still works an order whose day is over."""
    PRICE_COLLAR = "PRICE_COLLAR"
    """The order was not sent: the market, or its limit, was beyond the price collar by then."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Its kind, and a sentence."""

    kind: Attention
    why: str


@dataclass(frozen=True, slots=True)
class Booked:
    """What was stored of an execution."""

    client_order_id: ClientOrderId
    exec_type: ExecType
    quantity: Decimal
    price: Decimal
    fee: Decimal


def legible(text: str, characters_max: int = TEXT_CHARACTERS_MAX) -> str:
    """As it can be stored and shown: a venue may say anything."""
    return text.replace("\x00", "\ufffd")[:characters_max]


def in_legible_words(report: ExecutionReport) -> ExecutionReport:
    """With words that can be stored; names are left as they are, for they say what it is about."""
    return replace(
        report,
        text=report.text and legible(report.text),
        raw_status=report.raw_status and legible(report.raw_status),
    )


def names_an_order(client_order_id: ClientOrderId) -> bool:
    """Whether an order of the desk may be called that."""
    return legible(client_order_id, CLIENT_ORDER_ID_CHARACTERS_MAX) == client_order_id


def nameless(report: ExecutionReport) -> Finding | None:
    """Why nothing can be kept under the execution id; None: it can."""
    name = report.execution_id
    if name and legible(name, EXECUTION_ID_CHARACTERS_MAX) == name:
        return None
    return Finding(
        Attention.IMPOSSIBLE,
        f"its execution id is empty, longer than {EXECUTION_ID_CHARACTERS_MAX} or has a NUL character",
    )


def objection(
    order: Order, account_no: str, instrument: Instrument, report: ExecutionReport
) -> Finding | None:
    """Why the report is not booked; None: nothing is wrong with it by itself."""
    if report.at.tzinfo is None:
        return Finding(Attention.IMPOSSIBLE, "its time has no offset from UTC")
    if report.exec_type is ExecType.TRADE_CANCEL:
        known = legible(report.refers_to or "", EXECUTION_ID_CHARACTERS_MAX)
        known = known or "an execution that it does not name"
        return Finding(
            Attention.TRADE_CANCEL,
            f"the venue takes back {known}; the desk reverses no booking by itself",
        )
    for name, said, ours in (
        ("account", report.account_no, account_no),
        ("instrument", report.symbol, order.symbol),
        ("side", report.side, order.side),
    ):
        if said is not None and said != ours:
            shown = legible(said, EXECUTION_ID_CHARACTERS_MAX)
            return Finding(
                Attention.OTHER_ORDER, f"the report names the {name} {shown}, the order has {ours}"
            )
    return _impossible_numbers(instrument, report) if report.exec_type is ExecType.TRADE else None


def _impossible_numbers(instrument: Instrument, report: ExecutionReport) -> Finding | None:
    numbers = (report.last_quantity, report.last_price, report.fee)
    if not all(each.is_finite() and abs(each) < STORABLE_BELOW for each in numbers):
        return Finding(Attention.IMPOSSIBLE, "a quantity, price or fee is no number that can be stored")
    quantity, price = stored(report.last_quantity), stored(report.last_price)
    if quantity <= 0:
        return Finding(Attention.IMPOSSIBLE, "a trade needs a quantity above zero")
    if price <= 0 and not instrument.negative_prices:
        return Finding(
            Attention.IMPOSSIBLE,
            f"its price of {_shown(price)} is not above zero, and {instrument.symbol} does not trade at such "
            "prices (negativePrices)",
        )
    with exact():
        worth = quantity * price * instrument.multiplier
    if abs(worth) >= STORABLE_BELOW:
        return Finding(Attention.IMPOSSIBLE, "quantity times price is more than any trade is worth")
    return None


def oddities(
    order: Order, instrument: Instrument, report: ExecutionReport, mark: Decimal | None, now: datetime
) -> tuple[Finding, ...]:
    """What is odd about a trade that is booked all the same. `mark`: of the instrument; None: not known."""
    found = []
    if (price := _odd_price(order, report.last_price, mark)) is not None:
        found.append(price)
    if report.last_quantity % instrument.lot_size:
        filled, lot = _shown(report.last_quantity), _shown(instrument.lot_size)
        found.append(Finding(Attention.ODD_LOT, f"its fill of {filled} is no multiple of the lot of {lot}"))
    if not order.created_at - CLOCK_TOLERANCE <= report.at <= now + CLOCK_TOLERANCE:
        found.append(
            Finding(
                Attention.CLOCK,
                f"the venue's time {report.at.isoformat()} is not between the order and its report's arrival",
            )
        )
    return tuple(found)


def _odd_price(order: Order, price: Decimal, mark: Decimal | None) -> Finding | None:
    limit = order.limit_price
    said = f"its price of {_shown(price)} is"
    if mark is not None and _is_far(stored(price), mark):
        why = f"{said} far from the mark of {_shown(mark)}, as in another currency or decimal place"
        return Finding(Attention.PRICE, why)
    if limit is not None and (price < limit if order.side is OrderSide.SELL else price > limit):
        return Finding(Attention.PRICE, f"{said} worse than the order's limit of {_shown(limit)}")
    return None


def _is_far(price: Decimal, mark: Decimal) -> bool:
    """Of a mark below 0, by the same multiples on that side of 0; of a mark of 0 there are none."""
    if not mark:
        return False
    with exact():
        towards = price if mark > 0 else -price
        return towards > abs(mark) * FAR_FROM_MARK or towards * FAR_FROM_MARK < abs(mark)


def bounded_time(order: Order, report: ExecutionReport, now: datetime) -> datetime:
    """When it happened as far as it can be true: not before the order was placed, not after its arrival."""
    return min(max(report.at, order.created_at), now)


def contradicts(booked: Booked, report: ExecutionReport) -> str | None:
    """What of the report differs from what was stored under its id; None: it is a true repeat."""
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
    """As PostgreSQL keeps it; what is too large or no number stays as it is."""
    if not value.is_finite() or abs(value) >= STORABLE_BELOW:
        return value
    return unsigned_zero(round(value, STORED_DIGITS))


def _shown(value: object) -> str:
    return plain_text(value) if isinstance(value, Decimal) else str(value)
