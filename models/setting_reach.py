"""The reach of changed risk settings: factors that came into force, and the accounts concerned."""

from collections.abc import Sequence
from datetime import datetime

from domain.ids import AccountId
from domain.risk_settings import FACTOR_KINDS, SettingKind
from models.sql.database import fetch, fetch_one, placeholders
from models.sql.values import time

_FACTORS = ", ".join(repr(kind.value) for kind in FACTOR_KINDS)


async def factor_subjects_changed(
    after_number: int, since: datetime, now: datetime
) -> list[tuple[SettingKind, str]]:
    """Factors that came into force after `since`, or by a version with a number above `after_number`."""
    rows = await fetch(
        f"SELECT DISTINCT s.kind, s.subject FROM risk_setting s WHERE s.kind IN ({_FACTORS})"
        " AND s.effective_at <= $3 AND (s.number > $1 OR s.effective_at > $2)",
        after_number,
        since,
        now,
    )
    return [(SettingKind(row["kind"]), row["subject"]) for row in rows]


async def factor_moments(since: datetime) -> list[datetime]:
    """When factors change after `since`."""
    rows = await fetch(
        f"SELECT DISTINCT s.effective_at FROM risk_setting s WHERE s.kind IN ({_FACTORS})"
        " AND s.effective_at > $1",
        since,
    )
    return [time(row["effective_at"]) for row in rows]


async def number_of(setting_id: str | None) -> int:
    """A version's number; 0 for none."""
    if setting_id is None:
        return 0
    row = await fetch_one("SELECT number FROM risk_setting WHERE id = $1", setting_id)
    return int(row["number"]) if row else 0


async def accounts_concerned(kind: SettingKind, subject: str) -> list[AccountId]:
    """The accounts whose figures these factors change."""
    client_id, _, symbol = (
        subject.rpartition(":") if kind is SettingKind.CLIENT_FACTORS else ("", "", subject)
    )
    rows = await fetch(
        "SELECT p.account_id FROM position p JOIN account a ON a.id = p.account_id"
        " WHERE p.instrument_id = $1 AND ($2 = '' OR a.client_id = $2)",
        symbol,
        client_id,
    )
    return [AccountId(row["account_id"]) for row in rows]


async def accounts_of_types(types: Sequence[str]) -> list[AccountId]:
    """Every account of these types."""
    rows = await fetch(f"SELECT id FROM account WHERE type IN ({placeholders(types)})", *types)
    return [AccountId(row["id"]) for row in rows]


async def accounts_of_group(group: str) -> list[AccountId]:
    """Every account of the clients of a group."""
    rows = await fetch(
        "SELECT a.id FROM account a JOIN client k ON k.id = a.client_id WHERE k.client_group = $1", group
    )
    return [AccountId(row["id"]) for row in rows]
