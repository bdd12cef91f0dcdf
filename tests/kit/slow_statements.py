"""Statements that would never end, and the operator who cancels them, as the statement timeout would."""

import asyncio

from models.sql.database import Database, fetch
from tests.kit.patience import PATIENCE_S

FOREVER = "pg_sleep(86400)"


async def cancel_sleeper(elsewhere: Database, statement: str) -> None:
    """Wait until a statement that has `statement` in it sleeps, and cancel it."""
    with elsewhere.active():
        async with asyncio.timeout(PATIENCE_S):
            while not await fetch(  # noqa: ASYNC110 - another session's state has no event
                "SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
                " WHERE wait_event = 'PgSleep' AND strpos(query, $1) > 0",
                statement,
            ):
                await asyncio.sleep(0.01)
