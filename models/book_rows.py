"""Positions and cash of accounts straight from their rows: see resolvers.kit.row_fields.

Parts of one statement (models.sql.parts) read all of it, so that a fill is in the positions and in the cash,
or in neither.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime

from domain.expiry import ZoneOf
from domain.ids import AccountId
from domain.market import FxRate
from domain.money import Currency
from domain.principal import Audience
from models.book import fx_rate_from_row, rates_by_base
from models.sql.columns import Columns, columns_of
from models.sql.database import Row
from models.sql.parts import Part, Parts, selected
from models.sql.readable import readable
from models.sql.unreadable import DAMAGE, UnreadableRow
from models.sql.values import currency, plain_decimal

POSITION_COLUMNS = Columns(
    {
        "account_id": "p.account_id",
        **columns_of("i", "symbol name market currency kind trade_status negative_prices underlying expiry"),
    },
    {
        **columns_of("p", "quantity average_cost"),
        **columns_of("i", "lot_size multiplier average_daily_volume"),
        **columns_of("q", "bid ask last_price previous_close"),
    },
    {"negative_prices": "boolean"},
)
"""What may be read of a position with its instrument and quote."""
CASH_COLUMNS = Columns(columns_of("b", "account_id currency"), columns_of("b", "balance accrued_interest"))
"""What may be read of a cash balance."""
_ACCOUNT_COLUMNS = Columns({"account_id": "a.id", "base_currency": "a.base_currency"}, {})
_RATE_COLUMNS = Columns(
    columns_of("f", "pair base_currency quote_currency at") | {"rate": "CAST(f.rate AS TEXT)"},
    {},
    {"at": "timestamptz"},
)
"""What `fx_rate_from_row` reads."""
BOOK_TABLES = ("account", "position", "instrument", "quote", "cash_balance", "fx_rate")
"""The tables whose rows make a book."""
_POSITIONS = (
    "FROM position p JOIN account a ON a.id = p.account_id JOIN instrument i ON i.symbol = p.instrument_id"
    " LEFT JOIN quote q ON q.symbol = p.instrument_id"
)
_CASH = "FROM cash_balance b JOIN account a ON a.id = b.account_id"


@dataclass(frozen=True, slots=True)
class BookColumns:
    """The columns that a reader needs; None: it needs no row of that table."""

    positions: frozenset[str] | None = None
    cash: frozenset[str] | None = None

    def __or__(self, other: "BookColumns") -> "BookColumns":
        """Those of both readers."""
        return BookColumns(_both(self.positions, other.positions), _both(self.cash, other.cash))


def _both(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    return one if other is None else other if one is None else one | other


@dataclass(frozen=True, slots=True)
class BookRows:
    """The rows of one account: what it holds by symbol, and cash by currency."""

    base_currency: Currency
    rates: Mapping[Currency, FxRate]
    """Into the base currency."""
    positions: list[Row] = field(default_factory=list)
    cash: list[Row] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class BookParts:
    """The numbers of the parts that make books; None: not read."""

    account: int
    rate: int
    positions: int | None
    cash: int | None


def add_books(parts: Parts, audience: Audience, ids: Sequence[AccountId], columns: BookColumns) -> BookParts:
    """Let the statement read these accounts, as far as the audience may see them."""
    where = parts.where()
    where.add("a.id IN (?)", list(ids))
    where.sees(audience)
    text, positions, cash = str(where), columns.positions, columns.cash
    return BookParts(
        account=parts.add(_accounts(text)),
        rate=parts.add(_rates(text)),
        positions=None if positions is None else parts.add(_positions(text, positions)),
        cash=None if cash is None else parts.add(_cash(text, cash)),
    )


def books_of(
    rows: Sequence[Sequence[Row]], parts: BookParts, zone_of: ZoneOf, now: datetime
) -> dict[AccountId, BookRows]:
    """From the rows of the parts: the accounts that were found, unless only the whole book shows them as they
    are. That is so if a row of it cannot be read, or if the price of a position is that of an option after
    its last day.
    """
    fx = rates_by_base(_rates_from(rows[parts.rate]))
    books: dict[str, BookRows] = {}
    for row in rows[parts.account]:
        with suppress(UnreadableRow):
            base = currency(row["base_currency"])
            books[row["account_id"]] = BookRows(base, fx.get(base, {}))
    for row in () if parts.positions is None else rows[parts.positions]:
        _add_position(books, row, zone_of, now)
    for row in () if parts.cash is None else rows[parts.cash]:
        if row["account_id"] in books:
            books[row["account_id"]].cash.append(row)
    return {AccountId(account_id): book for account_id, book in books.items()}


def _rates_from(rows: Sequence[Row]) -> Sequence[FxRate]:
    """The readable ones; usually all are."""
    try:
        return [fx_rate_from_row(row) for row in rows]
    except (UnreadableRow, *DAMAGE):
        return readable(rows, fx_rate_from_row, "fx_rate", "pair")


def _add_position(books: dict[str, BookRows], row: Row, zone_of: ZoneOf, now: datetime) -> None:
    """To the book of its account; a row that only a whole book can show removes it."""
    account_id = row["account_id"]
    try:
        if account_id not in books or _is_zero(row["quantity"]):
            return
        if row.get("underlying") is not None:
            _require_quote_as_price(row, zone_of, now)
        books[account_id].positions.append(row)
    except (UnreadableRow, *DAMAGE):
        del books[account_id]


def _is_zero(quantity: str) -> bool:
    # Most begin with another digit: nothing else is looked at then.
    return quantity[:1] in "0-" and plain_decimal(quantity) == "0"


def _require_quote_as_price(option: Row, zone_of: ZoneOf, now: datetime) -> None:
    """Raises ValueError for an option that has ended, as `life_of` says: it has another price then."""
    today = now.astimezone(zone_of(option["market"])).date()
    if today > date.fromisoformat(option["expiry"]):
        raise ValueError("the option has ended")


def _positions(where: str, columns: frozenset[str]) -> Part:
    names = ("account_id", "quantity", "symbol", *columns)
    return selected(POSITION_COLUMNS, names, f"{_POSITIONS}{where}", sorted_by="p.instrument_id")


def _cash(where: str, columns: frozenset[str]) -> Part:
    return selected(CASH_COLUMNS, ("account_id", *columns), f"{_CASH}{where}", sorted_by="b.currency")


def _accounts(where: str) -> Part:
    return selected(_ACCOUNT_COLUMNS, _ACCOUNT_COLUMNS.sql, f"FROM account a{where}")


def _rates(where: str) -> Part:
    bases = f"SELECT a.base_currency FROM account a{where}"
    return selected(_RATE_COLUMNS, _RATE_COLUMNS.sql, f"FROM fx_rate f WHERE f.quote_currency IN ({bases})")
