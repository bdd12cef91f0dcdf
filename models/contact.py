"""Contacts of clients: addresses, language and quiet hours."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from domain.ids import ClientId
from domain.message import Contact, Language, QuietHours
from models.sql.database import Row, execute, fetch, fetch_one, for_update, placeholders
from models.sql.unreadable import reads
from models.sql.values import time

CONTACT_COLUMNS = "t.email, t.phone, t.push_id, t.language AS contact_language, t.time_zone, t.quiet_hours"
"""Of `client_contact t`, for `contact_from_row`."""


async def client_id_of(client_no: str) -> ClientId | None:
    """The id of the client with this number."""
    row = await fetch_one("SELECT id FROM client WHERE client_no = $1", client_no)
    return ClientId(row["id"]) if row else None


async def lock_contact(client_id: ClientId) -> None:
    """Lock the contact; `Busy` at once if another transaction holds it."""
    await fetch(
        f"SELECT t.client_id FROM client_contact t WHERE t.client_id = $1{for_update('t', wait=False)}",
        client_id,
    )


@dataclass(frozen=True, slots=True)
class StatedContact:
    """A contact as last stated at `as_of`."""

    contact: Contact
    as_of: datetime


async def stated_contact(client_id: ClientId) -> StatedContact | None:
    """The contact as last stated; None if none was."""
    row = await fetch_one(
        f"SELECT {CONTACT_COLUMNS}, t.as_of FROM client_contact t WHERE t.client_id = $1", client_id
    )
    return StatedContact(contact_from_row(row), time(row["as_of"])) if row else None


async def state_contact(
    client_id: ClientId, contact: Contact, as_of: datetime, now: datetime | None = None
) -> bool:
    """Store the contact unless a newer one is known; returns whether it was stored.

    A known contact later than `now` does not count as newer.
    """
    quiet = contact.quiet_hours and str(contact.quiet_hours)
    return bool(
        await execute(
            "INSERT INTO client_contact (id, client_id, email, phone, push_id, language, time_zone,"
            " quiet_hours, as_of) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
            " ON CONFLICT (client_id) DO UPDATE SET email = excluded.email, phone = excluded.phone,"
            " push_id = excluded.push_id, language = excluded.language, time_zone = excluded.time_zone,"
            " quiet_hours = excluded.quiet_hours, as_of = excluded.as_of"
            " WHERE client_contact.as_of <= excluded.as_of OR client_contact.as_of > $10",
            uuid4().hex,
            client_id,
            contact.email,
            contact.phone,
            contact.push_id,
            contact.language,
            contact.time_zone,
            quiet,
            as_of,
            now,
        )
    )


async def load_contacts(ids: Sequence[ClientId]) -> dict[ClientId, Contact]:
    """Contacts of those of these clients that have one; the caller checks whether they may be seen."""
    rows = await fetch(
        f"SELECT t.client_id, {CONTACT_COLUMNS} FROM client_contact t"
        f" WHERE t.client_id IN ({placeholders(ids)})",
        *ids,
    )
    return {ClientId(row["client_id"]): contact_from_row(row) for row in rows}


@reads("client_contact", "client_id")
def contact_from_row(row: Row) -> Contact:
    """From a row with `CONTACT_COLUMNS`."""
    return Contact(
        email=row["email"],
        phone=row["phone"],
        push_id=row["push_id"],
        language=Language(row["contact_language"]),
        time_zone=row["time_zone"],
        quiet_hours=QuietHours.parse(row["quiet_hours"]) if row["quiet_hours"] else None,
    )
