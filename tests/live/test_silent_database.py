"""A database that says nothing, as when a cable is pulled: who waits for it, and what is when it is back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from models.revocation import revoke_subject
from models.sql.database import Database
from tests.kit.crash_proxy import PostgresProxy
from tests.kit.live_desk import LiveDesk, served_desk, until
from tests.kit.patience import PATIENCE_S
from tests.kit.raw_websocket import Closed
from tests.kit.transport_ws_harness import ready, works


@asynccontextmanager
async def desk_behind(proxy: PostgresProxy, directory: Path) -> AsyncIterator[LiveDesk]:
    async with served_desk(directory, database_url=proxy.url) as desk:
        yield desk


async def test_a_subject_revoked_meanwhile_is_out_as_soon_as_the_database_answers(
    migrated_url: str, tmp_path: Path
) -> None:
    elsewhere = Database(migrated_url, 1)
    await elsewhere.open()
    async with PostgresProxy(migrated_url).running() as proxy, desk_behind(proxy, tmp_path) as desk:
        async with ready(desk, desk.token("leaver")) as socket:
            proxy.freeze(at="FROM revocation")
            await until(lambda: proxy.frozen)
            with elsewhere.active():
                await revoke_subject("leaver", desk.clock())
            await elsewhere.close()
            assert await works(socket)
            proxy.thaw()
            # A poll that had given up, or waited for the connection to be declared dead, would never say so.
            assert await socket.closed() == Closed(4403, "TOKEN_REVOKED: your access was revoked")


async def test_probes_and_metrics_are_answered(migrated_url: str, tmp_path: Path) -> None:
    async with PostgresProxy(migrated_url).running() as proxy:
        async with desk_behind(proxy, tmp_path) as desk:
            await until(lambda: desk.application.workers.leading)
            async with httpx.AsyncClient(verify=False, base_url=desk.url, timeout=PATIENCE_S) as client:
                proxy.freeze()
                readiness = await client.get("/readyz")
                assert (readiness.status_code, readiness.json()["database"]) == (503, False)
                metrics = await client.get("/metrics")
                assert metrics.status_code == 200
                assert "desk_live_sockets 0.0" in metrics.text
                assert "desk_relay_lag_seconds" not in metrics.text
                proxy.thaw()
                async with asyncio.timeout(PATIENCE_S):
                    while "desk_relay_lag_seconds" not in (await client.get("/metrics")).text:  # noqa: ASYNC110
                        await asyncio.sleep(0.05)
