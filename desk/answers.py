"""What a request was answered: under its idempotency key every item of it is decided once.

Whoever sends the same request again, or twice at once to two processes, is told the same.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from models.codec import Codec
from models.database import Busy, UniqueViolated, transaction
from models.idempotency import store_outcome, stored_outcomes

Answer = TypeVar("Answer")
IfBusy = TypeVar("IfBusy")
Item = TypeVar("Item", bound=str)


@dataclass(frozen=True, slots=True)
class Answers(Generic[Answer]):
    """To one request: `key` is the actor's, and claimed."""

    codec: Codec[Answer]
    actor: str
    key: str

    async def given(self, items: Sequence[Item]) -> dict[Item, Answer]:
        """Those that are stored, by item."""
        texts = await stored_outcomes(self.actor, self.key, items)
        return {item: self.codec.from_text(texts[item]) for item in items if item in texts}

    async def store(self, item: str, answer: Answer, now: datetime) -> None:
        """In the transaction that makes it true; `UniqueViolated` when the item was answered meanwhile."""
        await store_outcome(self.actor, self.key, item, self.codec.to_text(answer), now)

    async def decide_once(
        self, item: str, decide: Callable[[], Awaitable[Answer]], if_busy: IfBusy
    ) -> Answer | IfBusy:
        """What `decide` says, in a transaction of its own in which it stores its answer; or what the same
        request, sent twice at once, was answered when it was faster.

        `if_busy`: what to say where somebody holds a lock for too long. It is not stored: try again.
        """
        try:
            async with transaction():
                return await decide()
        except Busy:
            return if_busy
        except UniqueViolated:
            faster = await self.given([item])
            if item not in faster:
                raise
            return faster[item]
