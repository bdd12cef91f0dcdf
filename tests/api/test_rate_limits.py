"""Rate limits over every transport: in the memory of one process, and shared by two through Redis."""

from collections.abc import Awaitable, Callable
from copy import deepcopy
from itertools import count
from typing import Any

import httpx
import orjson
import pytest

from gateway.rates.rate_limits import SMALL_BODY_BYTES
from tests.kit.book_files import a_book
from tests.kit.desk_client import Answer, Caller
from tests.kit.desk_server import Desk, World, scraped
from tests.kit.patience import PATIENCE_S

pytestmark = pytest.mark.asyncio

VIEWER = "{ viewer { subject } }"
SWITCH = """mutation {
  setKillSwitch(input: {on: true, reason: "x", idempotencyKey: "k"}) { __typename }
}"""
WHAT_IF = "{ bookWhatIf(input: {}) { asOf } }"
STREAM = {"accept": "text/event-stream"}
HERE, THERE = {"X-Forwarded-For": "203.0.113.1"}, {"X-Forwarded-For": "203.0.113.2"}
MOST = 10
HOUR_S = 3600


async def until_refused(ask: Callable[[], Awaitable[Answer]], at_most: int = MOST + 5) -> tuple[int, Answer]:
    """How many were answered before the first refusal, and that."""
    for answered in range(at_most + 1):
        answer = await ask()
        if answer.status == 429:
            return answered, answer
    raise AssertionError(f"{at_most} were answered")


def assert_limited(answer: Answer, limit: str) -> None:
    (error,) = answer.body["errors"]
    wait_s = int(answer.headers["retry-after"])
    assert error["extensions"] == {"code": "RATE_LIMITED", "limit": limit, "retryAfterS": wait_s}
    assert 0 < wait_s <= 2 * HOUR_S


async def test_a_subject_is_limited_alike_over_every_transport_and_others_are_not(world: World) -> None:
    desk = await world.desk(a_book(), rate_operations=MOST)
    caller, other = desk.caller(), desk.caller(subject="other")
    socket = await caller.socket()
    answered, refused = await until_refused(lambda: caller.answer(VIEWER))
    assert MOST <= answered <= MOST + 1
    assert_limited(refused, "operations")
    for method, path, more in (
        ("POST", "/graphql", {"json": {"query": VIEWER}, "headers": STREAM}),
        ("GET", "/graphql", {"params": {"query": VIEWER}}),
        ("POST", "/graphql", {"json": {"query": "{ unknown }"}}),
        ("GET", "/reports/aging.csv", {"params": {"from": "2020-03-16", "to": "2020-03-16"}}),
    ):
        assert_limited(await request(desk, caller, method, path, **more), "operations")
    message = await (await socket.operate(VIEWER)).message()
    assert message["type"] == "error"
    assert message["payload"][0]["extensions"]["code"] == "RATE_LIMITED"
    assert (await caller.answer(SWITCH)).status == 200, "mutations are counted apart"
    assert (await other.answer(VIEWER)).status == 200
    assert (await scraped(desk))['desk_rate_refusals_total{limit="operations"}'] >= 6


async def request(desk: Desk, caller: Caller, method: str, path: str, **more: Any) -> Answer:
    headers = {"Authorization": f"Bearer {caller.token}", **more.pop("headers", {})}
    async with httpx.AsyncClient(verify=False, timeout=PATIENCE_S) as client:
        answer = await client.request(method, f"http://127.0.0.1:{desk.port}{path}", headers=headers, **more)
        return Answer(answer.status_code, answer.json(), answer.headers)


LARGE = {"x": "x" * SMALL_BODY_BYTES}


@pytest.mark.parametrize(
    "more",
    [
        {"json": {"quary": VIEWER}},
        {"json": {"query": VIEWER, "operationName": "Another"}},
        {"json": {"query": SWITCH, "variables": []}},
        {"content": b'{"query": "{ viewer { subject } }", "query": ""}'},
        {"content": b"{"},
        {"json": {"query": "subscription { caseEvents { id } }"}},
        {"json": {"quary": VIEWER}, "headers": STREAM},
        {"method": "GET", "params": {"query": SWITCH}},
        {"method": "GET", "params": {"query": VIEWER, "variables": "["}},
    ],
    ids=str,
)
async def test_a_request_that_is_refused_counts_like_one_that_is_answered(
    world: World, more: dict[str, Any]
) -> None:
    desk = await world.desk(a_book(), rate_operations=MOST)
    caller = desk.caller()
    more = {"method": "POST", "headers": {}, **more}
    more["headers"] = {"content-type": "application/json", **more["headers"]}
    answered, refused = await until_refused(lambda: request(desk, caller, path="/graphql", **deepcopy(more)))
    assert MOST <= answered <= MOST + 1
    assert_limited(refused, "operations")


async def test_large_bodies_are_limited_over_every_transport_and_small_ones_are_not(world: World) -> None:
    desk = await world.desk(a_book(), rate_body_bytes=MOST * len(orjson.dumps(LARGE)))
    caller = desk.caller()
    socket = await caller.socket()
    for _ in range(MOST + 2):
        assert (await caller.answer(VIEWER)).status == 200
    answered, refused = await until_refused(lambda: request(desk, caller, "POST", "/graphql", json=LARGE))
    assert MOST - 1 <= answered <= MOST + 1
    assert_limited(refused, "body_bytes")
    for headers in ({}, STREAM):
        assert_limited(
            await request(desk, caller, "POST", "/graphql", json=LARGE, headers=headers), "body_bytes"
        )
    assert (await caller.answer(SWITCH)).status == 200, "a person can still act"
    assert (await desk.caller(subject="other").answer(VIEWER, **LARGE)).status == 200
    await socket.round_trip()
    await socket.send({"type": "ping", "payload": LARGE})
    assert await socket.closed() == 1013


@pytest.mark.parametrize(
    ("settings", "document", "limit"),
    [
        ({"rate_mutations": 3}, SWITCH, "mutations"),
        ({"rate_book_what_ifs": 3}, WHAT_IF, "book_what_ifs"),
        ({"rate_cost": 7}, VIEWER, "cost"),
        ({"rate_new_documents": 3}, "{ viewer { subject } } # %d", "new_documents"),
    ],
    ids=["mutations", "whole-book what-ifs", "cost", "new documents"],
)
async def test_mutations_what_ifs_and_cost_have_limits_of_their_own(
    world: World, settings: dict[str, Any], document: str, limit: str
) -> None:
    # A window that ended meanwhile would make room for more.
    desk = await world.desk(a_book(), rate_window_s=HOUR_S, **settings)
    caller = desk.caller()
    numbers = count()
    answered, refused = await until_refused(lambda: caller.answer(document.replace("%d", str(next(numbers)))))
    assert 3 <= answered <= 4
    assert_limited(refused, limit)
    other = SWITCH if limit == "cost" else "{ viewer { subject } } # 0"
    assert (await caller.answer(other)).status == 200


async def test_after_the_wait_that_was_named_the_subject_is_answered_again(world: World) -> None:
    desk = await world.desk(a_book(), rate_operations=4, rate_window_s=1)
    caller = desk.caller()
    _, refused = await until_refused(lambda: caller.answer(VIEWER))
    assert_limited(refused, "operations")

    async def answered() -> bool:
        return (await caller.answer(VIEWER)).status == 200

    await desk.until(answered, "the window to move on")


async def test_an_address_is_limited_by_refused_tokens_and_valid_ones_pass(world: World) -> None:
    desk = await world.desk(a_book(), rate_refused_tokens=3)
    forged, caller = desk.caller_with("e30.e30.e30"), desk.caller()
    expired = desk.caller(minutes=-60)

    def from_here(asks: Caller, address: dict[str, str] = HERE) -> Callable[[], Awaitable[Answer]]:
        return lambda: asks.post(json={"query": VIEWER}, headers=address)

    answered, refused = await until_refused(from_here(forged))
    assert 3 <= answered <= 4
    assert_limited(refused, "refused_tokens")
    assert refused.headers["connection"] == "close"
    # What the client writes itself stands before what the proxy adds.
    behind = {"X-Forwarded-For": "203.0.113.2, 203.0.113.1"}
    assert (await from_here(forged, behind)()).status == 429
    assert (await from_here(forged, THERE)()).status == 401
    assert (await from_here(caller)()).status == 200
    assert (await from_here(expired)()).codes == ["TOKEN_EXPIRED"]
    socket = await forged.socket(acknowledged=False, headers=HERE)
    assert await socket.closed() == 1013


@pytest.mark.both_stacks
@pytest.mark.parametrize("world", ["postgres-redis"], indirect=True)
async def test_two_processes_share_a_limit_through_redis(world: World) -> None:
    first = await world.desk(a_book(), rate_operations=MOST)
    second = await world.desk(rate_operations=MOST)
    here, there = first.caller(), second.caller()
    for _ in range(MOST):
        assert (await here.answer(VIEWER)).status == 200
    answered, refused = await until_refused(lambda: there.answer(VIEWER))
    # What is asked while the report of the first process is on its way is answered.
    # Alone it would answer MOST.
    assert answered < MOST
    assert_limited(refused, "operations")
