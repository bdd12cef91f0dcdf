"""A whole book as a value, as imported into a desk, and the check that its parts fit together."""

from collections.abc import Hashable, Iterable, Iterator, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from domain.ids import Symbol
from domain.margin import AccountTerms, CashBalance
from domain.market import Instrument, MarginFactors
from domain.message import Contact
from domain.money import Currency

Located = Iterable[tuple[str, Hashable]]
"""JSON paths and the values there."""


@dataclass(frozen=True, slots=True)
class BookInstrument:
    """An instrument with its general factors, if any are stated."""

    instrument: Instrument
    factors: MarginFactors | None


@dataclass(frozen=True, slots=True)
class BookFx:
    """`rate` units of `quote_currency` buy one of `base_currency`; the importer adds the time."""

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
    """For a short position; None: since the import."""


@dataclass(frozen=True, slots=True)
class BookAccount:
    """One account with its holdings."""

    account_no: str
    terms: AccountTerms
    cash: tuple[CashBalance, ...]
    positions: tuple[BookPosition, ...]


@dataclass(frozen=True, slots=True)
class BookFactors:
    """Factors of one client, in place of the instrument's."""

    symbol: Symbol
    factors: MarginFactors


@dataclass(frozen=True, slots=True)
class BookClient:
    """One client with all accounts and factors: the unit of an import."""

    client_no: str
    name: str
    group: str | None
    accounts: tuple[BookAccount, ...]
    factors: tuple[BookFactors, ...]
    contact: Contact | None = None


@dataclass(frozen=True, slots=True)
class BookFile:
    """A consistent book: no duplicates, every symbol is known, every amount can be converted."""

    instruments: tuple[BookInstrument, ...]
    fx: tuple[BookFx, ...]
    clients: tuple[BookClient, ...]
    as_of: datetime | None = None
    """The time of the state that the book describes; None: see `as_of_at`."""


def as_of_at(book: BookFile, now: datetime) -> datetime:
    """The time of the facts of a book imported at `now`.

    A book without a time is of the end of the day before, UTC: statements of the day of the import are newer,
    whether they arrived before or after the import.
    """
    if book.as_of is not None:
        return book.as_of
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def facts_ahead(book: BookFile, now: datetime) -> Iterator[str]:
    """Times that the book cannot know, each with its JSON path: after `now`, or after its own `asOf`."""
    if book.as_of is not None and book.as_of > now:
        yield f"$.asOf: {_written(book.as_of)} is in the future: the time is now {_written(now)}"
    latest = now if book.as_of is None else min(book.as_of, now)
    for path, since in _beginnings(book):
        if since > latest:
            yield f"{path}: {_written(since)} is later than asOf of the book, {_written(latest)}"


def _beginnings(book: BookFile) -> Iterator[tuple[str, datetime]]:
    for at, part in enumerate(book.instruments):
        if part.instrument.suspended_since is not None:
            yield f"$.instruments[{at}].suspendedSince", part.instrument.suspended_since
    for path, account in _accounts(book):
        for n, position in enumerate(account.positions):
            if position.short_since is not None:
                yield f"{path}.positions[{n}].shortSince", position.short_since


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


@dataclass(slots=True)
class Unread:
    """Parts of a file that could not be read: references to them are no further problem."""

    symbols: set[str] = field(default_factory=set)
    rates: bool = False
    """Some rate is among them, so no rate counts as missing."""


def contradictions(book: BookFile, unread: Unread | None = None) -> Iterator[str]:
    """Contradictions between the parts of a book, each with its JSON path."""
    unread = unread or Unread()
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
    currencies = {part.instrument.symbol: part.instrument.currency for part in book.instruments}
    known = currencies.keys() | unread.symbols
    underlyings = [
        (f"$.instruments[{at}].option.underlying", part.instrument.option.underlying)
        for at, part in enumerate(book.instruments)
        if part.instrument.option is not None
    ]
    yield from _unknown(underlyings, known)
    yield from _unfit_underlyings(book, currencies)
    for at, client in enumerate(book.clients):
        factors = [
            (f"$.clients[{at}].factors[{n}].symbol", part.symbol) for n, part in enumerate(client.factors)
        ]
        yield from _repeated(factors)
        yield from _unknown(factors, known)
    above_zero = {part.instrument.symbol for part in book.instruments if not part.instrument.negative_prices}
    for path, account in _accounts(book):
        yield from _in_account(path, account, known)
        yield from _negative_costs(path, account, above_zero)
    if not unread.rates:
        yield from _without_rate(book, currencies)


def _unfit_underlyings(book: BookFile, currencies: dict[Symbol, Currency]) -> Iterator[str]:
    """A strike is compared with the price of the underlying without conversion, so both must be in one
    currency.
    """
    for at, part in enumerate(book.instruments):
        instrument, option = part.instrument, part.instrument.option
        if option is None:
            continue
        path, currency = f"$.instruments[{at}].option.underlying", currencies.get(option.underlying)
        if option.underlying == instrument.symbol:
            yield f"{path}: an option must not be its own underlying"
        elif currency not in (None, instrument.currency):
            yield (
                f"{path}: {option.underlying} is in {currency}, but the option is in {instrument.currency}"
            )


def _accounts(book: BookFile) -> Iterator[tuple[str, BookAccount]]:
    for at, client in enumerate(book.clients):
        for n, account in enumerate(client.accounts):
            yield f"$.clients[{at}].accounts[{n}]", account


def _in_account(path: str, account: BookAccount, known: Set[str]) -> Iterator[str]:
    symbols = [(f"{path}.positions[{n}].symbol", part.symbol) for n, part in enumerate(account.positions)]
    cash = [(f"{path}.cash[{n}].currency", part.currency) for n, part in enumerate(account.cash)]
    yield from _repeated(symbols)
    yield from _repeated(cash)
    yield from _unknown(symbols, known)


def _negative_costs(path: str, account: BookAccount, above_zero: Set[str]) -> Iterator[str]:
    for n, part in enumerate(account.positions):
        if part.average_cost is not None and part.average_cost < 0 and part.symbol in above_zero:
            yield (
                f"{path}.positions[{n}].averageCost: must be zero or more, since prices of "
                f"{part.symbol} cannot be negative (negativePrices)"
            )


def _without_rate(book: BookFile, currencies: dict[Symbol, Currency]) -> Iterator[str]:
    """Cash and positions that cannot be valued in the base currency of their account."""
    rates = {(part.base_currency, part.quote_currency) for part in book.fx}
    for path, account in _accounts(book):
        base = account.terms.base_currency
        cash = [(f"{path}.cash[{n}].currency", part.currency) for n, part in enumerate(account.cash)]
        held = [
            (f"{path}.positions[{n}].symbol", currencies[part.symbol])
            for n, part in enumerate(account.positions)
            if part.symbol in currencies
        ]
        for where, currency in [*cash, *held]:
            if currency != base and (currency, base) not in rates:
                yield f"{where}: no FX rate from {currency} to the account's {base}"


def _repeated(located: Located) -> Iterator[str]:
    first: dict[Hashable, str] = {}
    for path, key in located:
        if first.setdefault(key, path) != path:
            yield f"{path}: {key} is already used at {first[key]}"


def _unknown(located: Iterable[tuple[str, Symbol]], known: Set[str]) -> Iterator[str]:
    for path, symbol in located:
        if symbol not in known:
            yield f"{path}: {symbol} is not among the instruments"
