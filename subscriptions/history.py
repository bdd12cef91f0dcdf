"""The longer memory behind every bus: the positioned rows that the database still holds."""

from collections.abc import Sequence
from typing import Protocol

from models.outbox import OutboxRow, StreamHead


class History(Protocol):
    """The positioned rows that the database still holds; the module `models.outbox` is one."""

    async def stream_head(self) -> StreamHead:
        """The epoch, and the first and last offset held."""

    async def published_after(self, offset: int, limit: int) -> Sequence[OutboxRow]:
        """Rows behind an offset, oldest first."""
