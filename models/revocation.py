"""Revoked subjects: whatever token they were given until then is refused."""

from datetime import datetime

from models.sql.database import execute, fetch, time


async def revoke_subject(subject: str, at: datetime) -> None:
    """Refuse the subject's tokens issued until `at`."""
    await execute(
        "INSERT INTO revocation (subject, at) VALUES ($1, $2)"
        " ON CONFLICT (subject) DO UPDATE SET at = excluded.at WHERE excluded.at > revocation.at",
        subject,
        at,
    )


async def revocations_since(at: datetime | None) -> list[tuple[str, datetime]]:
    """Those made at or after `at`, or all, oldest first."""
    rows = (
        await fetch("SELECT subject, at FROM revocation ORDER BY at")
        if at is None
        else await fetch("SELECT subject, at FROM revocation WHERE at >= $1 ORDER BY at", at)
    )
    return [(row["subject"], time(row["at"])) for row in rows]
