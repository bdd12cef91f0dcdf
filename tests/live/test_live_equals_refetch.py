"""A client that applies what it is told to its snapshot, or to the pages that it has read, holds exactly what
the list says, whatever happened.

The desk runs for real: the recorded market at full speed, cases that open and are cured, statements of the
book of record, traders who liquidate and cancel. Lists of many filters are followed, over a cut connection
too, first from a snapshot and later from pages; the three fields that follow from the clock alone are
compared as the client has to reckon them.
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from desk.statements.apply_book import apply_statement
from domain.book_changes import CashStated, PositionStated
from domain.ids import Symbol
from domain.money import Currency
from gateway.settings import Feed
from models.sql.faults import Busy
from tests.kit.live_desk import LiveDesk, served_desk
from tests.kit.patience import PATIENCE_S
from tests.live.followed_lists import ACTOR, Follower, List, answer, differing, lists

ROOT = Path(__file__).parents[2]
CLIENTS, STEPS, STEPS_MAX = 30, 80, 800
TOLD, LEFT = 200, 5
"""Lists with few events, or that no case ever leaves, prove little: the run continues, up to a limit."""
DAYS = 35
"""Of the recorded market: the fall of March 2020 and the beginning of the recovery."""


@asynccontextmanager
async def running_desk(url: str, directory: Path) -> AsyncIterator[LiveDesk]:
    """The demo's market and some of its clients, as fast as it goes."""
    book = json.loads((ROOT / "demo/book.json").read_text())
    book["clients"] = book["clients"][:CLIENTS]
    (directory / "book.json").write_text(json.dumps(book))
    market = (ROOT / "demo/prices.csv").read_text().splitlines()[: DAYS + 1]
    (directory / "prices.csv").write_text("\n".join(market))
    settings: dict[str, Any] = {
        "database_url": url,
        "feed": Feed.REPLAY,
        "book_file": directory / "book.json",
        "replay_file": directory / "prices.csv",
        "replay_day_seconds": 0.1,
        "replay_steps_per_day": 1,
        "close_hold_s": 0.2,
        "case_refresh_interval_s": 0.1,
        "paper_ack_latency_s": 0.01,
        "paper_fill_latency_s": 0.02,
    }
    async with served_desk(directory, **settings) as desk:
        yield desk


async def act(desk: LiveDesk, client: httpx.AsyncClient, choose: random.Random) -> None:
    """One thing that people or the book of record do."""
    match choose.choice(["liquidate", "cancel", *["position"] * 4, *["cash"] * 3, "wait"]):
        case "liquidate":
            await liquidate(client, choose)
        case "cancel":
            await cancel(client, choose)
        case "position":
            symbol = Symbol(choose.choice(["AAPL.US", "JPM.US", "RRC.US"]))
            quantity = Decimal(choose.choice([0, 0, 100, -50, 2000]))
            await state(desk, PositionStated(account(choose), symbol, quantity, desk.clock()))
        case "cash":
            balance = Decimal(choose.choice([-500_000, -100_000, 0, 500_000]))
            await state(desk, CashStated(account(choose), Currency("USD"), balance, desk.clock()))
        case _:
            await asyncio.sleep(0.05)


def account(choose: random.Random) -> str:
    """One of few, so that much happens to each."""
    return f"M{100_001 + choose.randrange(10)}"


async def state(desk: LiveDesk, statement: PositionStated | CashStated) -> None:
    """As the monitor does: while another transaction works on the account, it is tried again."""
    with desk.resources.database.active():
        while True:
            try:
                await apply_statement(desk.resources.desk, statement)
                return
            except Busy:
                await asyncio.sleep(0)


async def liquidate(client: httpx.AsyncClient, choose: random.Random) -> None:
    found = await answer(client, "{ cases(filter: {status: [OPEN]}) { nodes { id } } }", {})
    ids = [node["id"] for node in found["cases"]["nodes"]]
    chosen = choose.sample(ids, min(len(ids), 3))
    mutation = "mutation ($input: LiquidateInput!) { liquidate(input: $input) { results { __typename } } }"
    given = {"idempotencyKey": uuid4().hex, "cases": [{"caseId": id_} for id_ in chosen]}
    if chosen:
        await answer(client, mutation, {"input": given})


async def cancel(client: httpx.AsyncClient, choose: random.Random) -> None:
    found = await answer(client, "{ orders(filter: {status: [QUEUED, NEW]}) { nodes { id } } }", {})
    ids = [node["id"] for node in found["orders"]["nodes"]]
    chosen = choose.sample(ids, min(len(ids), 3))
    mutation = "mutation ($input: CancelInput!) { cancel(input: $input) { results { __typename } } }"
    if chosen:
        await answer(client, mutation, {"input": {"idempotencyKey": uuid4().hex, "orderIds": chosen}})


async def test_applying_events_to_the_snapshot_or_the_pages_gives_the_fetched_list(
    url: str, tmp_path: Path
) -> None:
    choose = random.Random(2020)
    async with running_desk(url, tmp_path) as desk, traders_client(desk) as client:
        clients = (await answer(client, "{ clients(first: 5) { nodes { id accounts { accountNo } } } }", {}))[
            "clients"
        ]["nodes"]
        followed = lists(clients[4]["id"], clients[3]["accounts"][0]["accountNo"])
        follower = Follower(desk, followed)
        step = 0
        while step < STEPS or not enough_events_arrived(followed):
            assert follower.connected
            assert step < STEPS_MAX, "little is told, or nothing ever leaves a list"
            await act(desk, client, choose)
            step += 1
            if step in {STEPS // 4, STEPS * 3 // 4}:
                await follower.cut()
            if step == STEPS // 2:
                reading = asyncio.create_task(follower.begin_with_pages(client))
                while not reading.done():
                    await act(desk, client, choose)
                await reading
        await until_equal(client, follower)
        await follower.stop()


def enough_events_arrived(followed: list[List]) -> bool:
    left = sum(each.left for each in followed if each.noun == "case" and each.wanted)
    return sum(each.told for each in followed) > TOLD and left > LEFT


@asynccontextmanager
async def traders_client(desk: LiveDesk) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": desk.token("trader", permissions=ACTOR)}
    async with httpx.AsyncClient(
        verify=False, base_url=desk.url, headers=headers, timeout=PATIENCE_S
    ) as client:
        yield client


async def until_equal(client: httpx.AsyncClient, follower: Follower) -> None:
    """The market has ended and orders are done: a short while later nothing differs any more."""
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    while differences := await differing(client, follower.followed):
        assert follower.connected
        assert asyncio.get_running_loop().time() < deadline, differences
        await asyncio.sleep(0.2)
