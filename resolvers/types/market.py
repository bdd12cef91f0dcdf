"""Instruments, quotes and margin factors."""

from datetime import datetime
from decimal import Decimal

import strawberry

from desk.context import DeskContext
from domain import market
from domain.ids import Symbol
from domain.market import FactorSource, InstrumentKind, OptionRight, TradeStatus
from domain.tick_size import TickTable
from resolvers.kit.context import Info
from resolvers.kit.errors import restored

IF_READABLE = " Null, with an error UNREADABLE_DATA, if stored data of the instrument is damaged."
"""For a field that reads an instrument, so that a damaged one does not make the list around it fail."""


@strawberry.type(description="The terms of an option.")
class OptionTerms:
    """From domain.market.OptionTerms."""

    underlying: str = strawberry.field(description="The symbol of the underlying.")
    right: OptionRight = strawberry.field(
        description="Whether the holder may buy (CALL) or sell (PUT) the underlying."
    )
    strike: Decimal = strawberry.field(
        description="The strike price per unit of the underlying, in the instrument's currency."
    )
    expiry: str = strawberry.field(
        description="The last day of the option, local to its market, such as 2026-03-20."
    )


@strawberry.type(
    description="A price band of an instrument. From `start` up to the next band, valid prices are "
    "multiples of `step`."
)
class TickBand:
    """From domain.tick_size.Band."""

    start: Decimal = strawberry.field(
        description="The lowest price of the band, in the instrument's currency."
    )
    step: Decimal = strawberry.field(
        description="The tick size of the band: the distance between two "
        "valid prices, in the instrument's currency."
    )


@strawberry.type(description="A tradable instrument. Prices are per unit, in its currency.")
class Instrument:
    """From domain.market.Instrument."""

    symbol: str = strawberry.field(
        description="The symbol with its market suffix, such as 700.HK or AAPL.US. It identifies the "
        "instrument."
    )
    name: str = strawberry.field(description="The full name of the instrument.")
    market: str = strawberry.field(
        description="The market, by the code of its exchange calendar, such as XHKG or XNYS."
    )
    currency: str = strawberry.field(description="The trading currency, as an ISO 4217 code.")
    kind: InstrumentKind = strawberry.field(description="The kind of the instrument.")
    lot_size: Decimal = strawberry.field(
        description="The lot size in units: an order quantity has to be a multiple of it."
    )
    multiplier: Decimal = strawberry.field(
        description="The units of the underlying for one unit of the instrument, such as 100 for a stock "
        "option; 1 for stock. Value is quantity times multiplier times price."
    )
    trade_status: TradeStatus = strawberry.field(
        description="The trading status, as the price feed reports it."
    )
    average_daily_volume: Decimal | None = strawberry.field(
        description="The units traded on an average day; null if not known. Caps by volume then do not apply."
    )
    tick_bands: list[TickBand] = strawberry.field(
        description="The price bands with their tick sizes, in ascending order; empty if not known."
    )
    negative_prices: bool = strawberry.field(
        description="Whether the price may be negative, as for a future on oil. If not, the desk refuses "
        "quotes below 0 and books no fills at or below 0. Always false for options."
    )
    option: OptionTerms | None = strawberry.field(
        description="The terms of an option; null for other instruments, and if the terms are not known."
    )


@strawberry.type(description="The last quote of an instrument. Prices are in the instrument's currency.")
class Quote:
    """From domain.market.Quote."""

    symbol: str = strawberry.field(description="The symbol of the instrument.")
    bid: Decimal | None = strawberry.field(
        description="The highest price that buyers offer; 0 if there are no buyers, null if not known."
    )
    ask: Decimal | None = strawberry.field(
        description="The lowest price that sellers ask; 0 if there are no sellers, null if not known."
    )
    last: Decimal | None = strawberry.field(description="The price of the last trade; null if not known.")
    mark: Decimal = strawberry.field(
        description="The price at which positions are valued: the last price, or without it the previous "
        "close, moved to the bid or the ask if it lies outside them. Without both, the middle of bid and "
        "ask."
    )
    previous_close: Decimal | None = strawberry.field(
        description="The closing price of the previous trading day; 0 if the instrument did not trade "
        "before, null if not known."
    )
    at: datetime = strawberry.field(
        description="The time at which the quote was valid, as the price feed states it."
    )
    stale: bool = strawberry.field(
        description="Whether the quote is older than the desk allows, so that "
        "figures based on it are stale too. See the maximum price age in the desk's settings "
        "(`GATEWAY_MAX_PRICE_AGE_S`)."
    )


@strawberry.type(
    description="Margin factors: the required margin as fractions of market value. 0 <= forceClose <= "
    "maintenance <= marginCall <= initial."
)
class MarginFactors:
    """From domain.market.MarginFactors."""

    initial: Decimal = strawberry.field(description="The fraction required to open a position.")
    maintenance: Decimal = strawberry.field(
        description="The fraction required to keep a position: a case opens below it."
    )
    margin_call: Decimal = strawberry.field(description="The fraction up to which a case is cured.")
    force_close: Decimal = strawberry.field(description="The fraction below which the desk may sell at once.")
    source: FactorSource = strawberry.field(
        description="The source of these factors: the client, the instrument or the default."
    )


async def load_instrument(info: Info, symbol: Symbol) -> Instrument:
    """Load the instrument of a visible object, batched. For a nullable field: see `IF_READABLE`."""
    return instrument_of(restored(await info.context.loaders.instruments.load(symbol)))


def instrument_of(instrument: market.Instrument) -> Instrument:
    """The GraphQL object."""
    option = instrument.option
    return Instrument(
        symbol=instrument.symbol,
        name=instrument.name,
        market=instrument.market,
        currency=instrument.currency,
        kind=instrument.kind,
        lot_size=instrument.lot_size,
        multiplier=instrument.multiplier,
        trade_status=instrument.trade_status,
        average_daily_volume=instrument.average_daily_volume,
        tick_bands=_bands_of(instrument.ticks),
        negative_prices=instrument.negative_prices,
        option=None if option is None else _terms_of(option),
    )


def _bands_of(ticks: TickTable | None) -> list[TickBand]:
    return [TickBand(start=band.start, step=band.step) for band in ticks.bands] if ticks else []


def _terms_of(option: market.OptionTerms) -> OptionTerms:
    return OptionTerms(
        underlying=option.underlying,
        right=option.right,
        strike=option.strike,
        expiry=option.expiry.isoformat(),
    )


def quote_of(quote: market.Quote, desk: DeskContext) -> Quote:
    """The GraphQL object."""
    return Quote(
        symbol=quote.symbol,
        bid=quote.bid,
        ask=quote.ask,
        last=quote.last,
        mark=quote.mark,
        previous_close=quote.previous_close,
        at=quote.at,
        stale=quote.is_stale(desk.clock(), desk.policy.max_price_age),
    )


def factors_of(factors: market.MarginFactors) -> MarginFactors:
    """The GraphQL object."""
    return MarginFactors(
        initial=factors.initial,
        maintenance=factors.maintenance,
        margin_call=factors.margin_call,
        force_close=factors.force_close,
        source=factors.source,
    )
