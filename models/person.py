"""What belongs to a person: so far, a lock."""

import hashlib

from models.sql.database import fetch, is_sqlite

_KIND = 6_006
"""Keeps these advisory locks apart from others."""


async def lock_person(subject: str) -> None:
    """What the person does alone is decided one after the other, until the end of the transaction.

    To be taken behind the lock of an account, and before anything is written. SQLite needs none: its
    transactions exclude each other.
    """
    if is_sqlite():
        return
    number = int.from_bytes(hashlib.sha256(subject.encode()).digest()[:4], signed=True)
    await fetch("SELECT pg_advisory_xact_lock($1, $2)", _KIND, number)
