"""Books for tests: the worked example of the formula sheet, and short ways to build others."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from domain.ids import Symbol
from domain.margin import AccountTerms, AccountType, AmountRule, Book, CashBalance, Holding
from domain.market import (
    FactorSource,
    FxRate,
    Instrument,
    InstrumentKind,
    MarginFactors,
    Quote,
    TradeStatus,
)
from domain.money import Currency

NOW = datetime(2020, 3, 16, 14, 30, tzinfo=UTC)
MAX_AGE = timedelta(seconds=60)
HKD = Currency("HKD")
USD = Currency("USD")
JPY = Currency("JPY")

TENCENT = Symbol("700.HK")
APPLE = Symbol("AAPL.US")
SUSPENDED = Symbol("1234.HK")
TESLA = Symbol("TSLA.US")


def instrument(
    symbol: str,
    currency: Currency = HKD,
    lot: str = "1",
    fee: str = "0",
    status: TradeStatus = TradeStatus.TRADING,
    multiplier: str = "1",
) -> Instrument:
    """An instrument of the market that its currency suggests."""
    return Instrument(
        symbol=Symbol(symbol),
        name=symbol,
        market="XNYS" if currency == USD else "XHKG",
        currency=currency,
        kind=InstrumentKind.STOCK if multiplier == "1" else InstrumentKind.OPTION,
        lot_size=Decimal(lot),
        multiplier=Decimal(multiplier),
        fee_rate=Decimal(fee),
        trade_status=status,
    )


def factors(initial: str, maintenance: str, margin_call: str, force_close: str) -> MarginFactors:
    """Factors of the instrument, in the order of the formula sheet."""
    return MarginFactors(
        Decimal(initial),
        Decimal(maintenance),
        Decimal(margin_call),
        Decimal(force_close),
        FactorSource.INSTRUMENT,
    )


def flat(factor: str) -> MarginFactors:
    """The same factor for everything."""
    return factors(factor, factor, factor, factor)


def quote(
    symbol: str, mark: str, bid: str | None = None, ask: str | None = None, at: datetime = NOW
) -> Quote:
    """A quote whose last is `mark`; both sides are `mark` too unless said otherwise."""
    return Quote(
        symbol=Symbol(symbol),
        at=at,
        bid=Decimal(bid or mark),
        ask=Decimal(ask or mark),
        last=Decimal(mark),
        bid_size=Decimal(1000),
        ask_size=Decimal(1000),
    )


def holding(of: Instrument, quantity: str, margin: MarginFactors, price: Quote | None = None) -> Holding:
    """A position; dead if the instrument is suspended or delisted."""
    dead = of.trade_status in (TradeStatus.SUSPENDED, TradeStatus.DELISTED)
    return Holding(of, Decimal(quantity), margin, price, dead)


def fx(currency: Currency, rate: str, at: datetime = NOW, base: Currency = HKD) -> FxRate:
    """The rate that turns `currency` into `base`."""
    return FxRate(currency, base, Decimal(rate), at)


def book(
    *holdings: Holding,
    cash: str = "0",
    limit: str | None = None,
    account_type: AccountType = AccountType.MARGIN,
    base: Currency = HKD,
    rule: AmountRule | None = None,
    rates: tuple[FxRate, ...] = (),
) -> Book:
    """A book with cash in its base currency; without `limit` the financing limit asks for nothing."""
    return Book(
        terms=AccountTerms(account_type, base, financing_limit=Decimal(limit or 0)),
        rule=rule or AmountRule(with_over_financing=limit is not None),
        cash=(CashBalance(base, Decimal(cash)),),
        holdings=holdings,
        fx={rate.base_currency: rate for rate in rates},
    )


def worked_example() -> Book:
    """The book of the formula sheet: margin account in HKD, 152,800.00 to collect."""
    owing = book(
        holding(
            instrument(TENCENT, lot="100", fee="0.0013"),
            "2000",
            factors(".40", ".30", ".35", ".25"),
            quote(TENCENT, "400", "399.80", "400.20"),
        ),
        holding(
            instrument(APPLE, USD, fee="0.0003"),
            "500",
            factors(".50", ".40", ".45", ".35"),
            quote(APPLE, "200", "199.90", "200.10"),
        ),
        holding(
            instrument(SUSPENDED, lot="1000", status=TradeStatus.SUSPENDED),
            "50000",
            factors("1", "1", "1", "1"),
            quote(SUSPENDED, "1"),
        ),
        holding(
            instrument(TESLA, USD, fee="0.0003"),
            "-50",
            factors(".50", ".40", ".45", ".35"),
            quote(TESLA, "300", "299.70", "300.30"),
        ),
        cash="-930000",
        limit="900000",
        rates=(fx(USD, "7.80"),),
    )
    return with_interest(owing, "2150")


def only(of: Book, *symbols: str) -> Book:
    """The book with these positions alone."""
    return replace(of, holdings=tuple(held for held in of.holdings if held.instrument.symbol in symbols))


def with_interest(of: Book, accrued: str) -> Book:
    """The book with interest accrued on its cash."""
    (balance,) = of.cash
    return replace(of, cash=(replace(balance, accrued_interest=Decimal(accrued)),))


def with_holding(of: Book, symbol: str, **changes: object) -> Book:
    """The book with one position changed."""
    return replace(
        of,
        holdings=tuple(
            replace(held, **changes) if held.instrument.symbol == symbol else held  # type: ignore[arg-type]
            for held in of.holdings
        ),
    )
