"""Reads a book from a JSON file, format version 1: what demo/book.json shows and docs/feeds.md lists.

`parse_book` takes the whole file or nothing. It finds every problem, not only the first, and names each with
its JSON path: first what is wrong with single values, then, if nothing is, what does not fit together.
Optional fields may be left out or null, an unknown field is a problem, decimals are strings.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import orjson

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

VERSION = 1
MAX_PROBLEMS_LISTED = 20
MAX_NAME_LENGTH, MAX_GROUP_LENGTH, MAX_MARKET_LENGTH = 200, 80, 10

Record = dict[str, Any]
T = TypeVar("T")


class BookFileError(ValueError):
    """The file is refused; `problems` holds all of them, the text the first 20."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        rest = len(problems) - MAX_PROBLEMS_LISTED
        listed = problems[:MAX_PROBLEMS_LISTED] + ((f"... and {rest} more",) if rest > 0 else ())
        super().__init__("\n".join(listed))
        self.problems = problems


def parse_book(data: bytes) -> BookFile:
    """The book; raises `BookFileError`."""
    try:
        root = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise BookFileError((f"not JSON: {error}",)) from None
    reader = _Reader()
    book = reader.part(root, _ROOT, "$", reader.book)
    if book is not None and not reader.problems:
        reader.problems.extend(contradictions(book))
    if book is None or reader.problems:
        raise BookFileError(tuple(reader.problems))
    return book


class _Reader:
    """Builds the parts of a book; a part with a problem is left out and the problem kept."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def part(self, value: object, spec: Spec, path: str, build: Callable[[Record, str], T]) -> T | None:
        record = read_record(value, spec, path, self.problems)
        if record is None:
            return None
        try:
            return build(record, path)
        except ValueError as error:
            self.problems.append(f"{path}: {error}")
            return None

    def parts(
        self, values: Iterable[object], spec: Spec, path: str, build: Callable[[Record, str], T]
    ) -> tuple[T, ...]:
        built = (self.part(value, spec, f"{path}[{at}]", build) for at, value in enumerate(values))
        return tuple(part for part in built if part is not None)

    def book(self, record: Record, path: str) -> BookFile:
        return BookFile(
            instruments=self.parts(
                record["instruments"], _INSTRUMENT, f"{path}.instruments", self.instrument
            ),
            fx=self.parts(record["fx"], _FX, f"{path}.fx", _fx),
            clients=self.parts(record["clients"], _CLIENT, f"{path}.clients", self.client),
        )

    def instrument(self, record: Record, path: str) -> BookInstrument:
        stated = record["factors"]
        factors = None if stated is None else self.part(stated, _FACTORS, f"{path}.factors", _common_factors)
        stated = record["option"]
        option = None if stated is None else self.part(stated, _OPTION, f"{path}.option", _option)
        if record["kind"] is InstrumentKind.OPTION and stated is None:
            raise ValueError("an OPTION states its terms in option")
        return BookInstrument(_instrument(record, option), factors)

    def client(self, record: Record, path: str) -> BookClient:
        return BookClient(
            client_no=record["clientNo"],
            name=record["name"],
            group=record["group"],
            accounts=self.parts(record["accounts"], _ACCOUNT, f"{path}.accounts", self.account),
            factors=self.parts(record["factors"], _CLIENT_FACTORS, f"{path}.factors", _client_factors),
            contact=self.contact(record["contact"], f"{path}.contact"),
        )

    def contact(self, stated: Record | None, path: str) -> Contact | None:
        return None if stated is None else self.part(stated, CONTACT, path, _contact)

    def account(self, record: Record, path: str) -> BookAccount:
        return BookAccount(
            account_no=record["accountNo"],
            terms=_terms(record),
            cash=self.parts(record["cash"], _CASH, f"{path}.cash", _cash),
            positions=self.parts(record["positions"], _POSITION, f"{path}.positions", _position),
        )


def _option(record: Record, _path: str) -> OptionTerms:
    return OptionTerms(record["underlying"], record["right"], record["strike"], record["expiry"])


def _instrument(record: Record, option: OptionTerms | None) -> Instrument:
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
        option=option,
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


def _common_factors(record: Record, _path: str) -> MarginFactors:
    return _factors(record, FactorSource.INSTRUMENT)


def _client_factors(record: Record, _path: str) -> BookFactors:
    return BookFactors(record["symbol"], _factors(record, FactorSource.CLIENT))


def _fx(record: Record, _path: str) -> BookFx:
    if record["baseCurrency"] == record["quoteCurrency"]:
        raise ValueError("an FX rate needs two currencies")
    return BookFx(record["baseCurrency"], record["quoteCurrency"], record["rate"])


def _contact(record: Record, _path: str) -> Contact:
    return Contact(
        email=record["email"],
        phone=record["phone"],
        push_id=record["pushId"],
        language=record["language"],
        time_zone=record["timeZone"],
        quiet_hours=record["quietHours"],
    )


def _cash(record: Record, _path: str) -> CashBalance:
    return CashBalance(record["currency"], record["balance"], record["accruedInterest"])


def _position(record: Record, _path: str) -> BookPosition:
    if record["shortSince"] is not None and record["quantity"] > 0:
        raise ValueError("a long position has no shortSince")
    return BookPosition(record["symbol"], record["quantity"], record["averageCost"], record["shortSince"])


_ROOT = {
    "version": Field(version(VERSION)),
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
    "market": Field(text_up_to(MAX_MARKET_LENGTH)),
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
    "averageCost": optional(not_negative),
    "shortSince": optional(utc_time),
}
