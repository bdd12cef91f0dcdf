"""Who did what, append-only, written in the transaction that did it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from models.codec import dumps
from models.database import execute_many


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One act; `detail` is plain data, decimals as text."""

    at: datetime
    actor: str
    action: str
    entity: str
    entity_id: str
    detail: dict[str, Any]


async def write_audit(entries: Sequence[AuditEntry]) -> None:
    """Append."""
    await execute_many(
        "INSERT INTO audit (at, actor, action, entity, entity_id, detail) VALUES ($1, $2, $3, $4, $5, $6)",
        [
            (entry.at, entry.actor, entry.action, entry.entity, entry.entity_id, dumps(entry.detail))
            for entry in entries
        ],
    )
