"""No N+1: a page of fifty cases costs the statements of a page of one, however much is asked of each."""

import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from asyncpg.connection import LoggedQuery
from tortoise.connection import get_connection

from tests.api.a_full_desk import NUMBER, a_full_desk, symbol_of
from tests.api.trading import orders, try_to_liquidate
from tests.kit.book_files import a_quote
from tests.kit.desk_client import Caller
from tests.kit.desk_server import Desk, World

pytestmark = pytest.mark.asyncio(loop_scope="module")

NEVER_S = 86_400
"""Between two looks of what a process follows by itself: the first is over before anything is counted."""

EVERYTHING = """query ($first: Int!) { cases(first: $first) { nodes {
  id
  client { name accounts { accountNo } openCases { id } }
  account {
    figures { amount } cashBalances { balance } positions { nodes { sellableQuantity } }
    openOrders { id fills { price } history { status } }
  }
  orders { totalCount nodes {
    fills { price } history { status } instrument { lotSize } account { accountNo } case { caseNo }
  } }
} } }"""
OF_ORDERS = """query ($first: Int!) { orders(first: $first) { nodes {
  id fills { price } history { status } instrument { lotSize } case { caseNo account { figures { amount } } }
} } }"""
OF_RECORDS = """query ($first: Int!) { cases(first: $first) { nodes {
  id
  followUps { totalCount nodes { text } } deadlineChanges { totalCount nodes { reason } }
  snapshots(first: 5) { totalCount nodes { kind figures { amount } } }
  messages { totalCount nodes { title status } }
} } }"""
OF_CLIENTS = """query ($first: Int!) { clients(first: $first) { nodes {
  id openCases { id orders { nodes { fills { price } } } } accounts { figures { amount } openOrders { id } }
} } }"""
COUNTED = "query ($first: Int!) { cases(first: $first) { totalCount nodes { id } } }"
NOT_COUNTED = "query ($first: Int!) { cases(first: $first) { nodes { id } } }"
FOLLOWED = """query ($first: Int!) { cases(first: $first) { streamCursor nodes {
  id orders { streamCursor totalCount nodes { id } }
} } }"""
STREAM_HEAD = "AS first_offset"
"""In the statement that reads the position of the stream, and in no other."""
OWN = ("lease", "advisory_unlock")
OWN_AND_EVENTS = (*OWN, "FROM outbox")
"""The bus reads events, now and then, which no query of these does."""


@asynccontextmanager
async def statements(desk: Desk, ignored: tuple[str, ...] = OWN_AND_EVENTS) -> AsyncIterator[list[str]]:
    """What the desk's only connection is asked, without values, lease and the driver's own cleaning up."""
    seen: list[str] = []

    def note(sql: str) -> None:
        if not any(own in sql for own in ignored):
            seen.append(re.sub(r"'[^']*'|\$\d+|[0-9]+|, ", "", sql))

    with desk.application.resources.database.active():
        client: Any = get_connection("default")
        if desk.settings.database_url.startswith("sqlite"):
            await client._connection.set_trace_callback(note)
            yield seen
            await client._connection.set_trace_callback(None)
        else:

            def note_record(record: LoggedQuery) -> None:
                note(record.query)

            async with client._pool.acquire() as connection:
                connection.add_query_logger(note_record)
            yield seen


async def _asked_alone(
    desk: Desk, caller: Caller, document: str, first: int
) -> tuple[dict[str, Any], Counter[str]]:
    """The least of three times: a loop of the desk may send a statement of its own meanwhile."""
    times = [await _asked(desk, caller, document, first) for _ in range(3)]
    return min(times, key=lambda each: sum(each[1].values()))


async def _asked(desk: Desk, caller: Caller, document: str, first: int) -> tuple[Any, Counter[str]]:
    async with statements(desk) as seen:
        data = await caller.ask(document, first=first)
    return data, Counter(seen)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def follower(shared_world: World) -> Desk:
    """A process that only answers, on the database of a leader; every case has an order, some have fills."""
    leader = await a_full_desk(shared_world)
    trader = leader.caller()
    ids = (await trader.ask(NOT_COUNTED, first=100))["cases"]["nodes"]
    legs = [{"symbol": symbol_of(number // 10)} for number in range(NUMBER)]
    assert (await try_to_liquidate(trader, [{"caseId": node["id"]} for node in ids])).data
    quotes = [a_quote(leg["symbol"], leader.clock(), "100", size=900) for leg in legs]
    await leader.market.says(*quotes)

    async def traded() -> bool:
        every = [order["status"] for order in await orders(trader)]
        return len(every) == NUMBER and set(every) <= {"NEW", "PARTIALLY_FILLED", "FILLED"}

    await leader.until(traded, "every order to be at the venue")
    return await shared_world.desk(
        database_pool_size=1,
        lease_renew_s=leader.settings.lease_ttl_s - 1,
        revocation_poll_interval_s=NEVER_S,
        market_day_poll_interval_s=NEVER_S,
    )


@pytest.mark.parametrize(
    ("document", "field"),
    [
        (EVERYTHING, "cases"),
        (OF_RECORDS, "cases"),
        (OF_ORDERS, "orders"),
        (OF_CLIENTS, "clients"),
        (FOLLOWED, "cases"),
    ],
)
async def test_a_longer_page_costs_no_more_statements(follower: Desk, document: str, field: str) -> None:
    caller = follower.caller()
    await caller.ask(document, first=1)
    one, for_one = await _asked_alone(follower, caller, document, 1)
    many, for_many = await _asked_alone(follower, caller, document, 50)
    assert len(one[field]["nodes"]) == 1
    assert len(many[field]["nodes"]) == (NUMBER // 2 if field == "clients" else NUMBER)
    assert sum(for_many.values()) == sum(for_one.values()), for_many - for_one
    assert sum(for_one.values()) >= 3


async def test_a_list_is_counted_only_when_that_is_asked(follower: Desk) -> None:
    caller = follower.caller()
    counted, with_count = await _asked(follower, caller, COUNTED, 1)
    _, without = await _asked(follower, caller, NOT_COUNTED, 1)
    assert counted["cases"]["totalCount"] == NUMBER
    assert [sql for sql in (with_count - without).elements()] != []
    assert not any("COUNT(" in sql for sql in without)
    assert sum(without.values()) == 1


@pytest.mark.parametrize(
    ("fields", "table", "page"),
    [
        ("cases(first: $first) { CURSOR nodes { id } }", "margin_case", 0),
        ("cases(first: $first) { totalCount nodes { id } ... { CURSOR } }", "margin_case", 0),
        ("orders(first: $first) { CURSOR nodes { id } }", "liquidation_order", 0),
        (
            "cases(first: $first) { nodes {"
            " early: orders { nodes { history { at } } } orders { CURSOR nodes { history { at } } } } }",
            "liquidation_order",
            -1,
        ),
    ],
    ids=["from rows", "through objects", "orders", "orders of cases that another field reads too"],
)
async def test_the_position_of_the_stream_is_read_before_the_page_and_only_for_its_cursor(
    follower: Desk, fields: str, table: str, page: int
) -> None:
    """Once in three times, since the bus may read the position meanwhile."""
    document = f"query ($first: Int!) {{ {fields} }}"
    with_cursor = document.replace("CURSOR", "streamCursor")
    without = document.replace("CURSOR", "__typename")
    caller = follower.caller()
    followed = [await _heads_and_pages(follower, caller, with_cursor, table) for _ in range(3)]
    assert any(len(heads) == 1 and heads[0] < pages[page] for heads, pages in followed), followed
    others = [await _heads_and_pages(follower, caller, without, table) for _ in range(3)]
    assert any(not heads and pages for heads, pages in others), others


async def _heads_and_pages(
    desk: Desk, caller: Caller, document: str, table: str
) -> tuple[list[int], list[int]]:
    """The places of the statements that read the position of the stream, and of those that read the table."""
    async with statements(desk, OWN) as seen:
        await caller.ask(document, first=50)
    heads = [place for place, sql in enumerate(seen) if STREAM_HEAD in sql]
    return heads, [place for place, sql in enumerate(seen) if f"FROM {table}" in sql]
