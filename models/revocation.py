"""Revoked subjects: their tokens issued until then are refused."""

from dataclasses import dataclass
from datetime import datetime

from models.sql.database import Row, clock_sql, execute, fetch, unreadable_rows
from models.sql.unreadable import UnreadableRow, reads
from models.sql.values import time


@dataclass(frozen=True, slots=True)
class Revocation:
    """A subject whose tokens issued until `at` are refused; `at` None: the time is damaged. `now`: the
    database's clock when it answered.
    """

    subject: str
    at: datetime | None
    now: datetime


async def revoke_subject(subject: str, at: datetime) -> None:
    """Refuse the subject's tokens issued until `at`."""
    await execute(
        "INSERT INTO revocation (subject, at) VALUES ($1, $2)"
        " ON CONFLICT (subject) DO UPDATE SET at = excluded.at WHERE excluded.at > revocation.at",
        subject,
        at,
    )


async def revocations_since(at: datetime | None) -> list[Revocation]:
    """Revocations at or after `at`, or all, oldest first."""
    columns = f"SELECT subject, at, {clock_sql()} AS now FROM revocation"
    rows = (
        await fetch(f"{columns} ORDER BY at")
        if at is None
        else await fetch(f"{columns} WHERE at >= $1 ORDER BY at", at)
    )
    return [Revocation(row["subject"], _until(row), time(row["now"])) for row in rows]


def _until(row: Row) -> datetime | None:
    try:
        return _at(row)
    except UnreadableRow as damaged:
        unreadable_rows().note(damaged)
        return None


@reads("revocation", "subject")
def _at(row: Row) -> datetime:
    return time(row["at"])
