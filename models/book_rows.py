"""Positions and cash of accounts straight from their rows: see resolvers.kit.row_fields.

One statement reads all of it, so that a fill is in the positions and in the cash, or in neither.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache

from domain.expiry import ZoneOf
from domain.ids import AccountId
from domain.market import FxRate
from domain.money import Currency
from domain.principal import Audience
from models.book import fx_rate_from_row, rates_by_base
from models.sql.columns import STATEMENTS_KEPT, Columns, columns_of
from models.sql.database import Row, fetch_records, is_sqlite
from models.sql.readable import readable
from models.sql.unreadable import DAMAGE, UnreadableRow
from models.sql.values import currency, plain_decimal
from models.sql.where import Where

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
)
"""What may be read of a position with its instrument and quote."""
CASH_COLUMNS = Columns(columns_of("b", "account_id currency"), columns_of("b", "balance accrued_interest"))
"""What may be read of a cash balance."""
RATE_COLUMNS = {
    "pair": "f.pair",
    "base_currency": "f.base_currency",
    "quote_currency": "f.quote_currency",
    "rate": "CAST(f.rate AS TEXT)",
    "at": "CAST(f.at AS TEXT)",
}
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


async def load_book_rows(
    audience: Audience, ids: Sequence[AccountId], columns: BookColumns, zone_of: ZoneOf, now: datetime
) -> dict[AccountId, BookRows]:
    """Those of these accounts that the audience may see, unless only the whole book shows them as they are: a
    row of it cannot be read, or the price of a position is that of an option after its last day.
    """
    where = Where()
    where.add("a.id IN (?)", list(ids))
    where.sees(audience)
    parts: dict[str, list[Row]] = defaultdict(list)
    for row in await fetch_records(_statement(str(where), columns, is_sqlite()), *where.values):
        parts[row["part"]].append(row)
    fx = rates_by_base(readable(parts["rate"], fx_rate_from_row, "fx_rate", "pair"))
    books: dict[str, BookRows] = {}
    for row in parts["account"]:
        with suppress(UnreadableRow):
            base = currency(row["base_currency"])
            books[row["account_id"]] = BookRows(base, fx.get(base, {}))
    for row in parts["position"]:
        _add_position(books, row, zone_of, now)
    for row in parts["cash"]:
        if row["account_id"] in books:
            books[row["account_id"]].cash.append(row)
    return {AccountId(account_id): book for account_id, book in books.items()}


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


@lru_cache(maxsize=STATEMENTS_KEPT)
def _statement(where: str, columns: BookColumns, on_sqlite: bool) -> str:
    """All parts in one SELECT; a row has null in the columns of other parts. `where`: which accounts `a`."""
    parts: dict[str, tuple[Mapping[str, str], str]] = {}
    if columns.positions is not None:
        names = ("account_id", "quantity", "symbol", *columns.positions)
        parts["position"] = POSITION_COLUMNS.named(names) | {"sorted_by": "p.instrument_id"}, _POSITIONS
    if columns.cash is not None:
        parts["cash"] = CASH_COLUMNS.named(("account_id", *columns.cash)) | {"sorted_by": "b.currency"}, _CASH
    parts["account"] = {"account_id": "a.id", "base_currency": "a.base_currency"}, "FROM account a"
    # PostgreSQL takes the type of a column from the first two parts; only positions have other types
    # than text.
    every = dict.fromkeys(name for named, _ in parts.values() for name in named)
    every |= dict.fromkeys(RATE_COLUMNS)
    bases = f"SELECT a.base_currency FROM account a{where}"
    selects = [_select(part, named, every, source + where) for part, (named, source) in parts.items()]
    rates = f"FROM fx_rate f WHERE f.quote_currency IN ({bases})"
    selects.append(_select("rate", RATE_COLUMNS, every, rates))
    return f"{' UNION ALL '.join(selects)} ORDER BY sorted_by"


def _select(part: str, named: Mapping[str, str], every: Iterable[str], source: str) -> str:
    listed = ", ".join(f"{named.get(name, 'NULL')} AS {name}" for name in every)
    return f"SELECT '{part}' AS part, {listed} {source}"
