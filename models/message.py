"""The message outbox: messages to be sent, sent or failed, with the reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.case import CaseStatus
from domain.ids import AccountId, CaseId, ClientId
from domain.message import (
    Channel,
    Contact,
    Language,
    Message,
    MessageId,
    MessageStatus,
    MessageTemplate,
)
from domain.principal import Audience
from models.contact import CONTACT_COLUMNS, contact_from_row
from models.sql.codec import dumps, loads
from models.sql.database import Row, execute, fetch, fetch_one, for_update, insert_sql
from models.sql.first_pages import newest_of_each, pages_by_case
from models.sql.readable import first_rows, readable, readable_page
from models.sql.unreadable import reads
from models.sql.values import time, time_or_none, whole
from models.sql.where import Page, PageRequest, Where, in_order

_COLUMNS = (
    "id",
    "case_id",
    "client_id",
    "channel",
    "template",
    "language",
    "title",
    "body",
    "recipient",
    "automatic_key",
    "placed_by",
    "created_at",
    "earliest_at",
    "latest_at",
    "status",
    "attempts",
    "next_attempt_at",
    "settled_at",
    "reason",
    "figures_as_of",
    "parameters",
    "earlier_bodies",
)
_SELECT = f"SELECT {', '.join(f'm.{column}' for column in _COLUMNS)}"
_FROM = "FROM client_message m JOIN margin_case c ON c.id = m.case_id JOIN account a ON a.id = c.account_id"


@dataclass(frozen=True, slots=True)
class Due:
    """A claimed message, the status of its case, and the client's current contact."""

    message: Message
    account_id: AccountId
    case_status: CaseStatus
    contact: Contact


async def insert_message(message: Message, automatic_key: str | None) -> bool:
    """Store the message in the caller's transaction; False if there is one with this key already."""
    return bool(
        await execute(
            f"{insert_sql('client_message', _COLUMNS)} ON CONFLICT (automatic_key) DO NOTHING",
            *_values(message, automatic_key),
        )
    )


async def claim_due(channel: Channel, limit: int, now: datetime, until: datetime) -> list[MessageId]:
    """Claim due messages of a channel, and count an attempt of each.

    No process claims them again before `until`, when their sender must have died. Clears the reason why no
    attempt had begun before.
    """
    rows = await fetch(
        "UPDATE client_message SET attempts = attempts + 1, next_attempt_at = $1,"
        " reason = CASE WHEN attempts = 0 THEN NULL ELSE reason END WHERE id IN ("
        "SELECT id FROM client_message WHERE status = 'QUEUED' AND channel = $2 AND next_attempt_at <= $3"
        " AND latest_at > $3 ORDER BY next_attempt_at, id LIMIT $4"
        ") AND status = 'QUEUED' AND next_attempt_at <= $3 RETURNING id",
        until,
        channel,
        now,
        limit,
    )
    return [MessageId(row["id"]) for row in rows]


async def load_due(ids: Sequence[MessageId]) -> list[Due]:
    """These claimed messages, oldest first."""
    where = Where()
    where.add("m.id IN (?)", list(ids))
    rows = await fetch(
        f"{_SELECT}, c.account_id, c.status AS case_status, {CONTACT_COLUMNS} {_FROM}"
        f" LEFT JOIN client_contact t ON t.client_id = m.client_id{where} ORDER BY m.created_at, m.id",
        *where.values,
    )
    return [
        Due(
            message_from_row(row),
            AccountId(row["account_id"]),
            CaseStatus(row["case_status"]),
            contact_or_none(row) or Contact(),
        )
        for row in rows
    ]


async def lock_message(message_id: MessageId) -> Message:
    """The message in its current state, locked; a message that is being sent is never pruned."""
    row = await fetch_one(f"{_SELECT} FROM client_message m WHERE m.id = $1{for_update('m')}", message_id)
    assert row is not None
    return message_from_row(row)


async def save_message(message: Message) -> None:
    """Store the new state of the message."""
    await execute(
        "UPDATE client_message SET status = $2, attempts = $3, next_attempt_at = $4, settled_at = $5,"
        " reason = $6, language = $7, title = $8, body = $9, figures_as_of = $10, parameters = $11,"
        " earlier_bodies = $12, recipient = $13 WHERE id = $1",
        message.id,
        message.status,
        message.attempts,
        message.next_attempt_at,
        message.settled_at,
        message.reason,
        message.language,
        message.title,
        message.body,
        message.figures_as_of,
        dumps(dict(message.parameters)),
        dumps(list(message.earlier_bodies)),
        message.recipient,
    )


@dataclass(frozen=True, slots=True)
class Expired:
    """A message that was not sent in time, and its case."""

    message_id: MessageId
    case_id: CaseId
    reason: str


async def expire_late(now: datetime, limit: int) -> list[Expired]:
    """Expire messages whose time is over and that are not being sent; returns them."""
    rows = await fetch(
        "UPDATE client_message SET status = 'EXPIRED', settled_at = $1,"
        " reason = COALESCE(reason, 'not sent in time') WHERE id IN ("
        "SELECT id FROM client_message WHERE status = 'QUEUED' AND latest_at <= $1 AND next_attempt_at <= $1"
        " LIMIT $2) AND status = 'QUEUED' RETURNING id, case_id, reason",
        now,
        limit,
    )
    return [Expired(MessageId(row["id"]), CaseId(row["case_id"]), row["reason"]) for row in rows]


async def prune_messages(before: datetime, limit: int) -> int:
    """Delete at most `limit` settled messages older than `before`, of cases closed before it too; returns how
    many.
    """
    rows = await fetch(
        "SELECT m.id FROM client_message m JOIN margin_case c ON c.id = m.case_id"
        " WHERE m.created_at < $1 AND m.settled_at < $1 AND c.closed_at < $1 ORDER BY m.created_at LIMIT $2",
        before,
        limit,
    )
    where = Where()
    where.add("id IN (?)", [row["id"] for row in rows])
    return await execute(f"DELETE FROM client_message{where}", *where.values) if rows else 0


async def waiting_messages() -> dict[Channel, int]:
    """The number of messages waiting on each channel."""
    rows = await fetch(
        "SELECT channel, COUNT(*) AS messages FROM client_message WHERE status = 'QUEUED' GROUP BY channel"
    )
    return {Channel(row["channel"]): int(row["messages"]) for row in rows}


def contact_or_none(row: Row) -> Contact | None:
    """From a row with `CONTACT_COLUMNS`; None if the client has no contact."""
    return contact_from_row(row) if row["contact_language"] else None


async def page_messages(audience: Audience, case_id: CaseId, request: PageRequest) -> Page[Message]:
    """The messages about a case, newest first; the key of a row is (created_at, id)."""
    where = _of_case(audience, case_id)
    sorted_ = in_order(where, request, "m.created_at, m.id", descending=True)
    newest = first_rows(f"{_SELECT} {_FROM}{sorted_}", where)
    return await readable_page(newest, message_from_row, "client_message", request)


async def newest_messages_of_cases(
    audience: Audience, ids: Sequence[CaseId], first: int
) -> dict[CaseId, Page[Message]]:
    """The first page of each case's `page_messages`, in one statement."""
    where = Where()
    source = f"{_FROM} {newest_of_each(where, 'client_message', 'created_at', ids, first)} ON q.id = m.id"
    where.sees(audience)
    rows = await fetch(f"{_SELECT} {source}{where} ORDER BY m.created_at DESC, m.id DESC", *where.values)
    return pages_by_case(rows, ids, first, message_from_row, "client_message")


async def count_messages_of_cases(audience: Audience, ids: Sequence[CaseId]) -> dict[CaseId, int]:
    """The number of messages of each case."""
    where = Where()
    where.add("m.case_id IN (?)", list(ids))
    where.sees(audience)
    rows = await fetch(
        f"SELECT m.case_id, COUNT(*) AS messages {_FROM}{where} GROUP BY m.case_id", *where.values
    )
    return {CaseId(row["case_id"]): int(row["messages"]) for row in rows}


async def load_messages(audience: Audience, ids: Sequence[MessageId]) -> dict[MessageId, Message]:
    """Those of these messages whose case the audience may see."""
    where = Where()
    where.add("m.id IN (?)", list(ids))
    where.sees(audience)
    rows = await fetch(f"{_SELECT} {_FROM}{where}", *where.values)
    messages = readable(rows, message_from_row, "client_message")
    return {message.id: message for message in messages}


@reads("client_message")
def message_from_row(row: Row) -> Message:
    """From a row with every column."""
    return Message(
        id=MessageId(row["id"]),
        case_id=CaseId(row["case_id"]),
        client_id=ClientId(row["client_id"]),
        channel=Channel(row["channel"]),
        template=MessageTemplate(row["template"]),
        language=Language(row["language"]),
        title=row["title"],
        body=row["body"],
        recipient=row["recipient"],
        automatic=row["automatic_key"] is not None,
        placed_by=row["placed_by"],
        created_at=time(row["created_at"]),
        earliest_at=time(row["earliest_at"]),
        latest_at=time(row["latest_at"]),
        status=MessageStatus(row["status"]),
        attempts=whole(row["attempts"]),
        next_attempt_at=time_or_none(row["next_attempt_at"]),
        settled_at=time_or_none(row["settled_at"]),
        reason=row["reason"],
        figures_as_of=time_or_none(row["figures_as_of"]),
        parameters=loads(row["parameters"] or "{}"),
        earlier_bodies=tuple(loads(row["earlier_bodies"] or "[]")),
    )


def _of_case(audience: Audience, case_id: CaseId) -> Where:
    where = Where()
    where.add("m.case_id = ?", case_id)
    where.sees(audience)
    return where


def _values(message: Message, automatic_key: str | None) -> list[Any]:
    stored = {
        "automatic_key": automatic_key,
        "parameters": dumps(dict(message.parameters)),
        "earlier_bodies": dumps(list(message.earlier_bodies)),
    }
    return [stored[column] if column in stored else getattr(message, column) for column in _COLUMNS]
