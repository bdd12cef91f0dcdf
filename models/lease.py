"""Leases: a job for one process at a time is done by the holder of its lease, until that expires.

The database makes every comparison with its own clock: a process whose clock is wrong can neither acquire a
lease that another process holds nor keep one for longer than allowed.

`fence` counts the terms of a lease. Acquiring it increases the number, renewing keeps it. Work begun in an
earlier term is recognised by its smaller number.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from models.sql.database import Row, clock_after_sql, clock_sql, execute, fetch, fetch_one, is_sqlite, noted
from models.sql.unreadable import reading
from models.sql.values import time

FREE = ""
"""The holder of a released lease."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The holder and the end of the lease, its term, and the time of the database's clock."""

    holder: str
    until: datetime
    fence: int
    now: datetime

    @property
    def held(self) -> bool:
        """Whether it is held and has not expired."""
        return self.holder != FREE and self.until > self.now


async def acquire_lease(name: str, holder: str, ttl: timedelta) -> Lease | None:
    """Begin a new term; None while another holder has the lease."""
    return await _answered(
        f"INSERT INTO lease (name, holder, expires_at, fence) VALUES ($1, $2, {clock_after_sql(3)}, 1)"
        " ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, fence = lease.fence + 1,"
        f" expires_at = {clock_after_sql(3)}"
        f" WHERE lease.holder = excluded.holder OR lease.expires_at < {clock_sql()}",
        name,
        holder,
        _milliseconds(ttl),
    )


async def renew_lease(name: str, holder: str, fence: int, ttl: timedelta) -> Lease | None:
    """Prolong the term; None if another term has begun."""
    return await _answered(
        f"UPDATE lease SET expires_at = {clock_after_sql(4)} WHERE name = $1 AND holder = $2 AND fence = $3",
        name,
        holder,
        fence,
        _milliseconds(ttl),
    )


async def holds_lease(name: str, holder: str, fence: int) -> bool:
    """Whether the term still lasts, by the database's clock."""
    lease = await read_lease(name)
    return lease is not None and lease.held and (lease.holder, lease.fence) == (holder, fence)


async def release_lease(name: str, holder: str) -> bool:
    """Release it, so that another process need not wait for its end. The row stays, since it counts the
    terms.
    """
    return bool(
        await execute(
            f"UPDATE lease SET holder = '{FREE}', expires_at = {clock_after_sql(3)}"
            " WHERE name = $1 AND holder = $2",
            name,
            holder,
            -1,
        )
    )


async def read_lease(name: str) -> Lease | None:
    """The lease in the database; None if it was never acquired."""
    row = await fetch_one(
        f"SELECT name, holder, expires_at, fence, {clock_sql()} AS now FROM lease WHERE name = $1", name
    )
    return None if row is None else _lease(row)


async def sessions_locking_leases() -> list[int]:
    """The process ids of PostgreSQL sessions that keep lease rows locked and do not wait for anything
    themselves.
    """
    if is_sqlite():
        return []
    rows = await fetch(
        "SELECT DISTINCT l.pid FROM pg_locks l WHERE l.relation = 'lease'::regclass AND l.granted"
        " AND l.mode <> 'AccessShareLock' AND l.pid <> pg_backend_pid()"
        " AND NOT EXISTS (SELECT 1 FROM pg_locks w WHERE w.pid = l.pid AND NOT w.granted) ORDER BY l.pid"
    )
    return [int(row["pid"]) for row in rows]


async def _answered(sql: str, *parameters: object) -> Lease | None:
    row = await fetch_one(
        f"{sql} RETURNING name, holder, expires_at, fence, {clock_sql()} AS now", *parameters
    )
    return None if row is None else _lease(row)


def _lease(row: Row) -> Lease:
    with noted(), reading("lease", row["name"]):
        return Lease(row["holder"], time(row["expires_at"]), int(row["fence"]), time(row["now"]))


def _milliseconds(span: timedelta) -> int:
    return round(span / timedelta(milliseconds=1))
