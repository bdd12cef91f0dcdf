"""The book that is read: cases that the desk opened itself, and copies of them."""

from collections.abc import Sequence
from decimal import Decimal

import asyncpg

from bench.called_book import fill, open_cases
from domain.ids import CaseId
from gateway.resources import Resources

OPENED, LIVE_CASES, POSITIONS = 50, 2_000, 100
COPIES = LIVE_CASES // OPENED - 1
"""Of each case."""


async def fill_book(resources: Resources, url: str) -> CaseId:
    """2,000 live cases; the one returned is of an account with 100 positions."""
    await fill(resources, OPENED)
    case_id = (await open_cases())[0]
    connection = await asyncpg.connect(url)
    try:
        await _add_positions(connection, case_id)
        await _copy_cases(connection)
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()
    return case_id


async def cases_to_liquidate(url: str) -> list[CaseId]:
    """The copies, whose accounts get positions and cash as the originals have."""
    connection = await asyncpg.connect(url)
    try:
        for table, held in (("position", "instrument_id !~ '^B[0-9]+$'"), ("cash_balance", "TRUE")):
            new = {"id": "md5('copy' || t.id || n)", "account_id": "md5(t.account_id || n)"}
            await copy_rows(connection, table, new, held, COPIES)
        await connection.execute("VACUUM ANALYZE")
        copies = await connection.fetch("SELECT id FROM margin_case WHERE case_no LIKE '%-%-%' ORDER BY id")
    finally:
        await connection.close()
    return [row["id"] for row in copies]


async def _add_positions(connection: asyncpg.Connection, case_id: CaseId) -> None:
    """Of instruments that are copies of one that the account holds."""
    ((account, symbol),) = await connection.fetch(
        "SELECT c.account_id, min(p.instrument_id) FROM margin_case c JOIN position p USING (account_id)"
        " WHERE c.id = $1 GROUP BY c.account_id",
        case_id,
    )
    held = await connection.fetchval("SELECT count(*) FROM position WHERE account_id = $1", account)
    for table, key in (("instrument", "symbol"), ("quote", "symbol")):
        await copy_rows(connection, table, {key: "'B' || n"}, f"{key} = '{symbol}'", POSITIONS - held)
    await copy_rows(
        connection,
        "position",
        {"id": "md5(t.id || n)", "instrument_id": "'B' || n", "quantity": f"{Decimal(1)}"},
        f"account_id = '{account}' AND instrument_id = '{symbol}'",
        POSITIONS - held,
    )


async def _copy_cases(connection: asyncpg.Connection) -> None:
    """Each with a client and an account of its own, which hold nothing."""
    new = "md5(t.{} || n)"
    await copy_rows(
        connection, "client", {"id": new.format("id"), "client_no": "t.client_no || '-' || n"}, "TRUE", COPIES
    )
    await copy_rows(
        connection,
        "account",
        {
            "id": new.format("id"),
            "client_id": new.format("client_id"),
            "account_no": "t.account_no || '-' || n",
        },
        "TRUE",
        COPIES,
    )
    await copy_rows(
        connection,
        "margin_case",
        {
            "id": new.format("id"),
            "account_id": new.format("account_id"),
            "case_no": "t.case_no || '-' || n",
            "opened_at": "t.opened_at - n * interval '7 minutes'",
        },
        "TRUE",
        COPIES,
    )


async def copy_rows(
    connection: asyncpg.Connection, table: str, changed: dict[str, str], condition: str, copies: int
) -> None:
    """Copy the rows `t` of the table that meet the condition, each `copies` times with the number `n`."""
    columns = await columns_of(connection, table)
    values = ", ".join(changed.get(column, f"t.{column}") for column in columns)
    await connection.execute(
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values}"
        f" FROM {table} t CROSS JOIN generate_series(1, {copies}) n WHERE {condition}"
    )


async def columns_of(connection: asyncpg.Connection, table: str) -> Sequence[str]:
    """The names of its columns."""
    rows = await connection.fetch(
        "SELECT column_name FROM information_schema.columns WHERE table_name = $1", table
    )
    return [row["column_name"] for row in rows]
