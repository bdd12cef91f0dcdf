"""The outbox: events are written in the transaction of their change, and published by the relay later.

Row ids are assigned at insert and say nothing about the order of commits; the offset in the one event stream
is assigned when a committed row is read, without gaps, in one transaction. No row is therefore skipped, and
events of one account, whose transactions exclude each other, keep their order.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from domain.events import Event
from models.sql.codec import UnknownFormat, event_from_text, event_to_text
from models.sql.database import (
    Row,
    current_tracer,
    execute,
    execute_many,
    fetch,
    fetch_one,
    for_update,
    noted,
    placeholders,
    transaction,
    unreadable_rows,
)
from models.sql.faults import NO_ANSWER
from models.sql.unreadable import UnreadableRow, reads
from models.sql.values import time, time_or_none

READ_LATER = NO_ANSWER
"""Errors of reading the outbox, or of presenting its events, after which reading is tried again."""

STREAM = "desk"
WHY_CHARACTERS_MAX = 300
_HIGHEST = "(SELECT MAX(stream_offset) FROM outbox) AS highest_offset"


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A published event: `payload` is its JSON text, `at` the time stated by its transaction; None if
    damaged.
    """

    offset: int
    payload: bytes
    at: datetime | None
    event_id: str = ""


@dataclass(frozen=True, slots=True)
class StreamHead:
    """The stream's epoch, and the first and last offset still in the outbox (first > last: none)."""

    epoch: str
    first_offset: int
    last_offset: int


async def append(events: Sequence[Event]) -> None:
    """Write events in the caller's transaction; in a traced operation they name its span as their cause."""
    tracer = current_tracer()
    await execute_many(
        "INSERT INTO outbox (event_id, payload, at) VALUES ($1, $2, $3)",
        [
            (event.id, event_to_text(event, None if tracer is None else tracer.appended(event.id)), event.at)
            for event in events
        ],
    )


async def assign_positions(limit: int) -> list[OutboxRow]:
    """Assign the next offsets to the oldest unpublished rows, at most `limit`, and return them in that
    order.
    """
    async with transaction():
        last = await _lock_last_offset()
        rows = await fetch(
            "SELECT id, event_id, payload, at FROM outbox WHERE stream_offset IS NULL ORDER BY id LIMIT $1",
            limit,
        )
        if not rows:
            return []
        numbered = [(last + number, row) for number, row in enumerate(rows, start=1)]
        await execute_many(
            "UPDATE outbox SET stream_offset = $1 WHERE id = $2",
            [(offset, row["id"]) for offset, row in numbered],
        )
        await execute("UPDATE stream SET last_offset = $1 WHERE name = $2", last + len(rows), STREAM)
    return [_published(offset, row) for offset, row in numbered]


async def any_unpublished() -> bool:
    """Whether a committed event has no position yet: a look, where `assign_positions` takes a transaction."""
    return bool(await fetch("SELECT 1 AS waiting FROM outbox WHERE stream_offset IS NULL LIMIT 1"))


def _published(offset: int, row: Row) -> OutboxRow:
    """Accepts any content of the columns: a damaged event must not delay those after it."""
    try:
        at = time(row["at"])
    except UnreadableRow:
        at = None
    return OutboxRow(offset, str(row["payload"]).encode(), at, row["event_id"])


async def unpublished(batch: int) -> AsyncIterator[list[bytes]]:
    """The payloads of committed events that have no position yet, oldest first, `batch` at a time.

    While no relay runs there may be any number. They are of one moment only inside `consistent_read()`.
    """
    last = 0
    while True:
        rows = await fetch(
            "SELECT id, payload FROM outbox WHERE stream_offset IS NULL AND id > $1 ORDER BY id LIMIT $2",
            last,
            batch,
        )
        if rows:
            yield [str(row["payload"]).encode() for row in rows]
            last = rows[-1]["id"]
        if len(rows) < batch:
            return


async def published_after(offset: int, limit: int) -> list[OutboxRow]:
    """Published rows after `offset`, oldest first."""
    rows = await fetch(
        "SELECT stream_offset, event_id, payload, at FROM outbox "
        "WHERE stream_offset > $1 ORDER BY stream_offset LIMIT $2",
        offset,
        limit,
    )
    return [_published(row["stream_offset"], row) for row in rows]


def note_unreadable_event(offset: int, damaged: ValueError) -> None:
    """Record that the event at this place in the stream cannot be read."""
    unreadable_rows().note(UnreadableRow("outbox", str(offset), damaged))


@dataclass(frozen=True, slots=True)
class DamagedEvent:
    """An event that cannot be read; `offset` None: it has no place in the stream yet."""

    offset: int | None
    event_id: str
    why: str


async def damaged_events(batch: int) -> AsyncIterator[DamagedEvent]:
    """Damaged events in the outbox, oldest first, read `batch` at a time."""
    last = 0
    while rows := await fetch(
        "SELECT id, event_id, stream_offset, payload FROM outbox WHERE id > $1 ORDER BY id LIMIT $2",
        last,
        batch,
    ):
        for row in rows:
            try:
                event_from_text(str(row["payload"]))
            except UnknownFormat as damaged:
                yield DamagedEvent(row["stream_offset"], row["event_id"], str(damaged)[:WHY_CHARACTERS_MAX])
        last = rows[-1]["id"]


async def stream_head() -> StreamHead:
    """The current state of the stream."""
    row = await fetch_one(
        f"SELECT s.name, s.epoch, s.last_offset, {_HIGHEST},"
        " (SELECT MIN(stream_offset) FROM outbox) AS first_offset "
        "FROM stream s WHERE s.name = $1",
        STREAM,
    )
    if row is None:
        await create_stream()
        return await stream_head()
    with noted():
        return _stream_head(row)


@reads("stream", "name")
def _stream_head(row: Row) -> StreamHead:
    last, first = _end(row), row["first_offset"]
    return StreamHead(row["epoch"], last + 1 if first is None else first, last)


async def create_stream() -> None:
    """Create the stream's row if it is missing."""
    await execute(
        "INSERT INTO stream (name, epoch, last_offset) VALUES ($1, $2, 0) ON CONFLICT (name) DO NOTHING",
        STREAM,
        uuid4().hex,
    )


async def prune(before: datetime, limit: int) -> int:
    """Delete at most `limit` published rows older than `before`; returns how many."""
    rows = await fetch(
        "SELECT id FROM outbox WHERE at < $1 AND stream_offset IS NOT NULL ORDER BY id LIMIT $2",
        before,
        limit,
    )
    ids = [row["id"] for row in rows]
    return await execute(f"DELETE FROM outbox WHERE id IN ({placeholders(ids)})", *ids) if ids else 0


async def _lock_last_offset() -> int:
    await create_stream()
    row = await fetch_one(
        f"SELECT s.name, s.last_offset, {_HIGHEST} FROM stream s WHERE s.name = $1{for_update('s')}", STREAM
    )
    assert row is not None
    with noted():
        return _last_offset(row)


@reads("stream", "name")
def _last_offset(row: Row) -> int:
    return _end(row)


def _end(row: Row) -> int:
    """An offset behind the outbox's last one would be assigned twice, and events would seem lost."""
    last, highest = int(row["last_offset"]), row["highest_offset"]
    if highest is not None and last < int(highest):
        raise ValueError(f"last_offset is {last}, and the outbox has an event at {highest}")
    return last


@dataclass(frozen=True, slots=True)
class Backlog:
    """The number of events without a position, and the age of the oldest."""

    events: int
    age: timedelta


async def backlog(now: datetime) -> Backlog:
    """How far the relay is behind."""
    row = await fetch_one(
        "SELECT COUNT(*) AS events, MIN(at) AS oldest FROM outbox WHERE stream_offset IS NULL"
    )
    assert row is not None
    return Backlog(int(row["events"]), age_of(row["oldest"], now))


def age_of(at: object, now: datetime) -> timedelta:
    """The age of an event stored at `at`; zero if there is no event, or its time is damaged."""
    try:
        since = time_or_none(at)
    except UnreadableRow:
        since = None
    return timedelta() if since is None else max(timedelta(), now - since)
