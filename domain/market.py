"""Instruments, quotes, FX rates and margin factors: data from the market and from risk management."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from domain.freshness import is_old
from domain.ids import Symbol
from domain.money import ONE, ZERO, Currency, middle_price, shown_digits, step_above, step_below
from domain.tick_size import Direction, TickTable, tick_table, usual_table


class InstrumentKind(StrEnum):
    """The kind of an instrument."""

    STOCK = "STOCK"
    OPTION = "OPTION"
    FUND = "FUND"


class OptionRight(StrEnum):
    """The right of an option's holder: to buy or to sell the underlying."""

    CALL = "CALL"
    PUT = "PUT"


class TradeStatus(StrEnum):
    """Whether and how an instrument trades now."""

    TRADING = "TRADING"
    AUCTION = "AUCTION"
    CLOSED = "CLOSED"
    HALTED = "HALTED"
    SUSPENDED = "SUSPENDED"
    DELISTED = "DELISTED"


TRADES = frozenset({TradeStatus.TRADING, TradeStatus.AUCTION})
"""Statuses that end a suspension. A halt or a market closed for the night does not."""


def suspension_began(
    before: datetime | None, status: TradeStatus, at: datetime, since: datetime | None
) -> datetime | None:
    """The start of an instrument's suspension, after a statement of its status at `at`; None: it is not
    suspended.

    `before`: the start known before. A repeated status keeps its start, unless the statement itself gives one
    in `since`.
    """
    if status in TRADES:
        return None
    if status is TradeStatus.SUSPENDED:
        return since or before or at
    return before


@dataclass(frozen=True, slots=True)
class OptionTerms:
    """The terms of an option. The strike is per unit of the underlying, in the instrument's currency."""

    underlying: Symbol
    right: OptionRight
    strike: Decimal
    expiry: date
    """The last day on which it can be exercised, in its market's time zone."""

    def __post_init__(self) -> None:
        if self.strike <= 0:
            raise ValueError("the strike of an option must be positive")


@dataclass(frozen=True, slots=True)
class Instrument:
    """A tradable instrument. Prices are in `currency` per unit; one unit is `multiplier` underlyings."""

    symbol: Symbol
    name: str
    market: str
    """The market's calendar, an exchange_calendars name such as XHKG or XNYS."""
    currency: Currency
    kind: InstrumentKind
    lot_size: Decimal
    multiplier: Decimal
    fee_rate: Decimal
    """The cost of a trade as a fraction of its notional."""
    trade_status: TradeStatus
    suspended_since: datetime | None = None
    option: OptionTerms | None = None
    """An option's terms, if known; an option without them never counts as a covered call."""
    average_daily_volume: Decimal | None = None
    """Units traded on an average day; None if unknown."""
    tick: str | None = None
    """The tick size stated for the instrument (domain/tick_size.py); None: that of its market."""
    negative_prices: bool = False
    """Whether its price may fall below zero, such as that of an oil future."""

    def __post_init__(self) -> None:
        if self.lot_size <= 0 or self.multiplier <= 0:
            raise ValueError(f"{self.symbol}: lot size and multiplier must be positive")
        if not 0 <= self.fee_rate < 1:
            raise ValueError(f"{self.symbol}: the fee rate must be a fraction from 0 to below 1")
        if self.option is not None and self.kind is not InstrumentKind.OPTION:
            raise ValueError(f"{self.symbol}: only an option has option terms")
        if self.average_daily_volume is not None and self.average_daily_volume < 0:
            raise ValueError(f"{self.symbol}: a volume must not be negative")
        if self.tick is not None:
            tick_table(self.tick)

    @property
    def ticks(self) -> TickTable | None:
        """The tick size: the stated one, otherwise that of its market; None if unknown."""
        if self.tick is not None:
            return tick_table(self.tick)
        return usual_table(
            self.market,
            is_stock=self.kind is InstrumentKind.STOCK,
            is_fund=self.kind is InstrumentKind.FUND,
        )

    def round_price(self, price: Decimal, direction: Direction, quote: "Quote") -> Decimal:
        """The nearest valid price in the direction.

        If the instrument's tick size is unknown, the price has as many digits as its quote.
        """
        if (ticks := self.ticks) is not None:
            return ticks.round(price, direction)
        step = ONE.scaleb(-quote.price_digits)
        return step_above(price, step) if direction is Direction.UP else step_below(price, step)

    def is_dead(self, now: datetime, suspended_for: timedelta) -> bool:
        """Delisted, or suspended for at least `suspended_for`: its value is no collateral."""
        if self.trade_status is TradeStatus.DELISTED:
            return True
        if self.trade_status is not TradeStatus.SUSPENDED:
            return False
        return self.suspended_since is None or now - self.suspended_since >= suspended_for


@dataclass(frozen=True, slots=True)
class Place:
    """The kind of an instrument and its market."""

    kind: InstrumentKind
    market: str


def mark_of(
    bid: Decimal | None, ask: Decimal | None, last: Decimal | None, previous_close: Decimal | None
) -> Decimal | None:
    """The price at which positions are valued, by the prices of a `Quote`; None without any price.

    Of a crossed quote the lower side comes first: the mark lies between the two, whichever of them is late.
    """
    low, high = bid or None, ask or None
    if low is not None and high is not None and high < low:
        low, high = high, low
    price = last if last is not None else previous_close or None
    if price is None:
        return None if low is None or high is None else middle_price(low, high)
    if low is not None and price < low:
        return low
    return high if high is not None and price > high else price


@dataclass(frozen=True, slots=True)
class Quote:
    """The quote of one instrument at a moment. Sizes are displayed sizes, in units.

    A bid or ask of 0 means that this side has no order, a previous close of 0 that there was none, as on the
    first day of a share. A last price of 0 is a price: the instrument is worthless.
    """

    symbol: Symbol
    at: datetime
    bid: Decimal | None = None
    ask: Decimal | None = None
    last: Decimal | None = None
    previous_close: Decimal | None = None
    bid_size: Decimal | None = None
    ask_size: Decimal | None = None

    def __post_init__(self) -> None:
        if self.mark_or_none is None:
            raise ValueError(
                f"{self.symbol}: a quote needs a last price, or a previous close that is not 0, "
                "or both a bid and an ask that are not 0"
            )

    @property
    def mark_or_none(self) -> Decimal | None:
        """The mark, or None without any price; a valid quote always has a mark."""
        return mark_of(self.bid, self.ask, self.last, self.previous_close)

    @property
    def known_close(self) -> Decimal | None:
        """The previous close, if there was one."""
        return self.previous_close or None

    @property
    def is_negative(self) -> bool:
        """Whether some price is below zero."""
        prices = (self.bid, self.ask, self.last, self.previous_close)
        return any(price is not None and price < 0 for price in prices)

    @property
    def mark(self) -> Decimal:
        """The price at which positions are valued: the last price, otherwise the known close, limited to the
        range between bid and ask; without either the middle of bid and ask.
        """
        mark = self.mark_or_none
        assert mark is not None
        return mark

    def is_stale(self, now: datetime, max_age: timedelta) -> bool:
        """Older than allowed, or from the future."""
        return is_old(self.at, now, max_age)

    @property
    def price_digits(self) -> int:
        """The digits after the point of its prices, at least two: the step of limit prices if the tick size
        is unknown.
        """
        prices = (self.bid, self.ask, self.last, self.previous_close)
        return max(2, *(shown_digits(price) for price in prices if price is not None))


@dataclass(frozen=True, slots=True)
class FxRate:
    """`rate` units of `quote_currency` buy one unit of `base_currency` (mid). Each direction is stated
    separately.
    """

    base_currency: Currency
    quote_currency: Currency
    rate: Decimal
    at: datetime

    def __post_init__(self) -> None:
        if self.rate <= 0:
            raise ValueError("an FX rate must be positive")

    @property
    def pair(self) -> str:
        """The pair, such as ``USD/HKD``."""
        return f"{self.base_currency}/{self.quote_currency}"

    def is_stale(self, now: datetime, max_age: timedelta) -> bool:
        """Older than allowed, or from the future."""
        return is_old(self.at, now, max_age)


class FactorSource(StrEnum):
    """The source of a position's factors; CLIENT has priority over INSTRUMENT, which has priority over
    DEFAULT.
    """

    CLIENT = "CLIENT"
    INSTRUMENT = "INSTRUMENT"
    DEFAULT = "DEFAULT"


@dataclass(frozen=True, slots=True)
class MarginFactors:
    """Requirement per unit of market value, as fractions: force <= maintenance <= margin call <= initial."""

    initial: Decimal
    maintenance: Decimal
    margin_call: Decimal
    force_close: Decimal
    source: FactorSource

    def __post_init__(self) -> None:
        if not ZERO <= self.force_close <= self.maintenance <= self.margin_call <= self.initial:
            raise ValueError("factors must satisfy 0 <= force <= maintenance <= margin call <= initial")


DEFAULT_FACTORS = MarginFactors(Decimal(1), Decimal(1), Decimal(1), Decimal(1), FactorSource.DEFAULT)
"""No factors stated: the position is no collateral."""
