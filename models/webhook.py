"""Webhook endpoints and the positions of their deliveries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from domain.principal import Audience, Permission
from domain.webhook import RetiringSecret, Webhook, WebhookEvent, WebhookId, WebhookStatus
from models.outbox import STREAM, age_of
from models.sql.codec import Codec, dumps, loads
from models.sql.database import Row, execute, fetch, fetch_one, for_update, insert_sql
from models.sql.readable import first_rows, readable, readable_page
from models.sql.unreadable import reads
from models.sql.values import time, time_or_none, whole
from models.sql.where import Page, PageRequest, Where, in_order

_COLUMNS = (
    "id",
    "url",
    "events",
    "owner",
    "permissions",
    "account_scope",
    "authorized_at",
    "created_at",
    "salt",
    "retiring",
    "epoch",
    "stream_offset",
    "status",
    "attempts",
    "next_attempt_at",
    "failing_since",
    "delivered_at",
    "disabled_at",
    "reason",
    "generation",
)
_RETIRING: Codec[tuple[RetiringSecret, ...]] = Codec(tuple[RetiringSecret, ...])
_PROGRESS = _COLUMNS[_COLUMNS.index("epoch") :]
_SELECT = f"SELECT {', '.join(f'w.{column}' for column in _COLUMNS)} FROM webhook w"


async def one_registration_at_a_time() -> None:
    """Until the caller's transaction ends, so that two requests do not both take the last free place."""
    await execute(
        "INSERT INTO counter (name, value) VALUES ('webhook', 1)"
        " ON CONFLICT (name) DO UPDATE SET value = counter.value + 1"
    )


async def insert_webhook(webhook: Webhook) -> None:
    """Store a new endpoint."""
    await execute(insert_sql("webhook", _COLUMNS), *_values(webhook))


async def save_progress(webhook: Webhook, generation: int) -> bool:
    """Store position and state, unless the owner has moved the position since `generation` or removed the
    endpoint.
    """
    values = dict(zip(_COLUMNS, _values(webhook), strict=True))
    columns = ", ".join(f"{column} = ${number}" for number, column in enumerate(_PROGRESS, start=3))
    return bool(
        await execute(
            f"UPDATE webhook SET {columns} WHERE id = $1 AND generation = $2",
            webhook.id,
            generation,
            *(values[column] for column in _PROGRESS),
        )
    )


async def save_replayed(webhook: Webhook) -> None:
    """Store the owner's new position and scope; the row is locked."""
    values = dict(zip(_COLUMNS, _values(webhook), strict=True))
    changed = ("permissions", "account_scope", "authorized_at", *_PROGRESS)
    columns = ", ".join(f"{column} = ${number}" for number, column in enumerate(changed, start=2))
    await execute(
        f"UPDATE webhook SET {columns} WHERE id = $1", webhook.id, *(values[column] for column in changed)
    )


async def save_secrets(webhook: Webhook) -> None:
    """Store the secrets that sign from now on; the row is locked, and a delivery in progress continues."""
    await execute(
        "UPDATE webhook SET salt = $2, retiring = $3 WHERE id = $1",
        webhook.id,
        webhook.salt,
        _RETIRING.to_text(webhook.retiring),
    )


async def delete_webhook(webhook_id: WebhookId) -> None:
    """Delete the endpoint, so that nothing more is delivered to it."""
    await execute("DELETE FROM webhook WHERE id = $1", webhook_id)


async def due_webhooks(now: datetime, limit: int) -> list[WebhookId]:
    """Active endpoints with events after their position, and without a wait."""
    rows = await fetch(
        "SELECT w.id FROM webhook w JOIN stream s ON s.name = $1 WHERE w.status = 'ACTIVE'"
        " AND (w.stream_offset <> s.last_offset OR w.epoch <> s.epoch)"
        " AND (w.next_attempt_at IS NULL OR w.next_attempt_at <= $2) ORDER BY w.id LIMIT $3",
        STREAM,
        now,
        limit,
    )
    return [WebhookId(row["id"]) for row in rows]


async def load_webhook(webhook_id: WebhookId) -> Webhook | None:
    """The endpoint in its current state, for the worker."""
    row = await fetch_one(f"{_SELECT} WHERE w.id = $1", webhook_id)
    return webhook_from_row(row) if row else None


async def lock_webhook(owner: str, webhook_id: WebhookId) -> Webhook | None:
    """The owner's endpoint, locked; None for another owner's."""
    row = await fetch_one(f"{_SELECT} WHERE w.id = $1 AND w.owner = $2{for_update('w')}", webhook_id, owner)
    return webhook_from_row(row) if row else None


async def webhooks_of(owner: str, ids: Sequence[WebhookId]) -> dict[WebhookId, Webhook]:
    """Those of these endpoints that are the owner's."""
    where = Where()
    where.add("w.owner = ?", owner)
    where.add("w.id IN (?)", list(ids))
    webhooks = readable(await fetch(f"{_SELECT}{where}", *where.values), webhook_from_row, "webhook")
    return {webhook.id: webhook for webhook in webhooks}


async def page_webhooks(owner: str, request: PageRequest) -> Page[Webhook]:
    """The owner's endpoints, oldest first; the key of a row is (id,)."""
    where = Where()
    where.add("w.owner = ?", owner)
    sorted_ = in_order(where, request, "w.id")
    oldest = first_rows(f"{_SELECT}{sorted_}", where)
    return await readable_page(oldest, webhook_from_row, "webhook", request)


async def count_webhooks(owner: str | None = None) -> int:
    """The number of endpoints of the owner, or of all."""
    where = Where()
    where.add_if("w.owner = ?", owner)
    row = await fetch_one(f"SELECT COUNT(*) AS webhooks FROM webhook w{where}", *where.values)
    assert row is not None
    return int(row["webhooks"])


@dataclass(frozen=True, slots=True)
class WebhookLag:
    """The lag of the active endpoint that is farthest behind."""

    events: int
    age: timedelta
    """The age of its first undelivered event."""


async def slowest_webhook(now: datetime) -> WebhookLag:
    """The lag of the slowest endpoint; zero if there is none."""
    row = await fetch_one(
        "SELECT s.last_offset - MIN(w.stream_offset) AS events,"
        " (SELECT MIN(o.at) FROM outbox o WHERE o.stream_offset ="
        " (SELECT MIN(b.stream_offset) + 1 FROM webhook b WHERE b.status = 'ACTIVE')) AS since"
        " FROM webhook w JOIN stream s ON s.name = $1 AND s.epoch = w.epoch"
        " WHERE w.status = 'ACTIVE' GROUP BY s.last_offset",
        STREAM,
    )
    if row is None:
        return WebhookLag(0, timedelta())
    return WebhookLag(max(0, int(row["events"])), age_of(row["since"], now))


async def count_disabled() -> int:
    """How many endpoints are disabled."""
    row = await fetch_one("SELECT COUNT(*) AS webhooks FROM webhook WHERE status = 'DISABLED'")
    assert row is not None
    return int(row["webhooks"])


async def revoked_since(owner: str, at: datetime) -> bool:
    """Whether the owner's tokens of that time are revoked."""
    row = await fetch_one("SELECT at FROM revocation WHERE subject = $1 AND at >= $2", owner, at)
    return row is not None


@reads("webhook")
def webhook_from_row(row: Row) -> Webhook:
    """From a row with every column."""
    scope = row["account_scope"]
    return Webhook(
        id=WebhookId(row["id"]),
        url=row["url"],
        events=frozenset(WebhookEvent(name) for name in loads(row["events"])),
        owner=row["owner"],
        audience=Audience(
            # A permission that this version no longer knows grants nothing.
            frozenset(Permission(name) for name in loads(row["permissions"]) if name in set(Permission)),
            None if scope is None else frozenset(loads(scope)),
        ),
        authorized_at=time(row["authorized_at"]),
        created_at=time(row["created_at"]),
        salt=row["salt"],
        retiring=() if row["retiring"] is None else _RETIRING.from_text(row["retiring"]),
        epoch=row["epoch"],
        offset=row["stream_offset"],
        status=WebhookStatus(row["status"]),
        attempts=whole(row["attempts"]),
        next_attempt_at=time_or_none(row["next_attempt_at"]),
        failing_since=time_or_none(row["failing_since"]),
        delivered_at=time_or_none(row["delivered_at"]),
        disabled_at=time_or_none(row["disabled_at"]),
        reason=row["reason"],
        generation=row["generation"],
    )


def _values(webhook: Webhook) -> list[Any]:
    scope = webhook.audience.account_scope
    return [
        webhook.id,
        webhook.url,
        dumps(sorted(webhook.events)),
        webhook.owner,
        dumps(sorted(webhook.audience.permissions)),
        None if scope is None else dumps(sorted(scope)),
        webhook.authorized_at,
        webhook.created_at,
        webhook.salt,
        _RETIRING.to_text(webhook.retiring),
        webhook.epoch,
        webhook.offset,
        webhook.status,
        webhook.attempts,
        webhook.next_attempt_at,
        webhook.failing_since,
        webhook.delivered_at,
        webhook.disabled_at,
        webhook.reason,
        webhook.generation,
    ]
