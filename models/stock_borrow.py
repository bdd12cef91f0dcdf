"""Borrowed stock: who is short of which stock, what of it is recalled, and what is being covered."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from domain.events import AccountReference
from domain.ids import AccountId, Symbol
from domain.money import ZERO, total
from domain.principal import Audience
from models.book import ACCOUNT_COLUMNS, account_reference
from models.sql.database import Row, fetch, fetch_one
from models.sql.readable import first_rows
from models.sql.unreadable import reads
from models.sql.values import decimal, time_or_none
from models.sql.where import Page, PageRequest, Where, cut, in_order, like
from models.stock_recovery import OPEN_RECOVERY, RECOVERY_TABLES

_FROM = (
    "FROM position p JOIN account a ON a.id = p.account_id JOIN client k ON k.id = a.client_id"
    " JOIN instrument i ON i.symbol = p.instrument_id"
)
_SHORT_STOCK = "CAST(p.quantity AS NUMERIC) < 0 AND i.kind <> 'OPTION'"
_OPEN_COVER = "o.side = 'BUY' AND o.status NOT IN ('FILLED', 'CANCELED', 'REJECTED', 'EXPIRED')"


@dataclass(frozen=True, slots=True)
class BorrowFilter:
    """Filter for stocks; None matches any of which some account is short."""

    symbol: Symbol | None = None
    market: str | None = None
    search: str | None = None
    recalled: bool | None = None


@dataclass(frozen=True, slots=True)
class ShortHolding:
    """One account's short in one stock. Quantities are above zero, or zero where nothing is recalled or
    covered.
    """

    account: AccountReference
    symbol: Symbol
    quantity: Decimal
    short_since: datetime | None
    recalled: Decimal = ZERO
    """Outstanding on its open recalls."""
    open_covers: Decimal = ZERO
    """The unfilled quantity of its open buy orders."""


async def page_short_stocks(
    audience: Audience, selection: BorrowFilter, request: PageRequest
) -> Page[Symbol]:
    """One page of the stocks of which accounts within scope are short, by symbol, which is the key."""
    where = _where(audience, selection)
    listed = f"SELECT DISTINCT p.instrument_id {_FROM}{in_order(where, request, 'p.instrument_id')}"
    rows = await first_rows(listed, where)(request.size + 1)
    return cut([Symbol(row["instrument_id"]) for row in rows], request)


async def count_short_stocks(audience: Audience, selection: BorrowFilter) -> int:
    """The number of matching stocks."""
    where = _where(audience, selection)
    row = await fetch_one(f"SELECT COUNT(DISTINCT p.instrument_id) AS stocks {_FROM}{where}", *where.values)
    assert row is not None
    return int(row["stocks"])


async def shorts_in(
    audience: Audience, symbols: Sequence[Symbol], of: Sequence[AccountId] | None = None
) -> dict[Symbol, list[ShortHolding]]:
    """The accounts within scope that are short of each of these stocks, by account number; among `of`, or
    all.

    Three statements however many stocks there are. The caller sums up: SQLite cannot add decimals exactly.
    """
    where = Where()
    where.sees(audience)
    where.add("p.instrument_id IN (?)", list(symbols))
    where.add(_SHORT_STOCK)
    where.add_if("a.id IN (?)", of)
    rows = await fetch(
        f"SELECT p.instrument_id, p.quantity, p.short_since, {ACCOUNT_COLUMNS} {_FROM}{where}"
        " ORDER BY p.instrument_id, a.account_no",
        *where.values,
    )
    recalled = await _summed(
        audience,
        symbols,
        f"r.instrument_id AS symbol, r.outstanding AS quantity {RECOVERY_TABLES}",
        "r.instrument_id",
        f"r.alert_type = 'SHORT_RECALL' AND {OPEN_RECOVERY}",
        of,
    )
    covers = await _summed(
        audience,
        symbols,
        "o.symbol, o.quantity, o.filled_quantity FROM liquidation_order o"
        " JOIN account a ON a.id = o.account_id",
        "o.symbol",
        _OPEN_COVER,
        of,
    )
    shorts: dict[Symbol, list[ShortHolding]] = defaultdict(list)
    for row in rows:
        short = _short(row)
        key = short.symbol, short.account.account_id
        shorts[short.symbol].append(
            replace(short, recalled=recalled.get(key, ZERO), open_covers=covers.get(key, ZERO))
        )
    return shorts


@reads("position", "account_id")
def _short(row: Row) -> ShortHolding:
    return ShortHolding(
        account_reference(row),
        Symbol(row["instrument_id"]),
        decimal(row["quantity"]).copy_negate(),
        time_or_none(row["short_since"]),
    )


async def short_stocks_of(ids: Sequence[AccountId]) -> dict[tuple[AccountId, Symbol], Decimal]:
    """Which of these accounts is short of which stock, and by how much."""
    where = Where()
    where.add("p.account_id IN (?)", list(ids))
    where.add(_SHORT_STOCK)
    rows = await fetch(
        f"SELECT p.account_id, p.instrument_id, p.quantity {_FROM}{where} ORDER BY p.account_id",
        *where.values,
    )
    return {
        (AccountId(row["account_id"]), Symbol(row["instrument_id"])): decimal(row["quantity"]).copy_negate()
        for row in rows
    }


async def accounts_short_of(audience: Audience, symbol: Symbol, most: int) -> list[AccountId]:
    """The accounts within scope that are short of the stock, by id, at most `most`."""
    where = Where()
    where.sees(audience)
    where.add("p.instrument_id = ?", symbol)
    where.add(_SHORT_STOCK)
    limit = where.value(most)
    rows = await fetch(
        f"SELECT p.account_id {_FROM}{where} ORDER BY p.account_id LIMIT {limit}", *where.values
    )
    return [AccountId(row["account_id"]) for row in rows]


async def _summed(
    audience: Audience,
    symbols: Sequence[Symbol],
    selected: str,
    symbol: str,
    condition: str,
    of: Sequence[AccountId] | None,
) -> dict[tuple[Symbol, AccountId], Decimal]:
    where = Where()
    where.sees(audience)
    where.add(f"{symbol} IN (?)", list(symbols))
    where.add(condition)
    where.add_if("a.id IN (?)", of)
    parts: dict[tuple[Symbol, AccountId], list[Decimal]] = defaultdict(list)
    for row in await fetch(f"SELECT a.id AS account_id, {selected}{where}", *where.values):
        parts[Symbol(row["symbol"]), AccountId(row["account_id"])].append(_open_quantity(row))
    return {key: total(quantities) for key, quantities in parts.items()}


def _open_quantity(row: Row) -> Decimal:
    quantity = decimal(row["quantity"])
    if "filled_quantity" not in row:
        return quantity
    return max(ZERO, total([quantity, decimal(row["filled_quantity"]).copy_negate()]))


def _where(audience: Audience, selection: BorrowFilter) -> Where:
    where = Where()
    where.sees(audience)
    where.add(_SHORT_STOCK)
    where.add_if("p.instrument_id = ?", selection.symbol)
    where.add_if("i.market = ?", selection.market)
    if selection.search is not None:
        where.add("i.search_text LIKE ? ESCAPE '!'", like(selection.search))
    if selection.recalled is not None:
        where.add(
            f"{'' if selection.recalled else 'NOT '}EXISTS (SELECT 1 FROM stock_recovery r JOIN margin_case c"
            " ON c.id = r.case_id WHERE r.account_id = p.account_id AND r.instrument_id = p.instrument_id"
            f" AND r.alert_type = 'SHORT_RECALL' AND {OPEN_RECOVERY})"
        )
    return where
