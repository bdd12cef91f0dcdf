"""Prints the worked example of docs/domain.md, computed by the domain: `python -m docs.worked_example`.

A test compares the page with it, so no figure there is written by hand.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from domain.booking import after_fill, trade_fee
from domain.ids import Symbol
from domain.liquidation import plan
from domain.liquidation_plan import LegRequest, Plan, PlanPolicy, PlanRequest
from domain.liquidation_policy import LiquidationPolicy
from domain.margin import AccountTerms, AccountType, AmountRule, Book, CashBalance, Holding, compute_figures
from domain.market import (
    DEFAULT_FACTORS,
    FactorSource,
    FxRate,
    Instrument,
    InstrumentKind,
    MarginFactors,
    Quote,
    TradeStatus,
)
from domain.money import Currency

NOW = datetime(2020, 3, 16, 2, 0, tzinfo=UTC)
MAX_AGE = timedelta(seconds=60)
HKD, USD = Currency("HKD"), Currency("USD")
TENCENT, APPLE, DRAGON, TESLA = (Symbol(name) for name in ("700.HK", "AAPL.US", "1234.HK", "TSLA.US"))
PARTIAL_QUANTITY, PARTIAL_PRICE = Decimal(400), Decimal("399.70")


def account() -> Book:
    """A margin account in HKD."""
    hk_factors = _factors("0.40", "0.30", "0.35", "0.25")
    us_factors = _factors("0.50", "0.40", "0.45", "0.35")
    dragon = replace(_stock(DRAGON, HKD, "1000", "0"), trade_status=TradeStatus.SUSPENDED)
    return Book(
        terms=AccountTerms(AccountType.MARGIN, HKD, financing_limit=Decimal(900_000)),
        rule=AmountRule(),
        cash=(CashBalance(HKD, Decimal(-930_000), Decimal(2_150)),),
        holdings=(
            _held(_stock(TENCENT, HKD, "100", "0.0013"), "2000", hk_factors, "400", "0.20"),
            _held(_stock(APPLE, USD, "1", "0.0003"), "500", us_factors, "200", "0.10"),
            _held(dragon, "50000", DEFAULT_FACTORS, "1", "0"),
            _held(_stock(TESLA, USD, "1", "0.0003"), "-50", us_factors, "300", "0.30"),
        ),
        fx={USD: FxRate(USD, HKD, Decimal("7.80"), NOW)},
    )


def lines() -> Iterator[str]:
    """The example, figure by figure."""
    book = account()
    yield from _figures(book)
    yield ""
    yield from _plans(book)
    yield ""
    partly = after_fill(
        book,
        TENCENT,
        -PARTIAL_QUANTITY,
        PARTIAL_PRICE,
        trade_fee(_instrument_of(book, TENCENT), PARTIAL_QUANTITY, PARTIAL_PRICE),
    )
    yield f"after {PARTIAL_QUANTITY} of 700.HK filled at {PARTIAL_PRICE} and the rest was cancelled:"
    yield f"  to collect          {_amount(partly):>14,.2f}"
    yield f"  {_told(_only(partly, TENCENT))}"


def _figures(book: Book) -> Iterator[str]:
    figures = compute_figures(book, NOW, MAX_AGE)
    named = {
        "cash": figures.cash,
        "long market value": figures.long_market_value,
        "short market value": figures.short_market_value,
        "equity": figures.equity,
        "of it dead": figures.dead_market_value,
        "liquid net assets": figures.liquid_net_assets,
        "initial margin": figures.initial_margin,
        "maintenance margin": figures.maintenance_margin,
        "margin-call margin": figures.margin_call_margin,
        "force-close margin": figures.force_close_margin,
        "over-financing": figures.over_financing,
        "to collect": figures.amount,
    }
    for name, value in named.items():
        yield f"{name:20}  {value:>14,.2f}"
    yield f"{'net asset ratio':20}  {figures.net_asset_ratio:>14}"
    yield f"{'risk level':20}  {figures.risk_level.name:>14}"


def _plans(book: Book) -> Iterator[str]:
    yield "just enough of one position:"
    yield f"  {_told(_only(book, TENCENT))}"
    yield f"  {_told(_only(book, APPLE))}"
    yield f"  {_told(_only(book, TESLA))}"
    yield "by policy:"
    for policy in LiquidationPolicy:
        yield f"  {policy:18} {_told(_planned(book, PlanRequest(policy)))}"


def _only(book: Book, symbol: Symbol) -> Plan:
    return _planned(book, PlanRequest(legs=(LegRequest(symbol),)))


def _planned(book: Book, request: PlanRequest) -> Plan:
    made = plan(book, (), request, PlanPolicy(), NOW)
    assert isinstance(made, Plan), made
    return made


def _told(made: Plan) -> str:
    legs = ", ".join(f"{leg.side} {leg.quantity:,f} {leg.instrument.symbol}" for leg in made.legs)
    return f"{legs}: HKD {made.notional:,.2f} traded, {made.amount_after:,.2f} left to collect"


def _amount(book: Book) -> Decimal:
    return compute_figures(book, NOW, MAX_AGE).amount


def _instrument_of(book: Book, symbol: Symbol) -> Instrument:
    held = book.holding(symbol)
    assert held is not None
    return held.instrument


def _factors(initial: str, maintenance: str, margin_call: str, force_close: str) -> MarginFactors:
    four = (Decimal(initial), Decimal(maintenance), Decimal(margin_call), Decimal(force_close))
    return MarginFactors(*four, FactorSource.INSTRUMENT)


def _stock(symbol: Symbol, currency: Currency, lot: str, fee_rate: str) -> Instrument:
    return Instrument(
        symbol=symbol,
        name=symbol,
        market="XNYS" if currency == USD else "XHKG",
        currency=currency,
        kind=InstrumentKind.STOCK,
        lot_size=Decimal(lot),
        multiplier=Decimal(1),
        fee_rate=Decimal(fee_rate),
        trade_status=TradeStatus.TRADING,
    )


def _held(
    instrument: Instrument, quantity: str, factors: MarginFactors, mark: str, half_spread: str
) -> Holding:
    last, half = Decimal(mark), Decimal(half_spread)
    quote = Quote(instrument.symbol, NOW, bid=last - half, ask=last + half, last=last)
    dead = instrument.trade_status is TradeStatus.SUSPENDED
    return Holding(instrument, Decimal(quantity), factors, quote, dead)


if __name__ == "__main__":
    print("\n".join(lines()))
