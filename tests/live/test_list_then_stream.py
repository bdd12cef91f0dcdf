"""A list that is read page by page, and the events after its `streamCursor`, make the list as it is now."""

import json
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.kit.live_cases import Cases, desk_without_a_relay
from tests.kit.patience import PATIENCE_S
from tests.kit.transport_ws_harness import ready, refusal

PAGE = """query ($filter: CaseFilter, $first: Int!, $after: String, $order: CaseOrder) {
  cases(filter: $filter, first: $first, after: $after, orderBy: $order) {
    streamCursor nodes { caseNo remark amount } pageInfo { hasNextPage endCursor } %s
  }
}"""
FROM_ROWS, THROUGH_OBJECTS = PAGE % "", PAGE % "totalCount"
EVENTS = """subscription ($filter: CaseFilter, $after: String!) {
  caseEvents(filter: $filter, after: $after) { kind case { caseNo remark amount } }
}"""
LARGE = {"amountAtLeast": "500"}
BY_AMOUNT = {"field": "AMOUNT", "direction": "DESC"}
each_way = pytest.mark.parametrize(
    ("document", "method"),
    [(FROM_ROWS, "POST"), (FROM_ROWS, "GET"), (THROUGH_OBJECTS, "POST"), (THROUGH_OBJECTS, "GET")],
    ids=["rows, POST", "rows, GET", "objects, POST", "objects, GET"],
)


@pytest.fixture
async def cases(url: str, tmp_path: Path) -> AsyncIterator[Cases]:
    async with desk_without_a_relay(tmp_path, url) as opened:
        yield opened


@pytest.fixture
async def http(cases: Cases) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": cases.desk.token()}
    async with httpx.AsyncClient(
        verify=False, base_url=cases.desk.url, headers=headers, timeout=PATIENCE_S
    ) as client:
        yield client


@dataclass(slots=True)
class Reader:
    """A client that reads the list of large cases, two on a page, and then follows it."""

    http: httpx.AsyncClient
    document: str = FROM_ROWS
    method: str = "POST"
    held: dict[str, Any] = field(default_factory=dict)
    stream_cursor: str | None = None
    _after: str | None = None

    async def read_page(self) -> bool:
        """The next page; whether more pages follow."""
        given = {"filter": LARGE, "first": 2, "after": self._after, "order": BY_AMOUNT}
        if self.method == "GET":
            sent = {"query": self.document, "variables": json.dumps(given)}
            response = await self.http.get("/graphql", params=sent)
        else:
            response = await self.http.post("/graphql", json={"query": self.document, "variables": given})
        body = response.json()
        assert "errors" not in body, body
        page = body["data"]["cases"]
        self.stream_cursor = self.stream_cursor or page["streamCursor"]
        self.held |= {node["caseNo"]: node for node in page["nodes"]}
        self._after = page["pageInfo"]["endCursor"]
        return bool(page["pageInfo"]["hasNextPage"])

    async def read_the_rest(self) -> dict[str, Any]:
        """What it then holds."""
        while await self.read_page():
            pass
        return self.held

    async def follow(self, cases: Cases, last: str) -> list[tuple[str, str]]:
        """Subscribe, and apply the events up to the newest one of a case; the kinds and cases of all."""
        remark = next(view.case.remark for view in cases.views.values() if view.case.case_no == last)
        variables = {"filter": LARGE, "after": self.stream_cursor}
        events: list[tuple[str, str]] = []
        async with ready(cases.desk) as socket:
            socket.send(id="1", type="subscribe", payload={"query": EVENTS, "variables": variables})
            row: dict[str, Any] = {}
            while (row.get("caseNo"), row.get("remark")) != (last, remark):
                payload = (await socket.receive())["payload"]
                event = payload["data"]["caseEvents"]
                row = event["case"]
                assert events or payload["extensions"]["stream"]["resumed"]
                events.append((event["kind"], row["caseNo"]))
                if event["kind"] == "REMOVED":
                    self.held.pop(row["caseNo"], None)
                else:
                    self.held[row["caseNo"]] = row
        return events


@each_way
async def test_what_changes_between_two_pages_arrives_after_the_stream_cursor(
    cases: Cases, http: httpx.AsyncClient, document: str, method: str
) -> None:
    for number in range(1, 5):
        await cases.open(number)
    for number in range(5):
        await cases.change(number, amount=1000 * (5 - number))
    await cases.relay()
    await cases.change(0)
    reader = Reader(http, document, method)
    assert await reader.read_page()
    await cases.change(1)
    await cases.change(4, amount=9000)
    await cases.change(2, amount=100)
    await cases.open(5)
    await cases.relay()
    await reader.read_the_rest()
    assert set(reader.held) == {"MC-0", "MC-1", "MC-3", "MC-5"}, "MC-4 has moved before the first page"
    await cases.change(3)
    await cases.relay()
    assert await reader.follow(cases, "MC-3") == [
        # The first page shows this change already: it had no position yet.
        ("UPDATED", "MC-0"),
        ("UPDATED", "MC-1"),
        ("UPDATED", "MC-4"),
        ("REMOVED", "MC-2"),
        ("OPENED", "MC-5"),
        ("UPDATED", "MC-3"),
    ]
    assert reader.held == await Reader(http).read_the_rest()


async def something_happens(cases: Cases, choose: random.Random) -> None:
    """Up to four things: changes, new cases, and events that get their positions."""
    for _ in range(choose.randrange(5)):
        match choose.choice(["amount"] * 4 + ["change"] * 2 + ["open"] + ["relay"] * 3):
            case "amount":
                await cases.change(choose.randrange(1, len(cases.views)), choose.randrange(1, 1500))
            case "change":
                await cases.change(choose.randrange(len(cases.views)))
            case "open":
                await cases.open(len(cases.views))
            case _:
                await cases.relay(choose.randint(1, 4))


@each_way
async def test_pages_and_events_give_the_fresh_list_whatever_happens_meanwhile(
    cases: Cases, http: httpx.AsyncClient, document: str, method: str
) -> None:
    choose = random.Random(5)
    for number in range(1, 7):
        await cases.open(number)
    for _ in range(12):
        reader = Reader(http, document, method)
        while await reader.read_page():
            await something_happens(cases, choose)
        await something_happens(cases, choose)
        # The amount of this case never changes: its newest event arrives, and is the last of all.
        await cases.change(0)
        while await cases.relay():
            pass
        await reader.follow(cases, "MC-0")
        assert reader.held == await Reader(http).read_the_rest()


async def test_the_cursor_is_good_for_its_filter_and_scope_alone(
    cases: Cases, http: httpx.AsyncClient
) -> None:
    reader = Reader(http)
    await reader.read_page()

    async def code(**variables: Any) -> str:
        token = variables.pop("token", None)
        async with ready(cases.desk, token) as socket:
            given = {"after": reader.stream_cursor, "filter": LARGE} | variables
            return str((await refusal(socket, EVENTS, variables=given))["extensions"]["code"])

    assert await code(filter=None) == "CURSOR_INVALID"
    assert await code(filter=LARGE | {"status": ["OPEN"]}) == "CURSOR_INVALID"
    assert await code(token=cases.desk.token(accounts=["A0"])) == "CURSOR_INVALID"
