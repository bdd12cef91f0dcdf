"""The interface of a feed: an endless, batched source of quotes, FX rates and statements about the book.

Guarantees of every feed:

- At least once. A batch that is not acknowledged is delivered again, after a reconnect or a restart. Every
  message is absolute ("the state is"), so a repeat changes nothing.
- Within one source, messages arrive in the order in which they were published. After a fault a repeat may
  deliver messages older than earlier ones: the consumer ignores messages that are older (`at`, `as_of`) than
  what it holds.
- A batch has 1 to `batch_size` messages; unreadable ones are set aside and never delivered.
- No message is later than the clock: see `FeedBatch.ahead`.
- A feed never ends silently: `batches()` ends after `close()` (or at the end of a replay that was set to
  stop); a lost connection is retried with bounded back-off, and a fault that waiting cannot resolve is
  raised.

One consumer iterates at a time. It commits a batch's effects first and acknowledges afterwards.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NewType, Protocol

from domain.inputs import Message, Outcome
from feeds.unread import Loss

FeedMessage = Message

Receipt = NewType("Receipt", str)
"""The feed's id of a message; opaque to the consumer."""


@dataclass(frozen=True, slots=True)
class FeedBatch:
    """Messages of one source in order; `receipts[i]` belongs to `messages[i]`."""

    source: str
    messages: tuple[FeedMessage, ...]
    receipts: tuple[Receipt, ...]
    ahead: frozenset[int] = frozenset()
    """Indexes of messages that stated a time ahead of the clock, and are delivered as of their arrival."""

    def __post_init__(self) -> None:
        assert self.messages, "a batch must not be empty"
        assert len(self.messages) == len(self.receipts), "a batch must have a receipt per message"


@dataclass(frozen=True, slots=True)
class SetAside:
    """A message that the feed does not deliver yet (HELD) or at all (DEAD)."""

    source: str
    outcome: Outcome


class FeedObserver(Protocol):
    """Receives the state of a feed."""

    async def set_aside(self, messages: Sequence[SetAside]) -> None:
        """Called before the messages leave their source, so that the effects happen at least once."""
        ...

    def read(self, source: str, waited_s: float, ahead_s: Sequence[float]) -> None:
        """New messages were read, the newest of which had waited in its source for `waited_s`; `ahead_s`: how
        far the times of the messages are ahead of the clock.
        """
        ...

    def holds(self, messages: int) -> None:
        """So many messages wait for their time."""
        ...

    def interrupted(self, reason: str | None) -> None:
        """The source cannot be read, for this reason; None: it can be read again."""
        ...

    async def lost(self, source: str, loss: Loss) -> None:
        """Messages were deleted from the source before they were read; called at least once."""
        ...

    def unreadable(self, source: str, reason: str | None) -> None:
        """This source alone cannot be read, for this reason; None: it can be read again."""
        ...

    def compared(self, against: str, asked: datetime, other: datetime, answered: datetime) -> None:
        """Another clock showed `other` at a moment between `asked` and `answered` of the desk's clock."""
        ...


class Unobserved:
    """A `FeedObserver` that does nothing."""

    async def set_aside(self, messages: Sequence[SetAside]) -> None:
        """Ignored."""

    def read(self, source: str, waited_s: float, ahead_s: Sequence[float]) -> None:
        """Ignored."""

    def holds(self, messages: int) -> None:
        """Ignored."""

    def interrupted(self, reason: str | None) -> None:
        """Ignored."""

    async def lost(self, source: str, loss: Loss) -> None:
        """Ignored."""

    def unreadable(self, source: str, reason: str | None) -> None:
        """Ignored."""

    def compared(self, against: str, asked: datetime, other: datetime, answered: datetime) -> None:
        """Ignored."""


class Feed(Protocol):
    """See the module's docstring for the guarantees."""

    def batches(self) -> AsyncGenerator[FeedBatch]:
        """The batches; waits for the next one if there is none."""
        ...

    async def acknowledge(self, batch: FeedBatch) -> None:
        """The batch's effects are committed: it is not delivered again."""
        ...

    async def reject(self, batch: FeedBatch, index: int, reason: str) -> None:
        """Set message `index` aside with the reason, e.g. an unknown account. The batch is still to be
        acknowledged.
        """
        ...

    async def close(self) -> None:
        """End the iteration and release connections. Safe to repeat."""
        ...
