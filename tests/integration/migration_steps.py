"""Brings the tables of the active database to a state of earlier or later versions."""

from collections.abc import Awaitable, Callable

from tortoise.connection import get_connection
from tortoise.migrations.executor import MigrationExecutor, MigrationTarget
from tortoise.migrations.recorder import MigrationRecorder

from models.sql.configuration import APP, MIGRATED_APPS
from models.sql.database import fetch, is_sqlite

NO_TABLES = "__first__"
"""What Tortoise calls the state before the first migration."""


class _Recorder(MigrationRecorder):
    """Does something more behind each migration."""

    behind_each: Callable[[str], Awaitable[None]]

    async def record_applied(self, app: str, name: str) -> None:
        await super().record_applied(app, name)
        await self.behind_each(name)

    async def record_unapplied(self, app: str, name: str) -> None:
        await super().record_unapplied(app, name)
        await self.behind_each(name)


async def bring_to(state: str, behind_each: Callable[[str], Awaitable[None]] | None = None) -> None:
    """Migrate up or down to the state after that migration.

    `behind_each` is called after each migration that was applied or reverted. One call with such stops is
    much cheaper than several calls, because each first computes the state before every migration.
    """
    if is_sqlite():
        # On the way it drops tables that others refer to.
        await fetch("PRAGMA foreign_keys = OFF")
    executor = MigrationExecutor(get_connection("default"), MIGRATED_APPS)
    if behind_each is not None:
        executor.recorder = recorder = _Recorder(get_connection("default"))
        recorder.behind_each = behind_each
    await executor.migrate([MigrationTarget(APP, state)])
