"""What an operator sees: metrics of the live feed, and without Redis a desk that is degraded, not down."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter
from typing import Any
from uuid import uuid4

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from domain.principal import Permission
from tests.kit.live_desk import LiveDesk, served_desk, until
from tests.kit.patience import PATIENCE_S
from tests.kit.raw_websocket import RawWebSocket
from tests.kit.servers import RedisServer
from tests.kit.transport_ws_harness import CASES, LIQUIDATE, ready, subscribe

LATE_S = 1.0
"""Polling the outbox makes at most half a second; the rest is for the relay and a busy machine."""
NAMES = {
    "desk_process_info",
    "desk_leader",
    "desk_bus_up",
    "desk_relay_waiting_events",
    "desk_relay_lag_seconds",
    "desk_live_sockets",
    "desk_liquidation_faults",
    "desk_live_streams",
    "desk_live_mailbox_frames",
    "desk_live_mailbox_frames_max",
    "desk_live_groups",
    "desk_live_operations",
    "desk_live_closes",
    "desk_live_executions",
    "desk_live_deliveries",
    "desk_live_replays",
    "desk_live_overflows",
    "desk_live_resumes",
    "desk_live_lag_seconds",
    "desk_messages",
    "desk_messages_waiting",
    "desk_messages_circuit_open",
    "desk_messages_failed_attempts",
    "desk_webhook_posts",
    "desk_webhook_waiting_events",
    "desk_webhook_lag_seconds",
    "desk_webhooks_disabled",
    "desk_unwatched_accounts",
}

Samples = dict[tuple[str, str], float]


async def scraped(desk: LiveDesk) -> tuple[set[str], Samples]:
    """Families, and samples by name and the value of their first label."""
    async with httpx.AsyncClient(verify=False, base_url=desk.url, timeout=PATIENCE_S) as client:
        response = await client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain")
    families = list(text_string_to_metric_families(response.text))
    samples = {
        (each.name, ",".join(each.labels.values())): each.value
        for family in families
        for each in family.samples
    }
    return {family.name for family in families}, samples


async def readiness(desk: LiveDesk) -> tuple[int, dict[str, Any]]:
    async with httpx.AsyncClient(verify=False, base_url=desk.url, timeout=PATIENCE_S) as client:
        response = await client.get("/readyz")
    return response.status_code, response.json()


async def test_metrics_count_the_work_of_the_live_feed(place: Callable[[], Path]) -> None:
    async with served_desk(place()) as desk, ready(desk) as socket, ready(desk, desk.token("other")) as other:
        await subscribe(desk, socket)
        await subscribe(desk, other)
        await desk.publish(3)
        frames = [await socket.receive() for _ in range(3)]
        for _ in range(3):
            await other.receive()
        cursor = frames[0]["payload"]["extensions"]["cursor"]
        await subscribe(desk, socket, id_="again", variables={"after": cursor})
        assert [(await socket.receive())["id"] for _ in range(2)] == ["again"] * 2
        socket.send(id="wrong", type="subscribe", payload={"query": CASES, "variables": {"after": "x"}})
        other.send(id="1", type="subscribe", payload={"query": CASES})
        await other.closed()
        await until(lambda: desk.live.metrics.sockets == 1)
        await until(lambda: desk.live.metrics.resumes["recovered"] == 1)
        names, samples = await scraped(desk)
    assert names >= NAMES
    assert samples["desk_live_sockets", ""] == 1
    assert samples["desk_live_operations", "caseEvents"] == 2
    assert samples["desk_live_groups", ""] == 1
    assert samples["desk_live_executions_total", "caseEvents"] == 3
    assert samples["desk_live_deliveries_total", "caseEvents"] == 6
    assert samples["desk_live_lag_seconds_count", "caseEvents"] == 6
    assert samples["desk_live_lag_seconds_bucket", "caseEvents,+Inf"] == 6
    assert samples["desk_live_replays_total", "caseEvents"] == 2
    assert samples["desk_live_resumes_total", "recovered"] == 1
    assert samples["desk_live_resumes_total", "invalid"] == 1
    assert samples["desk_live_closes_total", "4409"] == 1
    assert (samples["desk_bus_up", ""], samples["desk_leader", ""]) == (1, 1)
    assert samples["desk_relay_waiting_events", ""] == 0


@pytest.fixture
def redis() -> Any:
    with RedisServer() as server:
        yield server


@asynccontextmanager
async def desk_on(url: str, redis: RedisServer, directory: Path) -> AsyncIterator[LiveDesk]:
    shared = {"database_url": url, "redis_url": redis.url, "bus_name": uuid4().hex}
    async with served_desk(directory, **shared) as desk:
        yield desk


async def test_without_redis_events_arrive_a_little_later_and_none_is_lost(
    migrated_url: str, redis: RedisServer, tmp_path: Path
) -> None:
    async with desk_on(migrated_url, redis, tmp_path) as desk, ready(desk) as socket:
        await subscribe(desk, socket)
        arrived = await arrive(desk, socket, 3)
        await until_status(desk, "ready")
        redis.kill()
        await until_status(desk, "degraded")
        await until_bus_is(desk, 0)
        assert await can_liquidate(desk)
        took = []
        for _ in range(5):
            began = perf_counter()
            arrived += await arrive(desk, socket, 2)
            took.append(perf_counter() - began)
        # Each but the first began right behind a look at the outbox: it shows the longest wait.
        # The least of them counts, for what is above that is the machine, which may stand still.
        longest_waits = took[1:]
        assert min(longest_waits) < LATE_S, took
        async with ready(desk) as newcomer:
            cursor = await last_cursor(desk, socket, arrived)
            await subscribe(desk, newcomer, variables={"after": cursor})
            arrived += await arrive(desk, newcomer, 1)
            await socket.receive()
        redis.start()
        await until_status(desk, "ready")
        arrived += await arrive(desk, socket, 3)
        assert arrived == desk.published
        await until_bus_is(desk, 1)


async def arrive(desk: LiveDesk, socket: RawWebSocket, count: int) -> list[str]:
    """Commit so many events; what arrives next."""
    await desk.publish(count)
    return [(await socket.receive())["payload"]["data"]["caseEvents"]["id"] for _ in range(count)]


async def last_cursor(desk: LiveDesk, socket: RawWebSocket, arrived: list[str]) -> str:
    await desk.publish()
    payload = (await socket.receive())["payload"]
    arrived.append(payload["data"]["caseEvents"]["id"])
    return str(payload["extensions"]["cursor"])


async def can_liquidate(desk: LiveDesk) -> bool:
    """A mutation is decided as ever: there is no such case."""
    given = {"idempotencyKey": uuid4().hex, "cases": [{"caseId": "Q2FzZTp1bmtub3du"}]}
    headers = {"Authorization": desk.token(permissions=[Permission.RISK_WARNING_FULL])}
    async with httpx.AsyncClient(
        verify=False, base_url=desk.url, headers=headers, timeout=PATIENCE_S
    ) as client:
        body = {"query": LIQUIDATE, "variables": {"input": given}}
        results = (await client.post("/graphql", json=body)).json()["data"]["liquidate"]["results"]
    return [result["code"] for result in results] == ["NOT_FOUND"]


async def until_bus_is(desk: LiveDesk, up: int) -> None:
    """As the metrics have it: a process that stood still for a moment connects again and says so."""
    async with asyncio.timeout(PATIENCE_S):
        while (await scraped(desk))[1]["desk_bus_up", ""] != up:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.05)


async def until_status(desk: LiveDesk, status: str) -> None:
    """Ready and degraded both answer 200: callers need not be turned away."""
    async with asyncio.timeout(PATIENCE_S):
        while (answer := await readiness(desk))[1]["status"] != status:
            assert answer[0] == 200
            await asyncio.sleep(0.05)
        assert answer[0] == 200
