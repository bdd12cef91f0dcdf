"""Keep who read personal data: one audit entry per request, written before the answer goes out."""

from collections.abc import Collection, Sequence

from desk.audit import entry
from desk.desk import Desk
from domain.ids import ClientId
from domain.principal import Principal
from models.audit import write_audit

CLIENTS_NAMED = 100
"""Of how many clients the entry names the ids; it says how many there were in any case."""


async def note_read(
    desk: Desk, principal: Principal, operation: str, fields: Sequence[str], clients: Collection[ClientId]
) -> None:
    """`operation`: request or subscription; of the latter it is not known whom it will show."""
    detail = {
        "operation": operation,
        "fields": list(fields),
        "clients": sorted(clients)[:CLIENTS_NAMED],
        "clientCount": len(clients),
    }
    made = entry(
        *(principal, desk.clock(), "readPersonalData", "personalData"),
        *(principal.request_id or "", detail),
    )
    await write_audit([made])
