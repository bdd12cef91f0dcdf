"""Execution reports that were not booked: each content is stored once, however often the venue sends it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256

from domain.events import OrderView
from domain.execution import ExecutionReport
from domain.execution_check import EXECUTION_ID_CHARACTERS_MAX, Finding, legible
from domain.ids import OrderId
from domain.principal import EVERYTHING
from models.order import load_orders
from models.sql.codec import Codec
from models.sql.database import execute, fetch, insert_sql, placeholders

_REPORTS: Codec[ExecutionReport] = Codec(ExecutionReport)
_ANY_TIME = datetime.min.replace(tzinfo=UTC)
_NAME_CHARACTERS_MAX = 200
"""For client order ids that the desk never assigned."""
_COLUMNS = (
    "id",
    "venue",
    "execution_id",
    "digest",
    "client_order_id",
    "order_id",
    "kind",
    "why",
    "report",
    "recorded_at",
)


Key = tuple[str, str, str]
"""Venue, execution id, and a digest of the rest."""


@dataclass(frozen=True, slots=True)
class ToAsk:
    """A set-aside report and its order, about which the venue has not been asked since."""

    id: str
    view: OrderView


def key_of(report: ExecutionReport) -> Key:
    """A report that the venue sends again, later or with other text, has the same key."""
    essence = replace(report, at=_ANY_TIME, text=None, raw_status=None)
    name = legible(report.execution_id, EXECUTION_ID_CHARACTERS_MAX)
    return report.venue, name, sha256(_REPORTS.to_text(essence).encode()).hexdigest()


async def set_aside(
    row_id: str, order_id: OrderId | None, report: ExecutionReport, finding: Finding, now: datetime
) -> bool:
    """Store the report; False if the same was stored before."""
    return bool(
        await execute(
            f"{insert_sql('set_aside_report', _COLUMNS)}"
            " ON CONFLICT (venue, execution_id, digest) DO NOTHING",
            row_id,
            *key_of(report),
            legible(report.client_order_id, _NAME_CHARACTERS_MAX),
            order_id,
            finding.kind,
            finding.why,
            _REPORTS.to_text(report),
            now,
        )
    )


async def set_aside_to_ask(limit: int) -> list[ToAsk]:
    """Reports whose orders have not been compared with the venue since, oldest first."""
    rows = await fetch(
        "SELECT id, order_id FROM set_aside_report WHERE asked_at IS NULL AND order_id IS NOT NULL"
        " ORDER BY recorded_at, id LIMIT $1",
        limit,
    )
    views = await load_orders(EVERYTHING, [OrderId(row["order_id"]) for row in rows])
    return [ToAsk(row["id"], views[row["order_id"]]) for row in rows if row["order_id"] in views]


async def note_asked(ids: Sequence[str], now: datetime) -> None:
    """Record that the venue was asked about their orders."""
    marks = placeholders(ids, start=2)
    await execute(f"UPDATE set_aside_report SET asked_at = $1 WHERE id IN ({marks})", now, *ids)


async def set_aside_keys(order_id: OrderId) -> set[Key]:
    """The `key_of` all set-aside reports of an order."""
    rows = await fetch(
        "SELECT venue, execution_id, digest FROM set_aside_report WHERE order_id = $1", order_id
    )
    return {(row["venue"], row["execution_id"], row["digest"]) for row in rows}
