"""A start that is interrupted while it opens or migrates its database leaves nothing behind."""

import asyncio
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from models.sql.database import Database


@pytest.mark.parametrize("steps", range(1, 12))
def test_an_opening_that_is_cancelled_ends_its_thread(
    tmp_path: Path, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", faults.append)

    async def interrupted() -> None:
        opening = asyncio.ensure_future(Database(f"sqlite://{tmp_path}/desk.sqlite3", pool_size=1).open())
        for _ in range(steps):
            await asyncio.sleep(0)
        opening.cancel()
        with suppress(asyncio.CancelledError):
            await opening

    before = set(threading.enumerate())
    asyncio.run(interrupted())
    for thread in set(threading.enumerate()) - before:
        thread.join()
    assert faults == []


async def test_a_migration_that_is_cancelled_as_a_step_begins_leaves_a_database_that_closes(
    tmp_path: Path,
) -> None:
    before = set(threading.enumerate())

    async def interrupted() -> None:
        """In one task, as at the start of a process."""
        database, task = Database(f"sqlite://{tmp_path}/desk.sqlite3", pool_size=1), asyncio.current_task()
        assert task is not None
        await database.open()
        try:
            await database.migrate(lambda *step: task.cancel())
        finally:
            await database.close()

    with pytest.raises(asyncio.CancelledError):
        await asyncio.ensure_future(interrupted())
    for thread in set(threading.enumerate()) - before:
        thread.join()
