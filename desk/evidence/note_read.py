"""Record reads of personal data: one audit entry per request, written before the response is sent."""

from collections.abc import Collection, Sequence

from desk.audit import entry
from desk.context import DeskContext
from domain.ids import ClientId
from domain.principal import Principal
from models.audit import write_audit

CLIENTS_NAMED = 100
"""The most client ids in one entry, which always has their total number."""


async def note_read(
    desk: DeskContext,
    principal: Principal,
    operation: str,
    fields: Sequence[str],
    clients: Collection[ClientId],
) -> None:
    """`operation`: request or subscription; which clients a subscription will show is not known."""
    detail = {
        "operation": operation,
        "fields": list(fields),
        "clients": sorted(clients)[:CLIENTS_NAMED],
        "clientCount": len(clients),
    }
    record = entry(
        principal, desk.clock(), "readPersonalData", "personalData", principal.request_id or "", detail
    )
    await write_audit([record])
