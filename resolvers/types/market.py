"""Instruments, quotes and margin factors."""

from datetime import datetime
from decimal import Decimal

import strawberry

from desk.desk import Desk
from domain import market
from domain.ids import Symbol
from domain.market import FactorSource, InstrumentKind, OptionRight, TradeStatus
from domain.tick_size import TickTable
from resolvers.kit.context import Info
from resolvers.kit.errors import restored

IF_READABLE = " Null, with an error UNREADABLE_DATA, where stored data of the instrument is damaged."
"""Of a field that reads an instrument: a damaged one must not take the list around it along."""


@strawberry.type(description="What an option is on.")
class OptionTerms:
    """From domain.market.OptionTerms."""

    underlying: str = strawberry.field(description="The symbol of what it is an option on.")
    right: OptionRight = strawberry.field(description="Whether its holder may buy or sell the underlying.")
    strike: Decimal = strawberry.field(description="Per underlying, in the instrument's currency.")
    expiry: str = strawberry.field(description="Its last day, local to its market, such as 2026-03-20.")


@strawberry.type(
    description="A band of prices: from its start up to the next band, prices are multiples of a step."
)
class TickBand:
    """From domain.tick_size.Band."""

    start: Decimal = strawberry.field(
        description="The lowest price of the band, in the instrument's currency."
    )
    step: Decimal = strawberry.field(description="The distance between two valid prices.")


@strawberry.type(description="A tradable thing. Its prices are in its currency, per unit.")
class Instrument:
    """From domain.market.Instrument."""

    symbol: str = strawberry.field(description="With its market, such as 700.HK or AAPL.US.")
    name: str = strawberry.field(description="In full.")
    market: str = strawberry.field(description="The market's calendar, such as XHKG or XNYS.")
    currency: str = strawberry.field(description="ISO 4217.")
    kind: InstrumentKind = strawberry.field(description="What it is.")
    lot_size: Decimal = strawberry.field(description="Quantities of orders are multiples of it.")
    multiplier: Decimal = strawberry.field(description="Underlyings per unit: 1 for stock.")
    trade_status: TradeStatus = strawberry.field(description="Whether it trades now.")
    average_daily_volume: Decimal | None = strawberry.field(
        description="Units traded on an average day; null where it is not known."
    )
    tick_bands: list[TickBand] = strawberry.field(
        description="The steps of valid prices, in ascending order; empty where they are not known."
    )
    negative_prices: bool = strawberry.field(
        description="Whether its price may be negative, as that of a future on oil may. Quotes at a negative "
        "price, and fills at 0 or at a negative price, are taken of such an instrument only; an option is "
        "never one."
    )
    option: OptionTerms | None = strawberry.field(description="Of an option, where they are known.")


@strawberry.type(description="The market's last word on an instrument; prices in its currency.")
class Quote:
    """From domain.market.Quote."""

    symbol: str = strawberry.field(description="The instrument.")
    bid: Decimal | None = strawberry.field(
        description="The highest price offered by buyers; 0: there is no offer."
    )
    ask: Decimal | None = strawberry.field(
        description="The lowest price asked by sellers; 0: there is no offer."
    )
    last: Decimal | None = strawberry.field(description="Of the last trade.")
    mark: Decimal = strawberry.field(
        description="What positions are valued at: the last price, else the previous close, moved to the bid "
        "or the ask where it lies outside of them; without either, the middle of bid and ask."
    )
    previous_close: Decimal | None = strawberry.field(
        description="Of the trading day before; 0: there was none."
    )
    at: datetime = strawberry.field(description="When it was quoted.")
    stale: bool = strawberry.field(description="Older than prices may be.")


@strawberry.type(
    description="Required margin per unit of value: 0 <= force close <= maintenance <= call <= initial."
)
class MarginFactors:
    """From domain.market.MarginFactors."""

    initial: Decimal = strawberry.field(description="To open a position.")
    maintenance: Decimal = strawberry.field(description="To keep it: a case opens below.")
    margin_call: Decimal = strawberry.field(description="To be cured.")
    force_close: Decimal = strawberry.field(description="Below it the desk may sell at once.")
    source: FactorSource = strawberry.field(description="Which rule gave them.")


async def load_instrument(info: Info, symbol: Symbol) -> Instrument:
    """One that something visible names, batched. For a nullable field: see `IF_READABLE`."""
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


def quote_of(quote: market.Quote, desk: Desk) -> Quote:
    """The GraphQL object."""
    return Quote(
        symbol=quote.symbol,
        bid=quote.bid,
        ask=quote.ask,
        last=quote.last,
        mark=quote.mark,
        previous_close=quote.previous_close,
        at=quote.at,
        stale=quote.is_stale(desk.clock(), desk.rules.max_price_age),
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
