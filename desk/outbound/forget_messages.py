"""Delete settled messages after their retention: the text is deleted, the audit keeps that they were sent."""

from datetime import datetime

from desk.audit import MESSAGES, entry
from models.audit import write_audit
from models.message import prune_messages
from models.sql.database import transaction


async def forget_messages(before: datetime, limit: int, now: datetime) -> int:
    """Delete at most `limit` messages older than `before`; returns how many."""
    async with transaction():
        forgotten = await prune_messages(before, limit)
        if forgotten:
            detail = {"messages": forgotten, "settledBefore": before.isoformat()}
            await write_audit([entry(MESSAGES, now, "forgetMessages", "message", "*", detail)])
    return forgotten
