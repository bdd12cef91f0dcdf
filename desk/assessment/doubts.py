"""Add and remove doubts about accounts, and log each of these changes."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import structlog

from domain.doubt import Doubt, DoubtReason
from domain.ids import AccountId
from models import doubt as stored
from models.holding import account_no_of

log = structlog.get_logger()


async def note_doubts(account_id: AccountId, doubts: Iterable[Doubt], now: datetime) -> None:
    """Store the doubts about the account. Needs no lock; a known doubt keeps its start time."""
    for new in await stored.note_doubts(account_id, doubts, now):
        facts = {"reason": new.reason, "subject": new.subject, "detail": new.detail}
        log.warning("an account cannot be judged", account_no=await account_no_of(account_id), **facts)


async def clear_doubts(
    account_id: AccountId, reasons: Sequence[DoubtReason], subjects: Sequence[str] | None = None
) -> list[Doubt]:
    """Remove the doubts of these reasons, of all subjects or of those given; returns the removed ones."""
    gone = await stored.clear_doubts(account_id, reasons, subjects)
    for doubt in gone:
        facts = {"reason": doubt.reason, "subject": doubt.subject, "since": doubt.since.isoformat()}
        log.info("an account can be judged again", account_no=await account_no_of(account_id), **facts)
    return gone
