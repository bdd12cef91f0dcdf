"""A row of each table that cannot be read, under a running desk: every loop goes on for the others.

Derived from the schema. SQLite stores a BLOB in a column of any type, so that one value damages all of them.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs

from domain.principal import Permission
from models.sql.database import Row, execute, fetch
from tests.api.every_mutation import EVERY, a_scene, use
from tests.api.readiness import readiness
from tests.api.test_messages import channels, reached, send
from tests.api.test_webhooks import LOCAL, register
from tests.api.trading import cases, liquidate, order
from tests.kit.book_files import (
    BANK,
    RAIL,
    TENCENT,
    a_book,
    a_client,
    a_quote,
    an_account,
    an_instrument,
    quotes,
)
from tests.kit.desk_server import Desk, World
from tests.kit.generic_rows import Column, Table, tables_that_are_there
from tests.kit.receiver import Receiver, a_receiver
from tests.kit.unguarded import without_guards

OF_THE_WHOLE_DESK = {"audit_head", "counter", "lease", "stream"}
"""Their rows belong to no account: the loop that needs one waits until it is restored."""
QUICK: dict[str, Any] = {
    name: 0.05
    for name in (
        "approval_poll_interval_s",
        "audit_chain_interval_s",
        "auto_liquidation_poll_s",
        "covered_options_check_interval_s",
        "daily_snapshot_interval_s",
        "market_day_poll_interval_s",
        "market_day_recheck_s",
        "revocation_poll_interval_s",
        "working_order_check_s",
    )
}
FAULTS = {"worker crashed", "a fault held up one of many", "a loop is held up by damaged data"}
BLOB = b"\xff\x00"


@pytest.mark.only("sqlite")  # PostgreSQL stores no BLOB in a column of text.
async def test_a_damaged_row_of_any_table_stops_no_loop_for_the_others(world: World) -> None:
    async with a_receiver() as receiver:
        desk = await a_desk_with_rows(world, receiver)
        resources = desk.application.resources
        stopped: dict[str, list[object]] = {}
        with resources.database.active():
            await without_checks()
            for number, table in enumerate(await tables_that_are_there()):
                if table.name in OF_THE_WHOLE_DESK:
                    continue
                with capture_logs() as logs:
                    async with damaged(table) as is_damaged:
                        if not is_damaged:
                            continue
                        await everything_goes_on(desk, receiver, number, table.name)
                        trouble = (await readiness(desk)).get("loopsTrouble")
                told = [each for each in logs if each["event"] in FAULTS]
                stopped[table.name] = [*told, *([trouble] if trouble else [])]
        assert {name: found for name, found in stopped.items() if found} == {}
        assert stopped.keys() >= {"margin_case", "liquidation_order", "position", "quote", "webhook"}


async def a_desk_with_rows(world: World, receiver: Receiver) -> Desk:
    """Accounts H, which trades, and D, whose rows are damaged."""
    healthy = an_account("H", "-75000000", {BANK: 500_000, RAIL: 500_000})
    other = an_account("D", "-150000", {BANK: 1000, RAIL: 900, TENCENT: 100})
    clients = [reached(a_client(f"C-{each.account_no}", each)) for each in (healthy, other)]
    instruments = tuple(an_instrument(symbol, lot=100) for symbol in (BANK, RAIL, TENCENT))
    settings = LOCAL | channels(receiver, "sms") | QUICK
    desk = await world.desk(a_book(*clients, instruments=instruments), **settings)
    await world.market.says(*quotes(world.clock()), a_quote(TENCENT, world.clock(), "100", size=0))
    trader = desk.caller()

    async def called() -> bool:
        return len(await cases(trader)) == 2

    await desk.until(called, "two cases")
    for name in ("risk", "other"):
        await register(desk.caller(Permission.SERVICE, subject=name), receiver.url(f"/{name}"), name)
    for name in ("addFollowUp", "adjustDeadline", "sendMessage", "voidCase", "setMarketDay", "liquidate"):
        scene = await a_scene(desk, "D", EVERY[name].by, "dora")
        await use(scene.by, name, {"idempotencyKey": name, **await EVERY[name].prepare(scene)})
    return desk


async def everything_goes_on(desk: Desk, receiver: Receiver, number: int, table: str) -> None:
    """Prices, a sale, a letter and an event, all of the account H."""
    desk.clock.advance(seconds=1)
    price = 99 + number % 7 / 10
    letters, events = len(receiver.at("/sms")), len(receiver.at("/risk"))
    await desk.market.says(*quotes(desk.clock(), str(price)))
    trader = desk.caller()
    (case,) = await cases(trader, accountNo="H")
    await send(trader, case["id"], key=f"s{number}", text="hello")
    sold = await liquidate(trader, case["id"], legs=[{"symbol": RAIL, "quantity": "100"}])
    assert sold["__typename"] == "LiquidationStarted", (table, sold)

    missing: list[str] = []

    async def went_on() -> bool:
        sale = await order(trader, sold["orders"][0]["id"])
        done = {
            "letter": len(receiver.at("/sms")) > letters,
            "event": len(receiver.at("/risk")) > events,
            "sale": sale["status"] == "FILLED",
            "figures": await _value_follows(desk, price),
        }
        missing[:] = [name for name, is_done in done.items() if not is_done]
        return not missing

    try:
        await desk.until(went_on, "the other account")
    except AssertionError:
        raise AssertionError(f"while a row of {table} was damaged: no {', '.join(missing)}") from None


async def _value_follows(desk: Desk, price: float) -> bool:
    asked = """{ cases(filter: {accountNo: "H"}) { nodes { figures { stale longMarketValue }
      account { positions { nodes { quantity } } } } } }"""
    (case,) = (await desk.caller().ask(asked))["cases"]["nodes"]
    held = sum(float(each["quantity"]) for each in case["account"]["positions"]["nodes"])
    figures = case["figures"]
    return not figures["stale"] and abs(float(figures["longMarketValue"]) - held * price) < 1


@asynccontextmanager
async def damaged(table: Table) -> AsyncIterator[bool]:
    """A row that concerns the account D or no account, restored at the end; whether there is one."""
    row = await _row(table)
    if row is None:
        yield False
        return
    keys = await fetch("SELECT name FROM pragma_table_info($1) WHERE pk > 0", table.name)
    columns = _damaged_columns(table, {key["name"] for key in keys}, row)
    changes = ", ".join(f'"{column}" = ${number}' for number, column in enumerate(columns, start=2))
    change = f'UPDATE "{table.name}" SET {changes} WHERE rowid = $1'
    await execute(change, row["row_number"], *[BLOB] * len(columns))
    yield True
    await execute(change, *(row[column] for column in ("row_number", *columns)))


async def without_checks() -> None:
    """From now on the database takes any value."""
    await fetch("PRAGMA ignore_check_constraints = ON")
    await without_guards()


def _damaged_columns(table: Table, keys: set[str], row: Row) -> list[str]:
    """Those by which no query chooses the rows that it reads, such as the state of an order."""

    def chosen_by(column: Column) -> bool:
        return column.kind in ("time", "flag", "number") or f"'{row[column.name]}'" in table.checks

    free = [column for column in table.columns if column.refers_to is None and column.name not in keys]
    return [column.name for column in free if not chosen_by(column)] or [column.name for column in free]


async def _row(table: Table) -> Row | None:
    of_h, of_d = {BANK, RAIL, "risk"}, {TENCENT, "other"}
    for number, found in (("H", of_h), ("D", of_d)):
        for ids in (
            "SELECT id FROM account WHERE account_no = $1",
            "SELECT client_id AS id FROM account WHERE account_no = $1",
            "SELECT c.id FROM margin_case c JOIN account a ON a.id = c.account_id WHERE a.account_no = $1",
            "SELECT o.id FROM liquidation_order o JOIN account a ON a.id = o.account_id"
            " WHERE a.account_no = $1",
        ):
            found.update(row["id"] for row in await fetch(ids, number))
    rows = await fetch(f'SELECT rowid AS row_number, * FROM "{table.name}"')
    own = [row for row in rows if of_d & set(row.values())]
    return next(iter(own + [row for row in rows if not of_h & set(row.values())]), None)
