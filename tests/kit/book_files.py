"""Books and prices for tests, in sentences: `a_book(a_client(an_account("M1", cash="-100", AAPL=500)))`."""

from datetime import datetime, timedelta
from decimal import Decimal

from domain.ids import Symbol
from domain.margin import AccountTerms, AccountType, CashBalance
from domain.market import FactorSource, FxRate, Instrument, InstrumentKind, MarginFactors, Quote, TradeStatus
from domain.money import Currency
from feeds.book import BookAccount, BookClient, BookFile, BookFx, BookInstrument, BookPosition, contradictions
from tests.kit.outside import MORNING

HKD, USD = Currency("HKD"), Currency("USD")
TENCENT, APPLE, SUSPENDED, TESLA = (Symbol(s) for s in ("700.HK", "AAPL.US", "1234.HK", "TSLA.US"))
BANK, RAIL = Symbol("5.HK"), Symbol("66.HK")
USD_IN_HKD = Decimal("7.80")


def an_instrument(
    symbol: Symbol,
    factors: str = ".40 .30 .35 .25",
    lot: int = 1,
    fee: str = "0",
    status: TradeStatus = TradeStatus.TRADING,
    suspended_since: datetime | None = None,
) -> BookInstrument:
    """Factors in the order initial, maintenance, margin call, force close."""
    american = symbol.endswith(".US")
    market, currency = ("XNYS", USD) if american else ("XHKG", HKD)
    instrument = Instrument(
        symbol,
        symbol,
        market,
        currency,
        InstrumentKind.STOCK,
        Decimal(lot),
        Decimal(1),
        Decimal(fee),
        status,
        suspended_since,
    )
    initial, maintenance, margin_call, force_close = map(Decimal, factors.split())
    return BookInstrument(
        instrument, MarginFactors(initial, maintenance, margin_call, force_close, FactorSource.INSTRUMENT)
    )


def an_account(
    account_no: str,
    cash: str,
    positions: dict[Symbol, int],
    interest: str = "0",
    financing_limit: str = "1000000000",
    account_type: AccountType = AccountType.MARGIN,
) -> BookAccount:
    """In HKD."""
    return BookAccount(
        account_no,
        AccountTerms(account_type, HKD, financing_limit=Decimal(financing_limit)),
        (CashBalance(HKD, Decimal(cash), Decimal(interest)),),
        tuple(BookPosition(symbol, Decimal(quantity), None) for symbol, quantity in positions.items()),
    )


def a_client(client_no: str, *accounts: BookAccount, group: str | None = None) -> BookClient:
    return BookClient(client_no, f"Client {client_no}", group, accounts, ())


def a_book(*clients: BookClient, instruments: tuple[BookInstrument, ...] = ()) -> BookFile:
    """With these instruments, or with the bank and the railway, that trade in lots of 100 without a fee."""
    known = instruments or (an_instrument(BANK, lot=100), an_instrument(RAIL, lot=100))
    book = BookFile(known, (BookFx(USD, HKD, USD_IN_HKD),), clients)
    assert not list(contradictions(book))
    return book


def owing(account_no: str, account_type: AccountType = AccountType.MARGIN) -> BookAccount:
    """2,000 shares at 100 each and 150,000 of debt: at these prices HKD 20,000.00 is to be collected."""
    return an_account(account_no, "-150000", {BANK: 1000, RAIL: 1000}, account_type=account_type)


def of_the_worked_example() -> BookFile:
    """The account of the formula sheet."""
    positions = {TENCENT: 2000, APPLE: 500, SUSPENDED: 50_000, TESLA: -50}
    account = an_account("M1", "-930000", positions, interest="2150", financing_limit="900000")
    long_ago = MORNING - timedelta(days=60)
    return a_book(
        a_client("C1", account),
        instruments=(
            an_instrument(TENCENT, lot=100, fee="0.0013"),
            an_instrument(APPLE, ".50 .40 .45 .35", fee="0.0003"),
            an_instrument(
                SUSPENDED, "1 1 1 1", lot=1000, status=TradeStatus.SUSPENDED, suspended_since=long_ago
            ),
            an_instrument(TESLA, ".50 .40 .45 .35", fee="0.0003"),
        ),
    )


def worked_quotes(at: datetime) -> tuple[Quote | FxRate, ...]:
    """Its prices."""
    return (
        FxRate(USD, HKD, USD_IN_HKD, at),
        a_quote(TENCENT, at, "400", "399.80", "400.20"),
        a_quote(APPLE, at, "200", "199.90", "200.10"),
        a_quote(SUSPENDED, at, "1"),
        a_quote(TESLA, at, "300", "299.70", "300.30"),
    )


def a_quote(
    symbol: Symbol,
    at: datetime,
    last: str,
    bid: str | None = None,
    ask: str | None = None,
    size: int = 1_000_000,
) -> Quote:
    """Both sides at the last price unless said otherwise; `size` is displayed on both."""
    return Quote(
        symbol,
        at,
        Decimal(bid or last),
        Decimal(ask or last),
        Decimal(last),
        bid_size=Decimal(size),
        ask_size=Decimal(size),
    )


def quotes(at: datetime, price: str = "100", size: int = 1_000_000) -> tuple[Quote, Quote]:
    """The bank and the railway, both at this price."""
    return a_quote(BANK, at, price, size=size), a_quote(RAIL, at, price, size=size)
