"""Store a whole book file: instruments, rates and clients."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import uuid4

from domain.ids import AccountId, ClientId, Symbol
from domain.margin import AccountTerms, CashBalance
from domain.market import FactorSource, Instrument, MarginFactors
from domain.text import search_form
from models.book import FACTOR_COLUMNS, INSTRUMENT_COLUMNS, instrument_from_row, stated_factors
from models.client import ClientRow
from models.sql.database import Row, execute, execute_many, fetch, fetch_one, placeholders
from models.sql.unreadable import reads
from models.sql.values import time

VALUES_AT_A_TIME = 500
"""Values in one statement."""


async def is_empty() -> bool:
    """Whether no client is stored yet."""
    return await fetch_one("SELECT id FROM client LIMIT 1") is None


async def desk_has_run() -> bool:
    """Whether a process leads, or has led, a desk on this database."""
    return await fetch_one("SELECT name FROM lease LIMIT 1") is not None


async def known_client_nos(numbers: Sequence[str]) -> set[str]:
    """Those of these client numbers that are stored."""
    return await _known("client", "client_no", numbers)


async def known_account_nos(numbers: Sequence[str]) -> set[str]:
    """Those of these account numbers that are stored."""
    return await _known("account", "account_no", numbers)


async def _known(table: str, column: str, values: Sequence[str]) -> set[str]:
    stored: set[str] = set()
    for start in range(0, len(values), VALUES_AT_A_TIME):
        part = values[start : start + VALUES_AT_A_TIME]
        rows = await fetch(f"SELECT {column} FROM {table} WHERE {column} IN ({placeholders(part)})", *part)
        stored.update(row[column] for row in rows)
    return stored


@dataclass(frozen=True, slots=True)
class StoredInstrument:
    """A stored instrument with its general factors, if any are stated."""

    instrument: Instrument
    factors: MarginFactors | None
    status_at: datetime
    """The time of the last statement of its status."""
    was_held: bool
    """Whether an account holds or held it: the rows of closed positions stay."""


async def stored_instruments(symbols: Sequence[Symbol]) -> dict[str, StoredInstrument]:
    """Those of these instruments that are stored, by symbol."""
    stored: dict[str, StoredInstrument] = {}
    for start in range(0, len(symbols), VALUES_AT_A_TIME):
        part = symbols[start : start + VALUES_AT_A_TIME]
        rows = await fetch(
            f"SELECT {INSTRUMENT_COLUMNS}, i.trade_status_at AS status_at, {', '.join(FACTOR_COLUMNS)},"
            " EXISTS (SELECT 1 FROM position p WHERE p.instrument_id = i.symbol) AS was_held"
            f" FROM instrument i WHERE i.symbol IN ({placeholders(part)})",
            *part,
        )
        stored |= {row["symbol"]: _stored_instrument(row) for row in rows}
    return stored


@reads("instrument", "symbol")
def _stored_instrument(row: Row) -> StoredInstrument:
    return StoredInstrument(
        instrument_from_row(row),
        stated_factors(row, "", FactorSource.INSTRUMENT),
        time(row["status_at"]),
        bool(row["was_held"]),
    )


async def insert_account(
    client: ClientRow, account_id: AccountId, account_no: str, terms: AccountTerms
) -> None:
    """Store a new account."""
    await execute(
        "INSERT INTO account (id, client_id, account_no, type, base_currency, financing_limit, trading_limit,"
        " outstanding_margin, close_only, book_version, search_text)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, $10)",
        account_id,
        client.id,
        account_no,
        terms.account_type,
        terms.base_currency,
        terms.financing_limit,
        terms.trading_limit,
        terms.outstanding_margin,
        False,
        search_form(account_no),
    )


async def insert_holdings(
    account_id: AccountId,
    cash: Sequence[CashBalance],
    positions: Sequence[tuple[Symbol, Decimal, Decimal | None, datetime | None]],
    as_of: datetime,
) -> None:
    """Store the holdings of a new account: symbol, quantity, cost and short since, for each position."""
    await execute_many(
        "INSERT INTO cash_balance (id, account_id, currency, balance, accrued_interest, as_of)"
        " VALUES ($1, $2, $3, $4, $5, $6)",
        [(uuid4().hex, account_id, c.currency, c.balance, c.accrued_interest, as_of) for c in cash],
    )
    await execute_many(
        "INSERT INTO position (id, account_id, instrument_id, quantity, average_cost, as_of, short_since)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7)",
        [
            (uuid4().hex, account_id, symbol, quantity, cost, as_of, short_since)
            for symbol, quantity, cost, short_since in positions
        ],
    )


async def insert_client_factors(client_id: ClientId, factors: Sequence[tuple[Symbol, MarginFactors]]) -> None:
    """Store factors of one client."""
    await execute_many(
        "INSERT INTO client_factor (id, client_id, instrument_id, initial_factor, maintenance_factor,"
        " margin_call_factor, force_close_factor) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        [
            (uuid4().hex, client_id, symbol, f.initial, f.maintenance, f.margin_call, f.force_close)
            for symbol, f in factors
        ],
    )
