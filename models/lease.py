"""Leases: a job that only one process may do is done by the one that holds its lease, until it expires."""

from datetime import datetime, timedelta

from models.database import execute


async def acquire_lease(name: str, holder: str, now: datetime, ttl: timedelta) -> bool:
    """Take or renew the lease; False when somebody else holds it."""
    return bool(
        await execute(
            "INSERT INTO lease (name, holder, expires_at) VALUES ($1, $2, $3)"
            " ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at"
            " WHERE lease.holder = excluded.holder OR lease.expires_at < $4",
            *(name, holder, now + ttl, now),
        )
    )


async def release_lease(name: str, holder: str) -> None:
    """Give it back, so that another process need not wait for the end."""
    await execute("DELETE FROM lease WHERE name = $1 AND holder = $2", name, holder)
