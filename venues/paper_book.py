"""The paper venue's order book: resting orders against the market's quotes, in price-time priority.

Pure: no clock, no I/O. Fills consume a quote's displayed size until the next quote of the symbol; a size that
the quote does not state is unlimited. Fills are in whole lots.
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from domain.ids import ClientOrderId, Symbol
from domain.market import Quote, TradeStatus
from domain.money import exact, whole_lots
from domain.order import OrderSide, TimeInForce
from venues.base import NewOrder

_CLOSED_FOR_GOOD = frozenset({TradeStatus.HALTED, TradeStatus.SUSPENDED, TradeStatus.DELISTED})


@dataclass(slots=True)
class Resting:
    """An order in the book. `number` is its place in time."""

    order: NewOrder
    number: int
    leaves: Decimal
    cancel_pending: bool = False
    ghost: bool = False
    """Reported as cancelled, but still able to trade once: the cause of late fills."""

    @property
    def symbol(self) -> Symbol:
        """The symbol that it trades."""
        return self.order.instrument.symbol

    @property
    def priority(self) -> tuple[Decimal, int]:
        """Smaller goes first: market orders, then the better price, then the earlier order."""
        price, selling = self.order.limit_price, self.order.side is OrderSide.SELL
        if price is None:
            return Decimal("-Infinity"), self.number
        return price if selling else -price, self.number


@dataclass(frozen=True, slots=True)
class BookFill:
    """One match: the resting order, the quantity and the price."""

    resting: Resting
    quantity: Decimal
    price: Decimal


@dataclass(slots=True)
class _Market:
    """The rest of a symbol's quote."""

    quote: Quote
    bid_size: Decimal | None
    ask_size: Decimal | None

    def side_for(self, side: OrderSide) -> tuple[Decimal | None, Decimal | None]:
        """Price and size against which an order of this side trades."""
        if side is OrderSide.SELL:
            return self.quote.bid, self.bid_size
        return self.quote.ask, self.ask_size

    def consume(self, side: OrderSide, quantity: Decimal) -> None:
        if side is OrderSide.SELL and self.bid_size is not None:
            self.bid_size -= quantity
        if side is OrderSide.BUY and self.ask_size is not None:
            self.ask_size -= quantity


@dataclass(slots=True)
class PaperBook:
    """Quotes, trade statuses and resting orders of all symbols."""

    _markets: dict[Symbol, _Market] = field(default_factory=dict)
    _statuses: dict[Symbol, TradeStatus] = field(default_factory=dict)
    _statuses_at: dict[Symbol, datetime] = field(default_factory=dict)
    _resting: dict[ClientOrderId, Resting] = field(default_factory=dict)
    _by_symbol: dict[Symbol, dict[ClientOrderId, Resting]] = field(default_factory=dict)
    _taken: int = 0

    def quote(self, quote: Quote) -> bool:
        """Set the current quote, with its whole size available. False if it is older than the known one."""
        known = self._markets.get(quote.symbol)
        if known is not None and quote.at < known.quote.at:
            return False
        self._markets[quote.symbol] = _Market(quote, quote.bid_size, quote.ask_size)
        return True

    def set_status(self, symbol: Symbol, status: TradeStatus, at: datetime | None = None) -> bool:
        """Set the status, which overrides that of the orders' instruments. False if it is older than the
        known one.
        """
        known = self._statuses_at.get(symbol)
        if at is not None and known is not None and at < known:
            return False
        self._statuses[symbol] = status
        if at is not None:
            self._statuses_at[symbol] = at
        return True

    def objection(self, order: NewOrder) -> str | None:
        """Why the order is not accepted; None if it is."""
        instrument = order.instrument
        status = self._status(order)
        if status in _CLOSED_FOR_GOOD:
            return f"{instrument.symbol} is {status.lower()}"
        if order.quantity % instrument.lot_size:
            return f"{order.quantity} is not a multiple of the lot of {instrument.lot_size}"
        if instrument.symbol not in self._markets:
            return f"no quote for {instrument.symbol}"
        return None

    def rest(self, order: NewOrder, leaves: Decimal) -> Resting:
        """Add the order, or the rest of it, at the end of the queue of its price."""
        self._taken += 1
        resting = Resting(order, self._taken, leaves)
        self._resting[order.client_order_id] = resting
        self._by_symbol.setdefault(resting.symbol, {})[order.client_order_id] = resting
        return resting

    def find(self, client_order_id: ClientOrderId) -> Resting | None:
        """The resting order of this id."""
        return self._resting.get(client_order_id)

    def drop(self, resting: Resting) -> None:
        """Remove it from the book if it is there."""
        self._resting.pop(resting.order.client_order_id, None)
        self._by_symbol[resting.symbol].pop(resting.order.client_order_id, None)

    def day_orders(self, market: str | None) -> tuple[Resting, ...]:
        """Orders that expire at the end of the day of `market`, of all if None, oldest first."""
        return tuple(
            resting
            for resting in self._resting.values()
            if resting.order.time_in_force is not TimeInForce.GTC
            and market in (None, resting.order.instrument.market)
        )

    def of_symbol(self, symbol: Symbol) -> tuple[Resting, ...]:
        """All orders resting in the symbol, oldest first."""
        return tuple(self._by_symbol.get(symbol, {}).values())

    def match(self, symbol: Symbol, not_before: datetime | None = None) -> tuple[BookFill, ...]:
        """Fill what the rest of the quote allows, best priority first; complete orders leave the book.

        A quote from before `not_before` is too old to trade on.
        """
        market = self._markets.get(symbol)
        if market is None or (not_before is not None and market.quote.at < not_before):
            return ()
        queue = sorted(self.of_symbol(symbol), key=lambda resting: resting.priority)
        fills = [self._fill(resting, market) for resting in queue]
        return tuple(fill for fill in fills if fill is not None)

    def _fill(self, resting: Resting, market: _Market) -> BookFill | None:
        price, size = market.side_for(resting.order.side)
        if price is None or self._status(resting.order) is not TradeStatus.TRADING:
            return None
        if not price or (price < 0 and not resting.order.instrument.negative_prices):
            # A bid or an ask of 0 means that this side has no order.
            return None
        if not _crosses(resting.order, price):
            return None
        shown = resting.leaves if size is None else min(resting.leaves, size)
        quantity = whole_lots(shown, resting.order.instrument.lot_size)
        if not quantity:
            return None
        with exact():
            market.consume(resting.order.side, quantity)
            resting.leaves -= quantity
        if not resting.leaves:
            self.drop(resting)
        return BookFill(resting, quantity, price)

    def _status(self, order: NewOrder) -> TradeStatus:
        return self._statuses.get(order.instrument.symbol, order.instrument.trade_status)


def _crosses(order: NewOrder, price: Decimal) -> bool:
    if order.limit_price is None:
        return True
    if order.side is OrderSide.SELL:
        return price >= order.limit_price
    return price <= order.limit_price
