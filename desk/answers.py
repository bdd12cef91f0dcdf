"""What a request was answered: under its idempotency key every item of it is decided once.

Whoever sends the same request again, or twice at once to two processes, is told the same. Each item is
answered whatever becomes of the others: what keeps one from being decided is that item's refusal.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Inexact
from functools import partial
from typing import Generic, TypeVar
from uuid import uuid4

import structlog

from desk.turns import Attempt
from domain.money import AmountTooLarge
from domain.refusals import RefusalCode
from models.idempotency import store_outcome, stored_outcomes
from models.sql.codec import Codec
from models.sql.database import (
    Busy,
    UniqueViolated,
    transaction,
    unreadable_rows,
)
from models.sql.unreadable import UnreadableRow, reading

BUSY = "Somebody else is working on this account at this moment: look again, then retry."
UNREADABLE = "Stored data that this depends on is damaged. The operator finds it in the log."
TOO_LARGE = "The figures are larger than the desk can store."

Answer = TypeVar("Answer")
Refused = TypeVar("Refused")
Item = TypeVar("Item", bound=str)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Answers(Generic[Answer, Refused]):
    """To one request: `key` is the actor's, and claimed. `refused`: a refusal of one item, as an answer."""

    codec: Codec[Answer]
    actor: str
    key: str
    refused: Callable[[str, RefusalCode, str], Refused]

    async def given(self, items: Sequence[Item]) -> dict[Item, Answer | Refused]:
        """Those that are stored, by item. One that cannot be read is refused: it must not be done again."""
        texts = await stored_outcomes(self.actor, self.key, items)
        return {item: self._read(item, texts[item]) for item in items if item in texts}

    def _read(self, item: str, text: str) -> Answer | Refused:
        try:
            with reading("idempotency_item", f"{self.key}:{item}"):
                return self.codec.from_text(text)
        except UnreadableRow as damaged:
            unreadable_rows().note(damaged)
            return self.refused(item, RefusalCode.UNREADABLE, UNREADABLE)

    async def store(self, item: str, answer: Answer, now: datetime) -> None:
        """In the transaction that makes it true; `UniqueViolated` when the item was answered meanwhile."""
        await store_outcome(self.actor, self.key, item, self.codec.to_text(answer), now)

    async def decide_once(self, item: Item, decide: Callable[[], Awaitable[Answer]]) -> Answer | Refused:
        """What `decide` says, in a transaction of its own in which it stores its answer; or what the same
        request, sent twice at once, was answered when it was faster.

        Refused, and not stored, so that the same request finds it mended: where somebody holds a lock for too
        long, where stored data is damaged, and where figures are too large.
        """
        try:
            async with transaction():
                return await decide()
        except Busy:
            return self.refused(item, RefusalCode.VERSION_CONFLICT, BUSY)
        except UnreadableRow as damaged:
            unreadable_rows().note(damaged)
            return self.refused(item, RefusalCode.UNREADABLE, UNREADABLE)
        except (AmountTooLarge, Inexact):
            return self.refused(item, RefusalCode.TOO_LARGE, TOO_LARGE)
        except UniqueViolated:
            faster = await self.given([item])
            if item not in faster:
                raise
            return faster[item]


async def each_answered(
    attempt: Attempt,
    items: Sequence[Item],
    answer: Callable[[Item], Awaitable[Answer]],
    refused: Callable[[str, RefusalCode, str], Answer],
) -> list[Answer]:
    """What became of each item of a batch, in order: one that the desk fails at costs the others nothing.

    A fault of ours is logged with its traceback, and the item is told the reference. `attempt` raises what
    concerns every item (the database is away).
    """
    answered: list[Answer] = []

    async def one(item: Item) -> None:
        answered.append(await answer(item))

    for item in items:
        fault = await attempt(partial(one, item))
        if fault is not None:
            answered.append(refused(item, RefusalCode.DESK_FAULT, _told(item, fault)))
    return answered


def _told(item: str, fault: Exception) -> str:
    reference = uuid4().hex
    log.error("an item of a batch failed", item=item, reference=reference, exc_info=fault)
    return f"Something went wrong on our side; tell the operator the reference {reference}."
