"""Idempotency keys of mutations: an actor's key means one request for ever, and its answers are stored."""

from collections.abc import Sequence
from datetime import datetime
from uuid import uuid4

from models.sql.database import execute, fetch, fetch_one, placeholders
from models.sql.values import time


async def bind_key(actor: str, key: str, operation: str, request_hash: str, now: datetime) -> bool:
    """Bind the key to this request; False if it is already bound."""
    return bool(
        await execute(
            "INSERT INTO idempotency_key (id, actor, idempotency_key, operation, request_hash, at)"
            " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (actor, idempotency_key) DO NOTHING",
            uuid4().hex,
            actor,
            key,
            operation,
            request_hash,
            now,
        )
    )


async def claim_key(actor: str, key: str, operation: str, request_hash: str, now: datetime) -> bool:
    """Bind the key to this request; False if it is bound to another."""
    await bind_key(actor, key, operation, request_hash, now)
    row = await fetch_one(
        "SELECT operation, request_hash FROM idempotency_key WHERE actor = $1 AND idempotency_key = $2",
        actor,
        key,
    )
    assert row is not None
    return bool(row["operation"] == operation and row["request_hash"] == request_hash)


async def bound_at(actor: str, key: str) -> datetime | None:
    """When the key was bound; None if it is free."""
    row = await fetch_one(
        "SELECT at FROM idempotency_key WHERE actor = $1 AND idempotency_key = $2", actor, key
    )
    return time(row["at"]) if row else None


async def stored_outcomes(actor: str, key: str, items: Sequence[str]) -> dict[str, str]:
    """The answers stored under this key."""
    rows = await fetch(
        "SELECT item, outcome FROM idempotency_item"
        f" WHERE actor = $1 AND idempotency_key = $2 AND item IN ({placeholders(items, start=3)})",
        actor,
        key,
        *items,
    )
    return {row["item"]: row["outcome"] for row in rows}


async def store_outcome(actor: str, key: str, item: str, outcome: str, now: datetime) -> None:
    """Store the answer in the transaction of its effect; `UniqueViolated` if there is one already."""
    await execute(
        "INSERT INTO idempotency_item (id, actor, idempotency_key, item, outcome, at)"
        " VALUES ($1, $2, $3, $4, $5, $6)",
        uuid4().hex,
        actor,
        key,
        item,
        outcome,
        now,
    )
