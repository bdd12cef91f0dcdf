"""The longer history behind every bus: the positioned rows that are still in the database."""

from collections.abc import Sequence
from typing import Protocol

from models.outbox import OutboxRow, StreamHead


class History(Protocol):
    """Rows with a position that are still in the database; the module `models.outbox` implements it."""

    async def stream_head(self) -> StreamHead:
        """The epoch, and the first and last stored offset."""

    async def published_after(self, offset: int, limit: int) -> Sequence[OutboxRow]:
        """Rows after an offset, oldest first."""
