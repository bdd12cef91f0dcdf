"""The books of all accounts in bounded chunks, for whole-book calculations.

An instrument, its quote and its factors are read and built once, however many accounts hold it, so that a
position costs four columns. Read it inside `consistent_read()`, otherwise the chunks are of different
moments.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.case import AlertType
from domain.expiry import Life, life_of
from domain.ids import AccountId, ClientId, Symbol
from domain.margin import Holding
from domain.market import FactorSource, Instrument, MarginFactors, Place, Quote
from domain.principal import Audience
from domain.risk_settings import SettingKind
from models.book import (
    ACCOUNT_COLUMNS,
    FACTOR_COLUMNS,
    INSTRUMENT_COLUMNS,
    QUOTE_COLUMNS,
    UNDERLYING_COLUMNS,
    UNDERLYING_INSTRUMENT,
    AccountBook,
    BookConditions,
    BookPolicy,
    account_book,
    average_cost_from_row,
    cash_from_row,
    factors_from_row,
    instrument_from_row,
    load_fx_rates,
    quantity_from_row,
    quote_from_row,
    rates_by_base,
    stated_factors,
    underlying_from_row,
    underlying_place_from_row,
)
from models.case import LIVE
from models.doubt import doubts_of
from models.risk_setting import client_factors_set, counting_value, readable_factors
from models.sql.database import Row, fetch, placeholders, unreadable_rows
from models.sql.readable import all_or_each, readable
from models.sql.unreadable import UnreadableRow, reading
from models.sql.values import with_values
from models.sql.where import Where


@dataclass(frozen=True, slots=True)
class Listed:
    """An instrument with its general data."""

    instrument: Instrument
    quote: Quote | None
    factors: MarginFactors
    dead: bool
    life: Life
    underlying: Quote | None
    underlying_negative: bool
    underlying_place: Place | None


@dataclass(frozen=True, slots=True)
class Market:
    """The data that all books share."""

    conditions: BookConditions
    listed: Mapping[Symbol, Listed | UnreadableRow]
    """Including unreadable ones, whose holders are left out."""


async def load_market(policy: BookPolicy, now: datetime) -> Market:
    """The rules in force, every instrument with its factors, and every rate."""
    rows = await fetch(
        f"SELECT {INSTRUMENT_COLUMNS}, {QUOTE_COLUMNS}, {UNDERLYING_COLUMNS}, {UNDERLYING_INSTRUMENT},"
        f" {', '.join(f'i.{each}' for each in FACTOR_COLUMNS)}"
        f", ({counting_value(SettingKind.INSTRUMENT_FACTORS, 'i.symbol', '$1')}) AS instrument_setting"
        f", {', '.join(f'NULL AS client_{each}' for each in (*FACTOR_COLUMNS, 'setting'))}"
        " FROM instrument i LEFT JOIN quote q ON q.symbol = i.symbol"
        " LEFT JOIN quote u ON u.symbol = i.underlying",
        now,
    )
    risk = await policy.settings.in_force(now)
    listed = _all_listed([await _with_readable_factors(row, now) for row in rows], policy, now)
    return Market(BookConditions(now, policy, risk, rates_by_base(await load_fx_rates())), listed)


@dataclass(frozen=True, slots=True)
class BookChunk:
    """Books, and the numbers of accounts left out because they cannot be read."""

    books: list[AccountBook]
    left_out: list[str]


async def every_book(audience: Audience, market: Market, accounts_per_chunk: int) -> AsyncIterator[BookChunk]:
    """The books of the audience's accounts by account id, at most `accounts_per_chunk` at a time."""
    after = ""
    while rows := await _accounts(audience, after, accounts_per_chunk):
        yield await _books(rows, market)
        after = rows[-1]["account_id"]


async def live_calls(audience: Audience) -> Mapping[AccountId, frozenset[AlertType]]:
    """The kinds of open calls, for each account that has any."""
    where = Where()
    where.add("c.status IN (?)", LIVE)
    where.sees(audience)
    rows = await fetch(
        "SELECT c.id, c.account_id, c.alert_type FROM margin_case c"
        f" JOIN account a ON a.id = c.account_id{where}",
        *where.values,
    )
    calls: dict[AccountId, set[AlertType]] = defaultdict(set)
    for account_id, alert in readable(rows, _live_call, "margin_case"):
        calls[account_id].add(alert)
    return {account_id: frozenset(alerts) for account_id, alerts in calls.items()}


def _live_call(row: Row) -> tuple[AccountId, AlertType]:
    return AccountId(row["account_id"]), AlertType(row["alert_type"])


async def _with_readable_factors(row: Row, at: datetime) -> Row:
    text = row["instrument_setting"]
    if text is None:
        return row
    read = await readable_factors(SettingKind.INSTRUMENT_FACTORS, row["symbol"], text, at)
    return with_values(row, instrument_setting=read.text)


def _all_listed(
    rows: Sequence[Row], policy: BookPolicy, now: datetime
) -> dict[Symbol, Listed | UnreadableRow]:
    listed: dict[Symbol, Listed | UnreadableRow] = {}
    for row in rows:
        try:
            listed[Symbol(row["symbol"])] = _listed(row, policy, now)
        except UnreadableRow as damaged:
            unreadable_rows().note(damaged)
            listed[Symbol(row["symbol"])] = damaged
    return listed


def _listed(row: Row, policy: BookPolicy, now: datetime) -> Listed:
    instrument = instrument_from_row(row)
    return Listed(
        instrument,
        quote_from_row(row),
        factors_from_row(row),
        instrument.is_dead(now, policy.suspended_dead_after),
        life_of(instrument, now, policy.zone_of, policy.expiry),
        underlying_from_row(row),
        bool(row["underlying_negative"]),
        underlying_place_from_row(row),
    )


async def _accounts(audience: Audience, after: str, limit: int) -> Sequence[Row]:
    where = Where()
    where.add("a.id > ?", after)
    where.sees(audience)
    most = where.value(limit)
    return await fetch(
        f"SELECT {ACCOUNT_COLUMNS}, a.financing_limit, a.trading_limit, a.outstanding_margin,"
        " a.book_version, a.close_only, a.written_off_alerts, k.client_group"
        f" FROM account a JOIN client k ON k.id = a.client_id{where} ORDER BY a.id LIMIT {most}",
        *where.values,
    )


async def _books(rows: Sequence[Row], market: Market) -> BookChunk:
    ids = [row["account_id"] for row in rows]
    own = await _client_factors(sorted({ClientId(row["client_id"]) for row in rows}), market.conditions.at)
    positions: dict[str, list[Row]] = defaultdict(list)
    for row in await _positions(ids):
        positions[row["account_id"]].append(row)
    cash = await _cash(ids)
    doubts, damaged_doubts = await all_or_each(doubts_of, [AccountId(each) for each in ids])
    books, left_out = [], []
    for row in rows:
        account_id, client_id = row["account_id"], ClientId(row["client_id"])
        try:
            holdings = [
                _holding(each, market, own, client_id)
                for each in positions[account_id]
                if quantity_from_row(each)
            ]
            balances = [cash_from_row(each) for each in cash[account_id]]
            if account_id in damaged_doubts:
                raise damaged_doubts[account_id]
            known = doubts.get(account_id, ())
            books.append(account_book(row, balances, holdings, market.conditions, known))
        except UnreadableRow as damaged:
            unreadable_rows().note(damaged)
            left_out.append(row["account_no"])
    return BookChunk(books, left_out)


def _holding(
    row: Row,
    market: Market,
    own: Mapping[tuple[ClientId, Symbol], MarginFactors | UnreadableRow],
    client_id: ClientId,
) -> Holding:
    symbol = row["instrument_id"]
    listed = market.listed[symbol]
    if isinstance(listed, UnreadableRow):
        raise listed
    factors = own.get((client_id, symbol), listed.factors) if own else listed.factors
    if isinstance(factors, UnreadableRow):
        raise factors
    return Holding(
        listed.instrument,
        quantity_from_row(row),
        factors,
        listed.quote,
        listed.dead,
        average_cost_from_row(row),
        listed.life,
        listed.underlying,
        listed.underlying_negative,
        listed.underlying_place,
    )


async def _positions(ids: Sequence[str]) -> Sequence[Row]:
    return await fetch(
        "SELECT account_id, instrument_id, quantity, average_cost FROM position"
        f" WHERE account_id IN ({placeholders(ids)}) ORDER BY account_id, instrument_id",
        *ids,
    )


async def _cash(ids: Sequence[str]) -> dict[str, list[Row]]:
    balances: dict[str, list[Row]] = defaultdict(list)
    rows = await fetch(
        "SELECT account_id, currency, balance, accrued_interest FROM cash_balance"
        f" WHERE account_id IN ({placeholders(ids)}) ORDER BY account_id, currency",
        *ids,
    )
    for row in rows:
        balances[row["account_id"]].append(row)
    return balances


async def _client_factors(
    ids: Sequence[ClientId], at: datetime
) -> dict[tuple[ClientId, Symbol], MarginFactors | UnreadableRow]:
    """Factors set for a client have priority over those stated for that client.

    An unreadable setting stays unreadable, unless another one replaces it.
    """
    columns = ", ".join(f"{factor} AS client_{factor}" for factor in FACTOR_COLUMNS)
    rows = await fetch(
        f"SELECT client_id, instrument_id, {columns} FROM client_factor"
        f" WHERE client_id IN ({placeholders(ids)})",
        *ids,
    )
    stated = {(ClientId(row["client_id"]), Symbol(row["instrument_id"])): _of_client(row) for row in rows}
    known = stated | await client_factors_set(ids, at)
    return {key: factors for key, factors in known.items() if factors is not None}


def _of_client(row: Row) -> MarginFactors | UnreadableRow | None:
    try:
        with reading("client_factor", f"{row['client_id']}:{row['instrument_id']}"):
            return stated_factors(row, "client_", FactorSource.CLIENT)
    except UnreadableRow as damaged:
        return damaged
