"""A forgotten session locks what a loop of the desk needs: `/readyz` names the loop."""

from typing import Any

import asyncpg
import pytest

from tests.api.books import a_book, a_client, owing, quotes
from tests.api.desk_server import World
from tests.api.readiness import readiness

pytestmark = pytest.mark.parametrize("world", ["postgres-redis"], indirect=True)

QUICK: dict[str, Any] = {"database_lock_timeout_s": 0.1, "loop_failing_told_s": 0.2}


@pytest.mark.parametrize(("row", "loop"), [("stream", "relay"), ("audit_head", "audit chain")])
async def test_a_loop_that_a_lock_holds_up_degrades_the_process(world: World, row: str, loop: str) -> None:
    desk = await world.desk(a_book(a_client("C1", owing("M1"))), **QUICK)
    said: dict[str, Any] = {}
    codes: set[int] = set()

    async def told() -> bool:
        said.clear()
        said.update(await readiness(desk))
        codes.add(said["code"])
        return said.get("loops") is False

    async def there() -> bool:
        return bool(await desk.rows(f"SELECT 1 FROM {row}"))

    await desk.until(there, "the row")
    session = await asyncpg.connect(world.database_url)
    try:
        async with session.transaction():
            await session.execute(f"SELECT 1 FROM {row} FOR UPDATE")
            # Something to publish, and to chain.
            await desk.market.says(*quotes(desk.clock()))
            await desk.until(told, "the process to name the loop")
            assert said["status"] == "degraded"
            assert codes == {200}, "a lock turns no caller away"
            assert said["loopsTrouble"].startswith(f"{loop}: ")
    finally:
        await session.close()
