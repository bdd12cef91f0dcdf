"""A desk on PostgreSQL whose every account is in margin call: what `liquidate` is measured on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

from demo.draw import Draw
from demo.make_book import read_closes
from desk.assessment.assess_case import assess_account
from domain.ids import CaseId, Symbol
from domain.margin import AccountTerms, AccountType, CashBalance
from domain.market import MarginFactors, Quote
from domain.money import Currency
from feeds.book import BookAccount, BookClient, BookFile, BookInstrument, BookPosition
from feeds.book_file import parse_book
from feeds.closes import quotes_at
from gateway.resources import Parts, Resources, open_resources
from gateway.settings import Settings, load_settings
from gateway.startup.book_import import import_book
from models.book import load_all_account_ids, lock_accounts
from models.case import live_cases_of
from models.market import save_quotes
from models.sql.database import transaction

SEED = 20_200_316
POSITIONS = 8
MEAN_POSITION_USD = 20_000
USD = Currency("USD")
PRICES_NEVER_STALE_S = 86_400


def settings_for(database_url: str, data_directory: Path) -> Settings:
    """The desk as it ships, but prices do not grow old while we measure, and one person may liquidate all."""
    return load_settings(
        database_url=database_url,
        data_directory=data_directory,
        max_price_age_s=PRICES_NEVER_STALE_S,
        approval_cases=200,
        approval_notional=10**15,
    )


@asynccontextmanager
async def open_desk(settings: Settings) -> AsyncIterator[Resources]:
    """The desk's resources with its database active; no server, no workers."""
    async with open_resources(settings, Parts()) as resources:
        with resources.database.active():
            yield resources


async def fill(resources: Resources, accounts: int) -> None:
    """Migrate, import the book, state the prices and let the desk itself open the cases."""
    await resources.database.migrate()
    now = resources.desk.clock()
    quotes = quotes_at(read_closes(), 0, 1, 1, SEED, now)
    await import_book(make_book(accounts, quotes), now, lambda done: None)
    await save_quotes(quotes)
    for account_id in await load_all_account_ids():
        async with transaction():
            await lock_accounts([account_id])
            await assess_account(resources.desk, account_id, resources.desk.clock())


async def open_cases() -> list[CaseId]:
    """Every open case, in the order of the accounts' numbers."""
    views = await live_cases_of(await load_all_account_ids())
    return [view.case.id for view in sorted(views, key=lambda view: view.account.account_no)]


def make_book(accounts: int, quotes: tuple[Quote, ...]) -> BookFile:
    """Instruments and FX of the demo; one client per account, with stocks alone."""
    demo = parse_book((Path(__file__).parents[1] / "demo" / "book.json").read_bytes())
    draw = Draw(SEED)
    stocks = tuple(part for part in demo.instruments if part.instrument.option is None)
    clients = tuple(_client(draw, number, stocks, quotes) for number in range(1, accounts + 1))
    return BookFile(demo.instruments, demo.fx, clients)


def _client(
    draw: Draw, number: int, instruments: tuple[BookInstrument, ...], quotes: tuple[Quote, ...]
) -> BookClient:
    marks = {quote.symbol: quote.mark for quote in quotes}
    positions = tuple(
        BookPosition(part.instrument.symbol, _quantity(draw, marks[part.instrument.symbol]), None)
        for part in draw.sample(instruments, POSITIONS)
    )
    cash = CashBalance(USD, _cash(draw, positions, marks, instruments))
    terms = AccountTerms(AccountType.MARGIN, USD, financing_limit=Decimal(10_000_000))
    account = BookAccount(f"M{number:06}", terms, (cash,), positions)
    return BookClient(f"CL{number:05}", f"Client {number}", None, (account,), ())


def _quantity(draw: Draw, mark: Decimal) -> Decimal:
    return Decimal(max(1, int(MEAN_POSITION_USD * draw.fraction(200, 1800) / mark)))


def _cash(
    draw: Draw,
    positions: tuple[BookPosition, ...],
    marks: dict[Symbol, Decimal],
    instruments: tuple[BookInstrument, ...],
) -> Decimal:
    """A loan that leaves net assets at 25 to 95 percent of the maintenance margin."""
    factors: dict[Symbol, MarginFactors] = {
        part.instrument.symbol: part.factors for part in instruments if part.factors is not None
    }
    value = sum((held.quantity * marks[held.symbol] for held in positions), Decimal(0))
    maintenance = sum(
        (held.quantity * marks[held.symbol] * factors[held.symbol].maintenance for held in positions),
        Decimal(0),
    )
    return (maintenance * draw.fraction(250, 950) - value).quantize(Decimal("0.01"))
