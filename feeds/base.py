"""What a feed is: an endless, batched source of quotes, FX rates and statements about the book.

Guarantees every feed gives:

- At least once. A batch that is not acknowledged comes again, after a reconnect or a restart. Every message
  is absolute ("it stands at"), so hearing it twice changes nothing.
- Within one source, messages come in the order in which they were published. After a fault a repeat may
  bring messages older than one already delivered: the consumer ignores whatever is older (`at`, `as_of`)
  than what it holds.
- A batch holds 1 to `batch_size` messages; whatever cannot be read is set aside and never delivered.
- A feed never ends silently: `batches()` ends after `close()` (or at the end of a replay that was told to
  stop); a lost connection is retried with bounded back-off, and a fault that waiting cannot mend is raised.

One consumer iterates at a time. It commits a batch's effects first and acknowledges afterwards.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import NewType, Protocol

from domain.book_changes import BookChange
from domain.market import FxRate, Quote

FeedMessage = Quote | FxRate | BookChange

Receipt = NewType("Receipt", str)
"""What the feed knows a message by; opaque to the consumer."""


@dataclass(frozen=True, slots=True)
class FeedBatch:
    """Messages of one source in order; `receipts[i]` belongs to `messages[i]`."""

    source: str
    messages: tuple[FeedMessage, ...]
    receipts: tuple[Receipt, ...]

    def __post_init__(self) -> None:
        assert self.messages, "an empty batch says nothing"
        assert len(self.messages) == len(self.receipts), "a receipt per message"


class Feed(Protocol):
    """See the module's docstring for the guarantees."""

    def batches(self) -> AsyncGenerator[FeedBatch]:
        """The batches, waiting for the next one where there is none."""
        ...

    async def acknowledge(self, batch: FeedBatch) -> None:
        """The batch's effects are committed: it need not come again."""
        ...

    async def reject(self, batch: FeedBatch, index: int, reason: str) -> None:
        """Set message `index` aside with the reason, e.g. an unknown account. The batch is acknowledged all
        the same."""
        ...

    async def close(self) -> None:
        """End the iteration and let go of connections. Harmless when repeated."""
        ...
