"""Clients that follow lists of cases and orders, and whether they hold what the lists say."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson
import pytest

from domain.principal import Permission
from tests.kit.live_desk import LiveDesk
from tests.kit.raw_websocket import TEXT
from tests.kit.transport_ws_harness import ready

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
PAGE_SIZE = 5


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

    async def begin_with_pages(self, client: httpx.AsyncClient) -> None:
        """Hold what the pages show, and go on behind the first of them."""
        self.held, self.cursor = await self._read(client)

    async def fetched(self, client: httpx.AsyncClient) -> dict[str, Any]:
        """What the list says now."""
        rows, _ = await self._read(client)
        return rows

    async def _read(self, client: httpx.AsyncClient) -> tuple[dict[str, Any], str]:
        """Page by page, with the stream cursor of the first page."""
        kind, selection = ("Case", CASE) if self.noun == "case" else ("Order", ORDER)
        query = f"""query ($filter: {kind}Filter, $after: String) {{
          {self.noun}s(filter: $filter, first: {PAGE_SIZE}, after: $after) {{
            streamCursor nodes {{ {selection} }} pageInfo {{ hasNextPage endCursor }}
          }}
        }}"""
        rows: dict[str, Any] = {}
        stream_cursor: str | None = None
        page: dict[str, Any] = {"pageInfo": {"hasNextPage": True, "endCursor": None}}
        while page["pageInfo"]["hasNextPage"]:
            variables = {"filter": self.wanted, "after": page["pageInfo"]["endCursor"]}
            page = (await answer(client, query, variables))[f"{self.noun}s"]
            rows |= {row["id"]: row for row in page["nodes"]}
            stream_cursor = stream_cursor or page["streamCursor"]
        assert stream_cursor is not None
        return rows, stream_cursor


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

    async def begin_with_pages(self, client: httpx.AsyncClient) -> None:
        """Forget everything, read the lists, and come back."""
        await self.stop()
        for each in self.followed:
            await each.begin_with_pages(client)
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
