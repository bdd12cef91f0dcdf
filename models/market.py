"""Quotes, FX rates and instruments as last stated: the state of the market shared by all processes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.book_changes import TradeStatusStated
from domain.ids import AccountId, Symbol
from domain.market import FxRate, Instrument, MarginFactors, Quote, TradeStatus, suspension_began
from domain.text import search_form
from models.book import (
    INSTRUMENT_COLUMNS,
    QUOTE_COLUMNS,
    instrument_from_row,
    quote_from_row,
)
from models.sql.database import (
    Row,
    execute,
    execute_many,
    fetch,
    fetch_one,
    for_update,
    is_sqlite,
    numeric,
    placeholders,
)
from models.sql.readable import first_rows, readable, readable_page
from models.sql.values import time, time_or_none
from models.sql.where import Page, PageRequest, Where, in_order, like

_QUOTE_VALUES = ("at", "bid", "ask", "last_price", "previous_close", "bid_size", "ask_size")


async def save_quotes(quotes: Sequence[Quote], now: datetime | None = None) -> None:
    """Store the quotes; an older one never replaces a newer one, unless that is later than `now`."""
    await execute_many(
        f"INSERT INTO quote (symbol, {', '.join(_QUOTE_VALUES)}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
        " ON CONFLICT (symbol) DO UPDATE SET "
        + ", ".join(f"{column} = excluded.{column}" for column in _QUOTE_VALUES)
        + " WHERE excluded.at >= quote.at OR quote.at > $9",
        [
            (q.symbol, q.at, q.bid, q.ask, q.last, q.previous_close, q.bid_size, q.ask_size, now)
            for q in quotes
        ],
    )


async def save_fx_rates(rates: Sequence[FxRate], now: datetime | None = None) -> None:
    """Store the rates; an older one never replaces a newer one, unless that is later than `now`."""
    await execute_many(
        "INSERT INTO fx_rate (pair, base_currency, quote_currency, rate, at) VALUES ($1, $2, $3, $4, $5)"
        " ON CONFLICT (pair) DO UPDATE SET rate = excluded.rate, at = excluded.at"
        " WHERE excluded.at >= fx_rate.at OR fx_rate.at > $6",
        [(r.pair, r.base_currency, r.quote_currency, r.rate, r.at, now) for r in rates],
    )


async def lock_quotes(symbols: Sequence[Symbol]) -> frozenset[Symbol]:
    """Lock their quotes without waiting; returns the symbols locked by another transaction."""
    return frozenset(Symbol(key) for key in await _lock_free("quote", "symbol", symbols))


async def lock_fx_rates(pairs: Sequence[str]) -> frozenset[str]:
    """Lock these rates without waiting; returns the pairs locked by another transaction."""
    return await _lock_free("fx_rate", "pair", pairs)


async def _lock_free(table: str, key: str, values: Sequence[str]) -> frozenset[str]:
    if not values or is_sqlite():
        return frozenset()
    asked = f"{key} IN ({placeholders(values)})"
    rows = await fetch(
        f"WITH free AS (SELECT {key} FROM {table} t WHERE {asked}{for_update('t', skip_locked=True)})"
        f" SELECT {key} AS locked FROM {table} WHERE {asked} AND {key} NOT IN (SELECT {key} FROM free)",
        *values,
    )
    return frozenset(row["locked"] for row in rows)


async def quote_times(symbols: Sequence[Symbol]) -> dict[Symbol, datetime]:
    """The times of the stored quotes."""
    rows = await fetch(f"SELECT symbol, at FROM quote WHERE symbol IN ({placeholders(symbols)})", *symbols)
    return {Symbol(row["symbol"]): time(row["at"]) for row in rows}


async def markets_of(symbols: Sequence[Symbol]) -> dict[Symbol, str]:
    """The markets of those of these symbols that are known."""
    rows = await fetch(
        f"SELECT symbol, market FROM instrument WHERE symbol IN ({placeholders(symbols)})", *symbols
    )
    return {Symbol(row["symbol"]): row["market"] for row in rows}


@dataclass(frozen=True, slots=True)
class StatedStatus:
    """The trade status as last stated at `at`, and the start of a suspension."""

    status: TradeStatus
    at: datetime
    suspended_since: datetime | None


async def lock_trade_status(symbol: Symbol) -> StatedStatus | None:
    """The stated status, locked; `Busy` at once if another transaction holds it; None: the instrument is not
    known.
    """
    row = await fetch_one(
        "SELECT i.trade_status, i.trade_status_at, i.suspended_since FROM instrument i"
        f" WHERE i.symbol = $1{for_update('i', wait=False)}",
        symbol,
    )
    if row is None:
        return None
    return StatedStatus(
        TradeStatus(row["trade_status"]), time(row["trade_status_at"]), time_or_none(row["suspended_since"])
    )


async def save_trade_status(
    stated: TradeStatusStated, suspended_since: datetime | None, now: datetime
) -> bool:
    """Store the trade status; False if a newer statement is known."""
    return bool(
        await execute(
            "UPDATE instrument SET trade_status = $1, trade_status_at = $2, suspended_since = $3"
            " WHERE symbol = $4 AND (trade_status_at <= $2 OR trade_status_at > $5)",
            stated.status,
            stated.at,
            suspended_since,
            stated.symbol,
            now,
        )
    )


async def save_instrument(instrument: Instrument, factors: MarginFactors | None, status_at: datetime) -> None:
    """Insert or replace an instrument with its factors (None: the default applies)."""
    suspended_since = suspension_began(None, instrument.trade_status, status_at, instrument.suspended_since)
    values = (
        [factors.initial, factors.maintenance, factors.margin_call, factors.force_close]
        if factors
        else [None] * 4
    )
    columns = (
        "symbol",
        "name",
        "market",
        "currency",
        "kind",
        "lot_size",
        "multiplier",
        "fee_rate",
        "trade_status",
        "trade_status_at",
        "suspended_since",
        "initial_factor",
        "maintenance_factor",
        "margin_call_factor",
        "force_close_factor",
        "average_daily_volume",
        "tick",
        "negative_prices",
        "search_text",
        "underlying",
        "option_right",
        "strike",
        "expiry",
    )
    search_text = "\n".join((search_form(instrument.name), search_form(instrument.symbol)))
    option = instrument.option
    terms = (
        [option.underlying, option.right, option.strike, option.expiry.isoformat()] if option else [None] * 4
    )
    await execute(
        f"INSERT INTO instrument ({', '.join(columns)})"
        f" VALUES ({', '.join(f'${number}' for number in range(1, len(columns) + 1))})"
        " ON CONFLICT (symbol) DO UPDATE SET "
        + ", ".join(f"{column} = excluded.{column}" for column in columns[1:]),
        instrument.symbol,
        instrument.name,
        instrument.market,
        instrument.currency,
        instrument.kind,
        instrument.lot_size,
        instrument.multiplier,
        instrument.fee_rate,
        instrument.trade_status,
        status_at,
        suspended_since,
        *values,
        instrument.average_daily_volume,
        instrument.tick,
        instrument.negative_prices,
        search_text,
        *terms,
    )


async def load_quotes(symbols: Sequence[Symbol]) -> dict[Symbol, Quote]:
    """The last quotes of these symbols, as far as there are any."""
    rows = await fetch(
        f"SELECT q.symbol, {QUOTE_COLUMNS} FROM quote q WHERE q.symbol IN ({placeholders(symbols)})", *symbols
    )
    quotes = readable(rows, quote_from_row, "quote", "symbol")
    return {quote.symbol: quote for quote in quotes if quote is not None}


async def load_instruments(
    symbols: Sequence[Symbol] | None = None, *, strict: bool = False
) -> dict[Symbol, Instrument]:
    """These instruments, or all; `strict`: see `readable`."""
    condition = "" if symbols is None else f" WHERE i.symbol IN ({placeholders(symbols)})"
    rows = await fetch(f"SELECT {INSTRUMENT_COLUMNS} FROM instrument i{condition}", *(symbols or ()))
    instruments = readable(rows, instrument_from_row, "instrument", "symbol", strict=strict)
    return {instrument.symbol: instrument for instrument in instruments}


async def page_instruments(search: str | None, request: PageRequest) -> Page[Instrument]:
    """One page by symbol; the key of a row is (symbol,)."""
    where = _instruments_where(search)
    sorted_ = in_order(where, request, "i.symbol")
    listed = f"SELECT {INSTRUMENT_COLUMNS} FROM instrument i{sorted_}"
    return await readable_page(
        first_rows(listed, where), instrument_from_row, "instrument", request, "symbol"
    )


async def count_instruments(search: str | None) -> int:
    """The number of matching instruments."""
    where = _instruments_where(search)
    row = await fetch_one(f"SELECT COUNT(*) AS instruments FROM instrument i{where}", *where.values)
    assert row is not None
    return int(row["instruments"])


def _instruments_where(search: str | None) -> Where:
    where = Where()
    if search is not None:
        where.add("i.search_text LIKE ? ESCAPE '!'", like(search))
    return where


async def load_markets() -> list[str]:
    """The markets on which some instrument trades, sorted."""
    return [row["market"] for row in await fetch("SELECT DISTINCT market FROM instrument ORDER BY market")]


async def known_symbols(symbols: Sequence[Symbol]) -> set[Symbol]:
    """Those of these symbols that are instruments of the desk."""
    if not symbols:
        return set()
    rows = await fetch(
        f"SELECT i.symbol FROM instrument i WHERE i.symbol IN ({placeholders(symbols)})", *symbols
    )
    return {Symbol(row["symbol"]) for row in rows}


async def known_markets(markets: Sequence[str]) -> set[str]:
    """Those of these markets on which some instrument trades."""
    if not markets:
        return set()
    rows = await fetch(
        f"SELECT DISTINCT i.market FROM instrument i WHERE i.market IN ({placeholders(markets)})", *markets
    )
    return {row["market"] for row in rows}


async def markets_of_instruments() -> list[str]:
    """Every market on which some instrument trades."""
    return markets_from_rows(await fetch("SELECT DISTINCT market FROM instrument ORDER BY market"))


def markets_from_rows(rows: Sequence[Row]) -> list[str]:
    """Their readable markets; for queries in other modules as well."""
    return readable(rows, _market, "instrument", "market")


def _market(row: Row) -> str:
    return str(row["market"])


async def markets_held(
    account_ids: Sequence[AccountId], markets: Sequence[str]
) -> list[tuple[AccountId, str]]:
    """The markets, among these, in which each of these accounts has a holding."""
    if not markets or not account_ids:
        return []
    rows = await fetch(
        f"SELECT DISTINCT p.account_id, i.market FROM position p JOIN instrument i"
        f" ON i.symbol = p.instrument_id WHERE {numeric('p.quantity')} <> 0"
        f" AND i.market IN ({placeholders(markets)})",
        *markets,
    )
    asked = set(account_ids)
    return [(AccountId(row["account_id"]), row["market"]) for row in rows if row["account_id"] in asked]


async def held_markets() -> list[str]:
    """The markets of instruments that some account holds."""
    rows = await fetch(
        "SELECT DISTINCT i.market FROM instrument i WHERE EXISTS (SELECT 1 FROM position p"
        f" WHERE p.instrument_id = i.symbol AND {numeric('p.quantity')} <> 0) ORDER BY i.market"
    )
    return markets_from_rows(rows)


async def holders(symbol: Symbol) -> list[AccountId]:
    """Accounts that have or had a position in the symbol."""
    rows = await fetch("SELECT account_id FROM position WHERE instrument_id = $1", symbol)
    return [AccountId(row["account_id"]) for row in rows]
