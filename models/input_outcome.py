"""Stored outcomes of messages that were not used: the last of each kind, subject and outcome."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.inputs import InputKind, InputResult, InputSubject, Outcome
from models.sql.database import Row, execute, execute_many, fetch, fetch_one, placeholders
from models.sql.unreadable import reads
from models.sql.values import time, time_or_none

REASON_CHARACTERS_MAX = 500
OWNERS_AT_A_TIME = 500
SUBJECT_CHARACTERS_MAX = 40
"""The longest owner and subject: enough for every known one."""
_COLUMNS = ("key", "kind", "owner", "about", "result", "reason", "stated_at", "decided_at")


@dataclass(frozen=True, slots=True)
class StoredOutcome:
    """The outcome of a message, and when it was decided."""

    subject: InputSubject
    result: InputResult
    reason: str
    stated_at: datetime | None
    decided_at: datetime


async def save_outcomes(outcomes: Iterable[Outcome], now: datetime) -> None:
    """Store the outcomes of unused messages; of several about the same subject the one with the latest stated
    time.
    """
    last: dict[str, Outcome] = {}
    for outcome in outcomes:
        if outcome.result is not InputResult.USED:
            key = _key(outcome.subject, outcome.result)
            if key not in last or not _is_older(outcome, last[key]):
                last[key] = outcome
    # Sorted, so that two processes that both write for a moment do not deadlock.
    rows = [
        (
            key,
            each.subject.kind,
            _stored(each.subject.owner),
            _stored(each.subject.about),
            each.result,
            each.reason[:REASON_CHARACTERS_MAX].replace("\x00", ""),
            each.stated_at,
            now,
        )
        for key, each in sorted(last.items())
    ]
    await execute_many(
        f"INSERT INTO input_outcome ({', '.join(_COLUMNS)}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
        " ON CONFLICT (key) DO UPDATE SET reason = excluded.reason, stated_at = excluded.stated_at,"
        " decided_at = excluded.decided_at"
        " WHERE excluded.stated_at IS NULL OR input_outcome.stated_at IS NULL"
        " OR excluded.stated_at >= input_outcome.stated_at",
        rows,
    )


async def last_dead(subject: InputSubject) -> StoredOutcome | None:
    """The last message about this subject that could not be used."""
    row = await fetch_one(
        "SELECT kind, owner, about, result, reason, stated_at, decided_at FROM input_outcome WHERE key = $1",
        _key(subject, InputResult.DEAD),
    )
    return _outcome(row) if row else None


async def dead_about(subjects: Sequence[InputSubject]) -> list[StoredOutcome]:
    """The last message about each of these subjects that could not be used, if there was one."""
    keys = [_key(subject, InputResult.DEAD) for subject in subjects]
    outcomes: list[StoredOutcome] = []
    for start in range(0, len(keys), OWNERS_AT_A_TIME):
        part = keys[start : start + OWNERS_AT_A_TIME]
        rows = await fetch(
            "SELECT kind, owner, about, result, reason, stated_at, decided_at FROM input_outcome"
            f" WHERE key IN ({placeholders(part)}) ORDER BY key",
            *part,
        )
        outcomes += [_outcome(row) for row in rows]
    return outcomes


async def dead_of_owners(owners: Sequence[str], kinds: Sequence[InputKind]) -> list[StoredOutcome]:
    """Messages of these kinds about these accounts that could not be used."""
    outcomes: list[StoredOutcome] = []
    for start in range(0, len(owners), OWNERS_AT_A_TIME):
        part = owners[start : start + OWNERS_AT_A_TIME]
        rows = await fetch(
            "SELECT kind, owner, about, result, reason, stated_at, decided_at FROM input_outcome"
            f" WHERE owner IN ({placeholders(part)}) AND result = 'DEAD'"
            f" AND kind IN ({placeholders(kinds, len(part) + 1)}) ORDER BY key",
            *part,
            *kinds,
        )
        outcomes += [_outcome(row) for row in rows]
    return outcomes


async def outcomes_of_owner(owners: Sequence[str]) -> list[StoredOutcome]:
    """Outcomes about these accounts and clients, the latest first."""
    of_each = [await _outcomes("owner = $1", owner) for owner in owners if owner]
    return sorted((each for some in of_each for each in some), key=lambda each: each.decided_at, reverse=True)


async def outcomes_about(about: str) -> list[StoredOutcome]:
    """Outcomes about this symbol, currency or pair, the latest first."""
    return await _outcomes("about = $1", about)


async def prune_outcomes(keep: int, at_a_time: int) -> int:
    """Delete the oldest beyond `keep`; returns how many."""
    return await execute(
        "DELETE FROM input_outcome WHERE key IN"
        " (SELECT key FROM input_outcome ORDER BY decided_at DESC, key LIMIT $1 OFFSET $2)",
        at_a_time,
        keep,
    )


async def _outcomes(condition: str, value: str) -> list[StoredOutcome]:
    rows = await fetch(
        "SELECT kind, owner, about, result, reason, stated_at, decided_at FROM input_outcome"
        f" WHERE {condition} ORDER BY decided_at DESC, key LIMIT 200",
        value,
    )
    return [_outcome(row) for row in rows]


@reads("input_outcome", "about")
def _outcome(row: Row) -> StoredOutcome:
    return StoredOutcome(
        InputSubject(InputKind(row["kind"]), row["owner"], row["about"]),
        InputResult(row["result"]),
        row["reason"],
        time_or_none(row["stated_at"]),
        time(row["decided_at"]),
    )


def _is_older(one: Outcome, other: Outcome) -> bool:
    return one.stated_at is not None and other.stated_at is not None and one.stated_at < other.stated_at


def _key(subject: InputSubject, result: InputResult) -> str:
    return f"{subject.kind}:{_stored(subject.owner)}:{_stored(subject.about)}:{result}"


def _stored(text: str) -> str:
    return text[:SUBJECT_CHARACTERS_MAX]
