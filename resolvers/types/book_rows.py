"""How positions and cash are read from rows: see resolvers.kit.row_fields.

The same fields of `resolvers.types.client.position_of` and `cash_of`, without the objects between; a test
compares both.
"""

from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any

from domain.ids import AccountId
from domain.margin import rate_into
from domain.market import InstrumentKind, TradeStatus, mark_of
from domain.money import ONE, plain_text
from models.book_rows import BOOK_TABLES, BookColumns, BookRows
from models.sql.database import unreadable_rows
from models.sql.values import currency, decimal, decimal_or_none, plain_decimal
from models.sql.where import Page, PageRequest, page_of
from resolvers.kit.arguments import PageArguments
from resolvers.kit.context import Info, selected_rows
from resolvers.kit.in_response import ObjectsInResponse
from resolvers.kit.node import beginning_of_id, end_of_id, global_id
from resolvers.kit.pagination import Connection, Pager, PageRead
from resolvers.kit.row_fields import (
    Column,
    Computed,
    Converted,
    Row,
    RowFields,
    RowObject,
    Shared,
    Together,
    a_decimal,
    a_decimal_or_none,
    row_itself,
)


class BookAt:
    """The account of the rows, and the rates into its base currency."""

    def __init__(self, account_id: AccountId, book: BookRows) -> None:
        self.account_id = account_id
        self._book = book
        self._rates: dict[str, Decimal] = {}
        self._id = f"{account_id}:"
        """Of a position, without the symbol."""
        self._beginning = beginning_of_id("Position", self._id)

    def position_ids(self, symbols: Sequence[str]) -> list[str]:
        """The global ids of the account's positions."""
        beginning = self._beginning
        if beginning is None:
            return [global_id("Position", self._id + symbol) for symbol in symbols]
        return [beginning + _end_of_id(symbol) for symbol in symbols]

    def rate(self, code: str) -> Decimal:
        """From a column with a currency, which many rows have in common."""
        known = self._rates.get(code)
        if known is None:
            book = self._book
            known = self._rates[code] = rate_into(book.base_currency, book.rates, currency(code))
        return known


TEXTS_KEPT = 4096
"""Prices and sizes whose values are kept, of each kind: the same texts come again with every holder of an
instrument.
"""

_end_of_id = lru_cache(maxsize=TEXTS_KEPT)(end_of_id)
_decimal = lru_cache(maxsize=TEXTS_KEPT)(decimal)
_currency = lru_cache(maxsize=TEXTS_KEPT)(currency)
_plain_decimal = lru_cache(maxsize=TEXTS_KEPT)(plain_decimal)


@lru_cache(maxsize=TEXTS_KEPT)
def _mark_of(
    bid: str | None, ask: str | None, last: str | None, close: str | None
) -> tuple[Decimal | None, str | None]:
    """The mark, and its text."""
    mark = mark_of(*(decimal_or_none(price) for price in (bid, ask, last, close)))
    return mark, plain_text(mark)


def _mark(row: Row, at: BookAt) -> tuple[Decimal | None, str | None]:
    return _mark_of(row["bid"], row["ask"], row["last_price"], row["previous_close"])


def _mark_text(row: Row, at: BookAt, mark: tuple[Decimal | None, str | None]) -> str | None:
    return mark[1]


def _market_value(row: Row, at: BookAt, mark: tuple[Decimal | None, str | None]) -> Decimal | None:
    price = mark[0]
    if price is None:
        return None
    units, multiplier = _decimal(row["quantity"]), row["multiplier"]
    return units * price if multiplier == "1" else units * _decimal(multiplier) * price


def _base_market_value(row: Row, at: BookAt, value: Decimal | None, text: str | None) -> str | None:
    """Most instruments have the currency of the account."""
    rate = at.rate(row["currency"])
    return text if value is None or rate is ONE else plain_text(value * rate)


def _text(row: Row, at: BookAt, value: Decimal | None) -> str | None:
    return plain_text(value)


def _same(row: Row, at: BookAt, text: str | None) -> str | None:
    return text


# `underlying`, `market` and `expiry`: whether the last price of an option still counts.
_MARK = Shared(("bid", "ask", "last_price", "previous_close", "underlying", "market", "expiry"), _mark)
_VALUE = Shared(("quantity", "multiplier"), _market_value, of=(_MARK,))
_VALUE_TEXT = Shared((), _text, of=(_VALUE,))
_RATE = Shared(("currency",), lambda row, at: at.rate(row["currency"]))

_INSTRUMENT: RowFields = {
    "symbol": Column("symbol"),
    "name": Column("name"),
    "market": Column("market"),
    "currency": Converted("currency", _currency),
    "kind": Converted("kind", InstrumentKind),
    "lot_size": Converted("lot_size", _plain_decimal, is_text=True),
    "multiplier": Converted("multiplier", _plain_decimal, is_text=True),
    "trade_status": Converted("trade_status", TradeStatus),
    "average_daily_volume": a_decimal_or_none("average_daily_volume"),
    "negative_prices": Computed(
        ("negative_prices", "kind"),
        lambda row, at: bool(row["negative_prices"]) and row["kind"] != InstrumentKind.OPTION,
    ),
}
_POSITION: RowFields = {
    "id": Together(("symbol",), lambda at, symbols: at.position_ids(symbols), is_text=True),
    "instrument": RowObject((), row_itself, _INSTRUMENT),
    "quantity": Converted("quantity", _plain_decimal, is_text=True),
    "average_cost": a_decimal_or_none("average_cost"),
    "mark": Computed((), _mark_text, of=(_MARK,), is_text=True),
    "market_value": Computed((), _same, of=(_VALUE_TEXT,), is_text=True),
    "base_market_value": Computed(("currency",), _base_market_value, of=(_VALUE, _VALUE_TEXT), is_text=True),
}
_CASH: RowFields = {
    "currency": Converted("currency", _currency),
    "balance": a_decimal("balance"),
    "fx_rate": Computed((), _text, of=(_RATE,), is_text=True),
    "base_value": Computed(
        ("balance",),
        lambda row, at, rate: plain_text(decimal(row["balance"]) * rate),
        of=(_RATE,),
        is_text=True,
    ),
    "accrued_interest": a_decimal("accrued_interest"),
}


async def cash_from_rows(info: Info, account_id: AccountId) -> ObjectsInResponse | None:
    """The cash balances of a visible account; None: through the book."""
    rows = selected_rows(info, _CASH)
    if rows is None:
        return None
    book = await _load(info, account_id, BookColumns(cash=rows.columns))
    return None if book is None else await rows.objects(book.cash, BookAt(account_id, book))


async def positions_from_rows(
    info: Info, account_id: AccountId, asked: PageArguments
) -> Connection[Any] | None:
    """A page of the positions of a visible account; None: through the book."""
    rows = selected_rows(info, _POSITION)
    if rows is None:
        return None
    pager = positions_pager(info)
    request = pager.request(asked)
    book = await _load(info, account_id, BookColumns(positions=rows.columns))
    if book is None:
        return None
    positions = book.positions

    async def load(at: PageRequest) -> Page[Row]:
        return page_of(positions, at, _symbol)

    page = await load(request)
    nodes = await rows.objects(page.rows, BookAt(account_id, book))
    if nodes is None:
        return None
    return await pager.connection_of(nodes, PageRead(request, page, load), _symbol, _never_counted)


def _symbol(row: Row) -> tuple[str]:
    return (row["symbol"],)


def positions_pager(info: Info) -> Pager[Any]:
    """Of the positions of one account."""
    return Pager("positions", "s", info.context.api.page_size_max)


async def _never_counted() -> int:
    """A page with `totalCount` goes through the book."""
    raise AssertionError


async def _load(info: Info, account_id: AccountId, columns: BookColumns) -> BookRows | None:
    # While some row counts as damaged, whole books are read: that finds out when it is restored.
    if unreadable_rows().any_of(*BOOK_TABLES):
        return None
    return await info.context.loaders.page_rows.book(account_id, columns)
