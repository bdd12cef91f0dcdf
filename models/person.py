"""Data of a person: at present only a lock."""

import hashlib

from models.sql.database import fetch, is_sqlite

_KIND = 6_006
"""Distinguishes these advisory locks from others."""


async def lock_person(subject: str) -> None:
    """Serialise what the person does alone, until the end of the transaction.

    Take it after the lock of an account, and before anything is written. SQLite needs none: its transactions
    exclude each other.
    """
    if is_sqlite():
        return
    number = int.from_bytes(hashlib.sha256(subject.encode()).digest()[:4], signed=True)
    await fetch("SELECT pg_advisory_xact_lock($1, $2)", _KIND, number)
