"""A whole book as a value: what an import brings into an empty desk, and whether its parts fit together."""

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from domain.ids import Symbol
from domain.margin import AccountTerms, CashBalance
from domain.market import Instrument, MarginFactors
from domain.message import Contact
from domain.money import Currency

Located = Iterable[tuple[str, Hashable]]
"""JSON paths and what is there."""


@dataclass(frozen=True, slots=True)
class BookInstrument:
    """An instrument and the factors that hold for everybody, if any are stated."""

    instrument: Instrument
    factors: MarginFactors | None


@dataclass(frozen=True, slots=True)
class BookFx:
    """`rate` units of `quote_currency` buy one of `base_currency`; the importer knows at what time."""

    base_currency: Currency
    quote_currency: Currency
    rate: Decimal


@dataclass(frozen=True, slots=True)
class BookPosition:
    """Signed quantity, never 0, and cost per unit in the instrument's currency."""

    symbol: Symbol
    quantity: Decimal
    average_cost: Decimal | None
    short_since: datetime | None = None
    """Of a short; None: since the import."""


@dataclass(frozen=True, slots=True)
class BookAccount:
    """One account as it stands."""

    account_no: str
    terms: AccountTerms
    cash: tuple[CashBalance, ...]
    positions: tuple[BookPosition, ...]


@dataclass(frozen=True, slots=True)
class BookFactors:
    """What holds for one client instead of the instrument's factors."""

    symbol: Symbol
    factors: MarginFactors


@dataclass(frozen=True, slots=True)
class BookClient:
    """One client with everything that is theirs: the unit of an import."""

    client_no: str
    name: str
    group: str | None
    accounts: tuple[BookAccount, ...]
    factors: tuple[BookFactors, ...]
    contact: Contact | None = None


@dataclass(frozen=True, slots=True)
class BookFile:
    """A consistent book: nothing is there twice, every symbol is known, every amount can be converted."""

    instruments: tuple[BookInstrument, ...]
    fx: tuple[BookFx, ...]
    clients: tuple[BookClient, ...]


def contradictions(book: BookFile) -> Iterator[str]:
    """Where the parts of a book do not fit together, each with its JSON path."""
    yield from _repeated(
        (f"$.instruments[{at}].symbol", part.instrument.symbol) for at, part in enumerate(book.instruments)
    )
    yield from _repeated(
        (f"$.fx[{at}]", f"{part.base_currency}/{part.quote_currency}") for at, part in enumerate(book.fx)
    )
    yield from _repeated(
        (f"$.clients[{at}].clientNo", part.client_no) for at, part in enumerate(book.clients)
    )
    yield from _repeated((f"{path}.accountNo", account.account_no) for path, account in _accounts(book))
    known = {part.instrument.symbol: part.instrument.currency for part in book.instruments}
    underlyings = [
        (f"$.instruments[{at}].option.underlying", part.instrument.option.underlying)
        for at, part in enumerate(book.instruments)
        if part.instrument.option is not None
    ]
    yield from _unknown(underlyings, known)
    rates = {(part.base_currency, part.quote_currency) for part in book.fx}
    for at, client in enumerate(book.clients):
        factors = [
            (f"$.clients[{at}].factors[{n}].symbol", part.symbol) for n, part in enumerate(client.factors)
        ]
        yield from _repeated(factors)
        yield from _unknown(factors, known)
    for path, account in _accounts(book):
        yield from _in_account(path, account, known, rates)


def _accounts(book: BookFile) -> Iterator[tuple[str, BookAccount]]:
    for at, client in enumerate(book.clients):
        for n, account in enumerate(client.accounts):
            yield f"$.clients[{at}].accounts[{n}]", account


def _in_account(
    path: str,
    account: BookAccount,
    known: dict[Symbol, Currency],
    rates: set[tuple[Currency, Currency]],
) -> Iterator[str]:
    symbols = [(f"{path}.positions[{n}].symbol", part.symbol) for n, part in enumerate(account.positions)]
    cash = [(f"{path}.cash[{n}].currency", part.currency) for n, part in enumerate(account.cash)]
    yield from _repeated(symbols)
    yield from _repeated(cash)
    yield from _unknown(symbols, known)
    held = [(where, known[symbol]) for where, symbol in symbols if symbol in known]
    base = account.terms.base_currency
    for where, currency in [*cash, *held]:
        if currency != base and (currency, base) not in rates:
            yield f"{where}: no FX rate from {currency} to the account's {base}"


def _repeated(located: Located) -> Iterator[str]:
    first: dict[Hashable, str] = {}
    for path, key in located:
        if first.setdefault(key, path) != path:
            yield f"{path}: {key} is already at {first[key]}"


def _unknown(located: Iterable[tuple[str, Symbol]], known: dict[Symbol, Currency]) -> Iterator[str]:
    for path, symbol in located:
        if symbol not in known:
            yield f"{path}: {symbol} is not among the instruments"
