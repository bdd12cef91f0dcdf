"""The doubts about accounts come and go through here, so that each coming and going stands in the log."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import structlog

from domain.doubt import Doubt, DoubtReason
from domain.ids import AccountId
from models import doubt as stored
from models.holding import account_no_of

log = structlog.get_logger()


async def note_doubts(account_id: AccountId, doubts: Iterable[Doubt], now: datetime) -> None:
    """Store the doubts about the account. Needs no lock; a doubt that is known keeps its beginning."""
    for new in await stored.note_doubts(account_id, doubts, now):
        facts = {"reason": new.reason, "subject": new.subject, "detail": new.detail}
        log.warning("an account cannot be judged", account_no=await account_no_of(account_id), **facts)


async def clear_doubts(
    account_id: AccountId, reasons: Sequence[DoubtReason], subjects: Sequence[str] | None = None
) -> list[Doubt]:
    """Remove the doubts of these reasons, of all subjects or of these; those that were there."""
    gone = await stored.clear_doubts(account_id, reasons, subjects)
    for doubt in gone:
        facts = {"reason": doubt.reason, "subject": doubt.subject, "since": doubt.since.isoformat()}
        log.info("a doubt about an account ended", account_no=await account_no_of(account_id), **facts)
    return gone
