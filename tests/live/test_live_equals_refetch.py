"""A client that applies what it is told to its snapshot holds exactly what the list says, whatever happened.

The desk runs for real: the recorded market at full speed, cases that open and are cured, statements of the
book of record, traders who liquidate and cancel. Lists of many filters are followed, over a cut connection
too; the three fields that follow from the clock alone are compared as the client has to reckon them.
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest

from desk.statements.apply_book import apply_statement
from domain.book_changes import CashStated, PositionStated
from domain.ids import Symbol
from domain.money import Currency
from domain.principal import Permission
from gateway.settings import Feed
from models.sql.faults import Busy
from tests.kit.live_desk import LiveDesk, served_desk
from tests.kit.patience import PATIENCE_S
from tests.kit.raw_websocket import TEXT
from tests.kit.transport_ws_harness import ready

ROOT = Path(__file__).parents[2]
CLIENTS, STEPS, STEPS_MAX = 30, 80, 800
TOLD, LEFT = 200, 5
"""Lists with few events, or that no case ever leaves, prove little: the run continues, up to a limit."""
DAYS = 35
"""Of the recorded market: the fall of March 2020 and the beginning of the recovery."""
ACTOR = (Permission.RISK_WARNING_FULL,)
FIGURES = """asOf stale cash longMarketValue shortMarketValue deadMarketValue equity liquidNetAssets
  initialMargin maintenanceMargin marginCallMargin forceCloseMargin netAssetRatio debt overFinancing
  accruedInterest outstandingMargin tradingLimit amount riskLevel"""
CASE = f"""id caseNo alertType status amount amountAtOpen uncoveredAmount figures {{ {FIGURES} }}
  openedAt deadline overdue forceEligible elapsedHours longTermUnsettled autoLiquidation {{ at trigger }}
  remark closedAt closeReason version account {{ accountNo }} client {{ clientNo name }}"""
ORDER = """id clientOrderId side type timeInForce session quantity limitPrice filledQuantity leavesQuantity
  averagePrice status cancellable terminal reason estimatedReduction placedBy createdAt updatedAt version
  account { accountNo } instrument { symbol }"""


@dataclass(slots=True)
class List:
    """One list and what a client holds of it."""

    noun: str
    wanted: dict[str, Any]
    held: dict[str, Any] = field(default_factory=dict)
    cursor: str | None = None
    told: int = 0
    left: int = 0

    @property
    def subscription(self) -> dict[str, Any]:
        """The payload of its subscribe message: with a snapshot at first, then from where it stands."""
        kind, selection = ("Case", CASE) if self.noun == "case" else ("Order", ORDER)
        query = f"""subscription ($filter: {kind}Filter, $after: String, $snapshot: Boolean!) {{
          {self.noun}Events(filter: $filter, after: $after, snapshot: $snapshot) {{
            id kind {self.noun} {{ {selection} }}
          }}
        }}"""
        begin = {"after": self.cursor, "snapshot": self.cursor is None}
        return {"query": query, "variables": {"filter": self.wanted} | begin}

    def apply(self, payload: dict[str, Any]) -> None:
        """What a client has to do with an event."""
        event = payload["data"][f"{self.noun}Events"]
        row = event[self.noun]
        closed = event["kind"] == "CLOSED" and "status" not in self.wanted
        if event["kind"] == "REMOVED" or closed:
            self.left += self.held.pop(row["id"], None) is not None
        else:
            self.held[row["id"]] = row
        self.cursor = payload["extensions"]["cursor"]
        self.told += 1

    async def fetched(self, client: httpx.AsyncClient) -> dict[str, Any]:
        """What the list says now, page by page."""
        kind, selection = ("Case", CASE) if self.noun == "case" else ("Order", ORDER)
        query = f"""query ($filter: {kind}Filter, $after: String) {{
          {self.noun}s(filter: $filter, first: 100, after: $after) {{
            nodes {{ {selection} }} pageInfo {{ hasNextPage endCursor }}
          }}
        }}"""
        rows: dict[str, Any] = {}
        page: dict[str, Any] = {"pageInfo": {"hasNextPage": True, "endCursor": None}}
        while page["pageInfo"]["hasNextPage"]:
            variables = {"filter": self.wanted, "after": page["pageInfo"]["endCursor"]}
            page = (await answer(client, query, variables))[f"{self.noun}s"]
            rows |= {row["id"]: row for row in page["nodes"]}
        return rows


def as_reckoned(rows: dict[str, Any]) -> dict[str, Any]:
    """Without the fields that the clock moves on by itself."""
    moving = {"overdue", "elapsedHours", "longTermUnsettled"}
    return {id_: {k: v for k, v in row.items() if k not in moving} for id_, row in rows.items()}


async def answer(client: httpx.AsyncClient, query: str, variables: dict[str, Any]) -> Any:
    response = await client.post("/graphql", json={"query": query, "variables": variables})
    body = response.json()
    assert "errors" not in body, body
    return body["data"]


def lists(client_id: str, account_no: str) -> list[List]:
    """Every kind of filter, alone and together."""
    cases: list[dict[str, Any]] = [
        {},
        {"status": ["OPEN"]},
        {"status": ["LIQUIDATING", "RESOLVED"]},
        {"status": ["OPEN"], "amountAtLeast": "20000"},
        {"amountAtLeast": "50000"},
        {"amountAtLeast": "5000", "symbol": "AAPL.US"},
        {"symbol": "JPM.US"},
        {"symbol": "RRC.US", "status": ["OPEN", "LIQUIDATING"]},
        {"accountNo": account_no},
        {"clientId": client_id},
        {"search": "CL000"},
        {"alertType": ["OVER_FINANCING", "CASH_DEBT"]},
        {"accountType": ["MARGIN"], "overdue": False},
    ]
    orders: list[dict[str, Any]] = [
        {},
        {"status": ["QUEUED", "PENDING_NEW", "NEW", "PARTIALLY_FILLED", "PENDING_CANCEL"]},
        {"status": ["FILLED", "CANCELED"]},
        {"symbol": "AAPL.US"},
        {"clientId": client_id},
        {"accountNo": account_no, "status": ["FILLED"]},
    ]
    return [List("case", wanted) for wanted in cases] + [List("order", wanted) for wanted in orders]


class Follower:
    """A client with every list on one socket, which it loses now and then."""

    def __init__(self, desk: LiveDesk, followed: list[List]) -> None:
        self._desk = desk
        self.followed = followed
        self._task = asyncio.create_task(self._follow())

    @property
    def connected(self) -> bool:
        return not self._task.done()

    async def cut(self) -> None:
        """Lose the connection without a goodbye, and come back."""
        await self.stop()
        self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        self._task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await self._task

    async def _follow(self) -> None:
        async with ready(self._desk, self._desk.token("follower", permissions=ACTOR)) as socket:
            for number, each in enumerate(self.followed):
                socket.send(id=str(number), type="subscribe", payload=each.subscription)
            while True:
                frame = await socket.frame()
                assert frame.opcode == TEXT, frame
                message = orjson.loads(frame.payload)
                if message["type"] == "ping":
                    socket.send(type="pong")
                    continue
                each = self.followed[int(message["id"])]
                if message["type"] == "next":
                    each.apply(message["payload"])
                    continue
                # It was cut off within its snapshot.
                assert message["payload"][0]["extensions"]["code"] == "CURSOR_EXPIRED", message
                each.cursor, each.held = None, {}
                socket.send(id=message["id"], type="subscribe", payload=each.subscription)


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


async def test_applying_events_to_the_snapshot_gives_the_fetched_list(url: str, tmp_path: Path) -> None:
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
            if step in {STEPS // 3, STEPS // 2}:
                await follower.cut()
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


async def differing(client: httpx.AsyncClient, followed: list[List]) -> list[str]:
    """Which lists are not held as they are fetched, and in what."""
    found = []
    for each in followed:
        fetched, held = as_reckoned(await each.fetched(client)), as_reckoned(each.held)
        found += [
            f"{each.noun} {each.wanted}: {first_difference(fetched.get(id_), held.get(id_))}"
            for id_ in fetched.keys() | held.keys()
            if fetched.get(id_) != held.get(id_)
        ]
    return found


def first_difference(fetched: Any, held: Any) -> str:
    if fetched is None or held is None:
        return "held, not fetched" if fetched is None else "fetched, not held"
    return ", ".join(f"{k}: fetched {v!r}, held {held[k]!r}" for k, v in fetched.items() if held[k] != v)
