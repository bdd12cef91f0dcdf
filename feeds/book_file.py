"""Read a book from a JSON file, format version 1; demo/book.json is an example, docs/feeds.md the reference.

`parse_book` accepts the whole file or nothing. One run finds every problem and names each with its JSON path:
invalid values, and contradictions between parts. An unreadable part is compared with no other, and references
to it are no further problem. Optional fields may be left out or null, an unknown field is a problem, decimals
are strings.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from domain.json_fields import NotJson
from domain.margin import AccountTerms, AccountType, CashBalance
from domain.market import (
    FactorSource,
    Instrument,
    InstrumentKind,
    MarginFactors,
    OptionRight,
    OptionTerms,
    TradeStatus,
)
from domain.message import Contact
from domain.money import ONE, ZERO
from feeds.book import (
    BookAccount,
    BookClient,
    BookFactors,
    BookFile,
    BookFx,
    BookInstrument,
    BookPosition,
    Unread,
    contradictions,
)
from feeds.fields import (
    CONTACT,
    Field,
    Spec,
    array,
    boolean,
    code,
    currency,
    day,
    decimal,
    factor,
    json_object,
    market,
    member_of,
    multiplier,
    not_negative,
    not_zero,
    optional,
    positive,
    price,
    rate,
    read_record,
    text_up_to,
    tick_size,
    utc_time,
    version,
)
from feeds.json_text import parse_json

VERSION = 1
MAX_PROBLEMS_LISTED = 20
MAX_NAME_LENGTH, MAX_GROUP_LENGTH = 200, 80
_SUSPENDED = (TradeStatus.SUSPENDED, TradeStatus.DELISTED)

Record = dict[str, Any]
T = TypeVar("T")
Inside = Callable[[object, str], Any]
"""Reads the value of a field that contains other parts, at a path."""


class BookFileError(ValueError):
    """The file is refused; `problems` has all of them, the message the first 20."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        rest = len(problems) - MAX_PROBLEMS_LISTED
        listed = problems[:MAX_PROBLEMS_LISTED] + ((f"... and {rest} more",) if rest > 0 else ())
        super().__init__("\n".join(listed))
        self.problems = problems


def parse_book(data: bytes) -> BookFile:
    """The book; raises `BookFileError`."""
    try:
        root = parse_json(data)
    except NotJson as error:
        raise BookFileError((str(error),)) from None
    reader = _Reader()
    book = reader.book(root)
    if book is not None:
        reader.problems.extend(contradictions(book, reader.unread))
    if book is None or reader.problems:
        raise BookFileError(tuple(reader.problems))
    return book


_STATED = ""
"""In a record: the names of its stated fields with parts inside, readable or not."""


class _Reader:
    """Builds the parts of a book; a part with a problem is left out and the problem recorded.

    The parts inside such a part are read all the same, so that one run finds every problem. `unread` has the
    omitted parts to which others may refer.
    """

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.unread = Unread()

    def part(
        self,
        value: object,
        spec: Spec,
        path: str,
        build: Callable[[Record], T],
        inside: Mapping[str, Inside] = MappingProxyType({}),
    ) -> T | None:
        """One object; `inside` reads those of its fields that contain other parts."""
        record = read_record(value, spec, path, self.problems)
        parts = {
            name: read(value.get(name), f"{path}.{name}") if isinstance(value, dict) else None
            for name, read in inside.items()
        }
        if record is None:
            return None
        stated = frozenset(name for name in inside if isinstance(value, dict) and value.get(name) is not None)
        try:
            return build(record | parts | {_STATED: stated})
        except ValueError as error:
            self.problems.append(f"{path}: {error}")
            return None

    def parts(
        self,
        values: object,
        spec: Spec,
        path: str,
        build: Callable[[Record], T],
        inside: Mapping[str, Inside] = MappingProxyType({}),
    ) -> tuple[T, ...]:
        """Elements of an array; a value that is not an array is a problem of the enclosing object."""
        listed = values if isinstance(values, list) else []
        built = (self.part(value, spec, f"{path}[{at}]", build, inside) for at, value in enumerate(listed))
        return tuple(part for part in built if part is not None)

    def book(self, root: object) -> BookFile | None:
        """The file."""
        inside: dict[str, Inside] = {"instruments": self.instruments, "fx": self.fx, "clients": self.clients}
        return self.part(root, _ROOT, "$", _book, inside)

    def instruments(self, values: object, path: str) -> tuple[BookInstrument, ...]:
        """Instruments, and the unreadable ones, for references by others."""
        inside: dict[str, Inside] = {"factors": self.factors, "option": self.option}
        built = self.parts(values, _INSTRUMENT, path, _book_instrument, inside)
        self.unread.symbols |= _texts(values, "symbol") - {part.instrument.symbol for part in built}
        return built

    def factors(self, value: object, path: str) -> MarginFactors | None:
        """Factors of an instrument."""
        return self.part(value, _FACTORS, path, _common_factors) if isinstance(value, dict) else None

    def option(self, value: object, path: str) -> OptionTerms | None:
        """Terms of an option."""
        return self.part(value, _OPTION, path, _option) if isinstance(value, dict) else None

    def fx(self, values: object, path: str) -> tuple[BookFx, ...]:
        """FX rates, and whether one could not be read."""
        built = self.parts(values, _FX, path, _fx)
        self.unread.rates |= isinstance(values, list) and len(built) < len(values)
        return built

    def clients(self, values: object, path: str) -> tuple[BookClient, ...]:
        """Clients with their accounts."""
        inside: dict[str, Inside] = {
            "accounts": self.accounts,
            "factors": self.client_factors,
            "contact": self.contact,
        }
        return self.parts(values, _CLIENT, path, _client, inside)

    def client_factors(self, values: object, path: str) -> tuple[BookFactors, ...]:
        """Factors of one client."""
        return self.parts(values, _CLIENT_FACTORS, path, _client_factors)

    def contact(self, value: object, path: str) -> Contact | None:
        """The contact of a client."""
        return self.part(value, CONTACT, path, _contact) if isinstance(value, dict) else None

    def accounts(self, values: object, path: str) -> tuple[BookAccount, ...]:
        """The accounts of a client."""
        inside: dict[str, Inside] = {"cash": self.cash, "positions": self.positions}
        return self.parts(values, _ACCOUNT, path, _account, inside)

    def cash(self, values: object, path: str) -> tuple[CashBalance, ...]:
        """The cash of an account."""
        return self.parts(values, _CASH, path, _cash)

    def positions(self, values: object, path: str) -> tuple[BookPosition, ...]:
        """The positions of an account."""
        return self.parts(values, _POSITION, path, _position)


def _texts(values: object, name: str) -> set[str]:
    listed = values if isinstance(values, list) else []
    named = (value.get(name) for value in listed if isinstance(value, dict))
    return {text for text in named if isinstance(text, str)}


def _book(record: Record) -> BookFile:
    return BookFile(record["instruments"], record["fx"], record["clients"], record["asOf"])


def _book_instrument(record: Record) -> BookInstrument:
    if record["kind"] is InstrumentKind.OPTION and "option" not in record[_STATED]:
        raise ValueError("an OPTION must state its terms in option")
    if record["kind"] is InstrumentKind.OPTION and record["negativePrices"]:
        raise ValueError(
            "negativePrices must not be set for an OPTION, whose premium is never negative: set it for "
            "its underlying"
        )
    if record["suspendedSince"] is not None and record["tradeStatus"] not in _SUSPENDED:
        raise ValueError("suspendedSince is only for an instrument that is SUSPENDED or DELISTED")
    return BookInstrument(_instrument(record), record["factors"])


def _client(record: Record) -> BookClient:
    return BookClient(
        client_no=record["clientNo"],
        name=record["name"],
        group=record["group"],
        accounts=record["accounts"],
        factors=record["factors"],
        contact=record["contact"],
    )


def _account(record: Record) -> BookAccount:
    return BookAccount(record["accountNo"], _terms(record), record["cash"], record["positions"])


def _option(record: Record) -> OptionTerms:
    return OptionTerms(record["underlying"], record["right"], record["strike"], record["expiry"])


def _instrument(record: Record) -> Instrument:
    return Instrument(
        symbol=record["symbol"],
        name=record["name"],
        market=record["market"],
        currency=record["currency"],
        kind=record["kind"],
        lot_size=record["lotSize"],
        multiplier=record["multiplier"],
        fee_rate=record["feeRate"],
        trade_status=record["tradeStatus"],
        suspended_since=record["suspendedSince"],
        option=record["option"],
        average_daily_volume=record["averageDailyVolume"],
        tick=record["tickSize"],
        negative_prices=record["negativePrices"],
    )


def _terms(record: Record) -> AccountTerms:
    return AccountTerms(
        account_type=record["type"],
        base_currency=record["baseCurrency"],
        financing_limit=record["financingLimit"],
        trading_limit=record["tradingLimit"],
        outstanding_margin=record["outstandingMargin"],
    )


def _factors(record: Record, source: FactorSource) -> MarginFactors:
    return MarginFactors(
        initial=record["initial"],
        maintenance=record["maintenance"],
        margin_call=record["marginCall"],
        force_close=record["forceClose"],
        source=source,
    )


def _common_factors(record: Record) -> MarginFactors:
    return _factors(record, FactorSource.INSTRUMENT)


def _client_factors(record: Record) -> BookFactors:
    return BookFactors(record["symbol"], _factors(record, FactorSource.CLIENT))


def _fx(record: Record) -> BookFx:
    if record["baseCurrency"] == record["quoteCurrency"]:
        raise ValueError("an FX rate must have two different currencies")
    return BookFx(record["baseCurrency"], record["quoteCurrency"], record["rate"])


def _contact(record: Record) -> Contact:
    return Contact(
        email=record["email"],
        phone=record["phone"],
        push_id=record["pushId"],
        language=record["language"],
        time_zone=record["timeZone"],
        quiet_hours=record["quietHours"],
    )


def _cash(record: Record) -> CashBalance:
    return CashBalance(record["currency"], record["balance"], record["accruedInterest"])


def _position(record: Record) -> BookPosition:
    if record["shortSince"] is not None and record["quantity"] > 0:
        raise ValueError("a long position must not have shortSince")
    return BookPosition(record["symbol"], record["quantity"], record["averageCost"], record["shortSince"])


_ROOT = {
    "version": Field(version(VERSION)),
    "asOf": optional(utc_time),
    "instruments": Field(array),
    "fx": optional(array, ()),
    "clients": Field(array),
}
_FACTORS = {
    "initial": Field(factor),
    "maintenance": Field(factor),
    "marginCall": Field(factor),
    "forceClose": Field(factor),
}
_INSTRUMENT = {
    "symbol": Field(code),
    "name": Field(text_up_to(MAX_NAME_LENGTH)),
    "market": Field(market),
    "currency": Field(currency),
    "kind": optional(member_of(InstrumentKind), InstrumentKind.STOCK),
    "lotSize": optional(positive, ONE),
    "multiplier": optional(multiplier, ONE),
    "feeRate": optional(factor, ZERO),
    "tradeStatus": optional(member_of(TradeStatus), TradeStatus.TRADING),
    "suspendedSince": optional(utc_time),
    "averageDailyVolume": optional(not_negative),
    "tickSize": optional(tick_size),
    "negativePrices": optional(boolean, default=False),
    "factors": optional(json_object),
    "option": optional(json_object),
}
_OPTION = {
    "underlying": Field(code),
    "right": Field(member_of(OptionRight)),
    "strike": Field(price),
    "expiry": Field(day),
}
_FX = {"baseCurrency": Field(currency), "quoteCurrency": Field(currency), "rate": Field(rate)}
_CLIENT = {
    "clientNo": Field(code),
    "name": Field(text_up_to(MAX_NAME_LENGTH)),
    "group": optional(text_up_to(MAX_GROUP_LENGTH)),
    "accounts": Field(array),
    "factors": optional(array, ()),
    "contact": optional(json_object),
}
_CLIENT_FACTORS = {"symbol": Field(code)} | _FACTORS
_ACCOUNT = {
    "accountNo": Field(code),
    "type": Field(member_of(AccountType)),
    "baseCurrency": Field(currency),
    "financingLimit": optional(not_negative, ZERO),
    "tradingLimit": optional(not_negative, ZERO),
    "outstandingMargin": optional(not_negative, ZERO),
    "cash": optional(array, ()),
    "positions": optional(array, ()),
}
_CASH = {
    "currency": Field(currency),
    "balance": Field(decimal),
    "accruedInterest": optional(not_negative, ZERO),
}
_POSITION = {
    "symbol": Field(code),
    "quantity": Field(not_zero),
    "averageCost": optional(decimal),
    "shortSince": optional(utc_time),
}
