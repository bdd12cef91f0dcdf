"""What the leader does when something that it needs is missing for a while."""

import asyncio
import fcntl
from pathlib import Path

import asyncpg
import httpx
import structlog

from tests.kit.live_desk import LiveDesk, served_desk
from tests.kit.patience import PATIENCE_S

KILL = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
LEADS = "this process leads the desk"


async def until_leading(desk: LiveDesk, status: str) -> None:
    """Until it leads and says so of its state."""
    async with (
        httpx.AsyncClient(verify=False, base_url=desk.url, timeout=PATIENCE_S) as client,
        asyncio.timeout(PATIENCE_S),
    ):
        while True:
            checks = (await client.get("/readyz")).json()
            if checks["leader"] and checks["status"] == status:
                return
            await asyncio.sleep(0.01)


async def test_events_are_live_although_the_venue_cannot_be_opened(tmp_path: Path) -> None:
    with (tmp_path / "paper_venue.jsonl").open("a") as journal:
        fcntl.flock(journal, fcntl.LOCK_EX)
        async with served_desk(tmp_path) as desk:
            await until_leading(desk, "degraded")
            async with desk.resources.bus.listen(None) as entries, asyncio.timeout(PATIENCE_S):
                (event,) = await desk.publish()
                assert event in (await anext(entries)).payload.decode()
            fcntl.flock(journal, fcntl.LOCK_UN)
            await until_leading(desk, "ready")


async def test_a_leader_whose_connections_are_killed_continues_to_lead(
    migrated_url: str, tmp_path: Path
) -> None:
    killer = await asyncpg.connect(migrated_url)
    with structlog.testing.capture_logs() as logs:
        async with served_desk(tmp_path, database_url=migrated_url, lease_renew_s=0.01) as desk:
            await until_leading(desk, "ready")
            for _ in range(20):
                await killer.execute(KILL)
                await until_leading(desk, "ready")
    await killer.close()
    assert [each["event"] for each in logs].count(LEADS) == 1
