"""Storing a whole book: instruments, rates and clients of a book file."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import uuid4

from domain.ids import AccountId, ClientId, Symbol
from domain.margin import AccountTerms, CashBalance
from domain.market import MarginFactors
from models.client import ClientRow
from models.database import execute, execute_many, fetch_one


async def is_empty() -> bool:
    """No client is known yet."""
    return await fetch_one("SELECT id FROM client LIMIT 1") is None


async def insert_account(
    client: ClientRow, account_id: AccountId, account_no: str, terms: AccountTerms
) -> None:
    """Store a new account."""
    await execute(
        "INSERT INTO account (id, client_id, account_no, type, base_currency, financing_limit, trading_limit,"
        " outstanding_margin, close_only, book_version, search_text)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, $10)",
        *(account_id, client.id, account_no, terms.account_type, terms.base_currency, terms.financing_limit),
        *(terms.trading_limit, terms.outstanding_margin, False, account_no.casefold()),
    )


async def insert_holdings(
    account_id: AccountId,
    cash: Sequence[CashBalance],
    positions: Sequence[tuple[Symbol, Decimal, Decimal | None, datetime | None]],
    as_of: datetime,
) -> None:
    """Store what a new account holds: symbol, quantity, cost and since when short of each position."""
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
    """Store the factors that hold for one client."""
    await execute_many(
        "INSERT INTO client_factor (id, client_id, instrument_id, initial_factor, maintenance_factor,"
        " margin_call_factor, force_close_factor) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        [
            (uuid4().hex, client_id, symbol, f.initial, f.maintenance, f.margin_call, f.force_close)
            for symbol, f in factors
        ],
    )
