"""What one process commits is live in all of them at once: the leader is woken, it does not have to look."""

import asyncio
from pathlib import Path
from uuid import uuid4

import httpx

from tests.kit.live_desk import LiveDesk, served_desk
from tests.kit.patience import FAR_S, PATIENCE_S


async def leads(desk: LiveDesk) -> bool | None:
    """None: it is not ready, and messages to it or from it may be lost."""
    async with httpx.AsyncClient(verify=False, base_url=desk.url, timeout=PATIENCE_S) as client:
        checks = (await client.get("/readyz")).json()
    return bool(checks["leader"]) if checks["status"] == "ready" else None


async def test_a_commit_beside_the_leader_is_published_without_waiting_for_its_next_look(
    migrated_url: str, redis_url: str, tmp_path: Path
) -> None:
    shared = {
        "database_url": migrated_url,
        "redis_url": redis_url,
        "bus_name": uuid4().hex,
        "relay_poll_interval_s": FAR_S,
    }
    async with served_desk(tmp_path / "one", **shared) as one, served_desk(tmp_path / "two", **shared) as two:
        async with asyncio.timeout(PATIENCE_S):
            while {await leads(one), await leads(two)} != {True, False}:  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.01)
        other = two if await leads(one) else one
        async with other.resources.bus.listen(None) as entries, asyncio.timeout(PATIENCE_S):
            published = [await other.publish() for _ in range(3)]
            arrived = [await anext(entries) for _ in range(3)]
        assert [event in entry.payload.decode() for (event,), entry in zip(published, arrived, strict=True)]
