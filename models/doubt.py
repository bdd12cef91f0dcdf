"""Stored doubts about accounts. Nothing here locks an account: see `AccountDoubtTable`."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.doubt import Doubt, DoubtReason
from domain.ids import AccountId
from models.sql.database import Row, fetch, fetch_one, placeholders
from models.sql.readable import readable
from models.sql.unreadable import reads
from models.sql.values import time
from models.sql.where import Where

DETAIL_CHARACTERS_MAX = 500
SUBJECT_CHARACTERS_MAX = 40
_COLUMNS = "d.account_id, d.reason, d.subject, d.detail, d.since, d.last_seen_at, d.attempts"


@dataclass(frozen=True, slots=True)
class StoredDoubt:
    """A doubt, when it was last found, and how often."""

    doubt: Doubt
    last_seen_at: datetime
    attempts: int


async def note_doubts(account_id: AccountId, doubts: Iterable[Doubt], now: datetime) -> list[Doubt]:
    """Store the doubts; returns the new ones. A known doubt keeps its `since`."""
    new = []
    for doubt in doubts:
        subject = doubt.subject[:SUBJECT_CHARACTERS_MAX]
        detail = doubt.detail[:DETAIL_CHARACTERS_MAX].replace("\x00", "")
        row = await fetch_one(
            "INSERT INTO account_doubt"
            " (key, account_id, reason, subject, detail, since, last_seen_at, attempts)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, 1)"
            " ON CONFLICT (key) DO UPDATE SET detail = excluded.detail,"
            " last_seen_at = excluded.last_seen_at, attempts = account_doubt.attempts + 1"
            " RETURNING attempts",
            f"{account_id}:{doubt.reason}:{subject}",
            account_id,
            doubt.reason,
            subject,
            detail,
            doubt.since,
            now,
        )
        assert row is not None
        if row["attempts"] == 1:
            new.append(doubt)
    return new


async def clear_doubts(
    account_id: AccountId, reasons: Sequence[DoubtReason], subjects: Sequence[str] | None = None
) -> list[Doubt]:
    """Remove the doubts of these reasons, of all subjects or of those given; returns the removed ones."""
    where = Where()
    where.add("account_id = ?", account_id)
    where.add("reason IN (?)", list(reasons))
    if subjects is not None:
        where.add("subject IN (?)", [subject[:SUBJECT_CHARACTERS_MAX] for subject in subjects])
    rows = await fetch(
        f"DELETE FROM account_doubt{where} RETURNING reason, subject, detail, since", *where.values
    )
    return [_doubt(row) for row in rows]


async def doubts_of(account_ids: Sequence[AccountId]) -> dict[AccountId, list[StoredDoubt]]:
    """The doubts of each account that has any, the oldest first."""
    rows = await fetch(
        f"SELECT {_COLUMNS} FROM account_doubt d WHERE d.account_id IN ({placeholders(account_ids)})"
        " ORDER BY d.since, d.key",
        *account_ids,
    )
    doubts: dict[AccountId, list[StoredDoubt]] = defaultdict(list)
    for row in rows:
        doubts[AccountId(row["account_id"])].append(_stored(row))
    return dict(doubts)


async def accounts_in_doubt(reason: DoubtReason) -> list[AccountId]:
    """The accounts with a doubt of this reason."""
    rows = await fetch("SELECT DISTINCT account_id FROM account_doubt WHERE reason = $1", reason)
    return [AccountId(row["account_id"]) for row in rows]


async def unwatched_by_reason() -> Mapping[DoubtReason, int]:
    """The number of accounts with a doubt of each reason, including 0.

    An unknown reason is damage: it is left out, and one of its accounts is named.
    """
    rows = await fetch(
        "SELECT reason, COUNT(DISTINCT account_id) AS accounts, MIN(account_id) AS account_id"
        " FROM account_doubt GROUP BY reason"
    )
    counted = dict(readable(rows, _counted, "account_doubt", "account_id"))
    return {reason: counted.get(reason, 0) for reason in DoubtReason}


def _counted(row: Row) -> tuple[DoubtReason, int]:
    return DoubtReason(row["reason"]), int(row["accounts"])


@reads("account_doubt", "account_id")
def _stored(row: Row) -> StoredDoubt:
    return StoredDoubt(_doubt(row), time(row["last_seen_at"]), int(row["attempts"]))


@reads("account_doubt", "account_id")
def _doubt(row: Row) -> Doubt:
    return Doubt(DoubtReason(row["reason"]), row["subject"], row["detail"], time(row["since"]))
