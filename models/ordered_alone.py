"""What one person has ordered alone, added up by currency.

A batch reads it once per case, after the orders of its earlier cases: rows read one by one would let its time
grow with the square of its size. PostgreSQL adds up exactly; SQLite, whose sums are floats, does not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from domain.ids import Symbol
from domain.market import Instrument
from domain.money import ZERO, Currency, exact
from domain.order import TERMINAL, Order
from models.market import load_instruments
from models.order import orders_alone_by
from models.sql.database import Row, fetch, is_sqlite
from models.sql.unreadable import UnreadableRow
from models.sql.values import currency, decimal


@dataclass(frozen=True, slots=True)
class OrderedAlone:
    """Orders for instruments of one currency; amounts are in it."""

    currency: Currency
    known_notional: Decimal
    """Of fills, and at their limit prices of quantities that may still fill."""
    symbol: Symbol | None = None
    """The instrument of quantities that may still fill at any price."""
    leaves_at_market: Decimal = ZERO
    """These quantities, times the instrument's multiplier."""


_ENDED = f"o.status IN ({', '.join(sorted(repr(status.value) for status in TERMINAL))})"
_LEAVES = f"CASE WHEN {_ENDED} THEN 0 ELSE o.quantity - o.filled_quantity END"
_DAMAGED = (
    "'NaN' IN (o.quantity, o.limit_price, o.filled_quantity, o.filled_notional, o.estimated_reduction)"
    f" OR ({_LEAVES}) < 0 OR i.symbol IS NULL OR i.multiplier = 'NaN' OR i.currency !~ '^[A-Z]{{3}}$'"
)
_SUMS = (
    f"SELECT i.currency, CASE WHEN o.limit_price IS NULL AND NOT {_ENDED} THEN o.symbol END AS symbol,"
    f" SUM((ABS(o.filled_notional) + ({_LEAVES}) * COALESCE(o.limit_price, 0)) * i.multiplier)"
    " AS known_notional,"
    f" SUM(({_LEAVES}) * i.multiplier) AS leaves, BOOL_OR({_DAMAGED}) AS damaged"
    " FROM liquidation_order o LEFT JOIN instrument i ON i.symbol = o.symbol"
    " WHERE o.ordered_alone_by = $1 AND o.created_at >= $2 GROUP BY 1, 2"
)


async def ordered_alone(subject: str, since: datetime) -> Sequence[OrderedAlone]:
    """The orders that count against the person's one-person limit, placed at `since` or later.

    Raises `UnreadableRow` if one of them, or its instrument, is damaged.
    """
    if not is_sqlite():
        rows = await fetch(_SUMS, subject, since)
        # A sum does not say which row is damaged.
        if not any(row["damaged"] for row in rows):
            return [_sums(row) for row in rows]
    return await _order_by_order(await orders_alone_by(subject, since))


def _sums(row: Row) -> OrderedAlone:
    known = OrderedAlone(currency(row["currency"]), decimal(row["known_notional"]))
    if row["symbol"] is None:
        return known
    return replace(known, symbol=Symbol(row["symbol"]), leaves_at_market=decimal(row["leaves"]))


async def _order_by_order(orders: Sequence[Order]) -> list[OrderedAlone]:
    if not orders:
        return []
    instruments = await load_instruments(sorted({order.symbol for order in orders}), strict=True)
    return [_alone(order, instruments) for order in orders]


def _alone(order: Order, instruments: Mapping[Symbol, Instrument]) -> OrderedAlone:
    instrument = instruments.get(order.symbol)
    if instrument is None:
        raise UnreadableRow("liquidation_order", order.id, LookupError(f"no instrument {order.symbol}"))
    with exact():
        filled = abs(order.filled_notional) * instrument.multiplier
        leaves = order.leaves_quantity * instrument.multiplier
        if order.limit_price is not None:
            return OrderedAlone(instrument.currency, filled + leaves * order.limit_price)
    return OrderedAlone(instrument.currency, filled, order.symbol, leaves)
