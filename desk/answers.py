"""Answers stored under an idempotency key: every item of a request is decided once.

A request repeated under its key, also one sent to two processes at the same time, gets the same answers. The
items of a batch are independent: a fault at one item becomes that item's refusal.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Inexact
from functools import partial
from typing import Generic, TypeVar
from uuid import uuid4

import structlog

from desk.fair_scheduler import Attempt
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

BUSY = "Another transaction holds this account: read it again, then retry."
UNREADABLE = (
    "Stored data that this depends on is damaged. The log names the damaged row for the desk's operator."
)
TOO_LARGE = (
    "The figures have more digits than the desk can store: check the positions and prices of the account."
)

Answer = TypeVar("Answer")
Refused = TypeVar("Refused")
Item = TypeVar("Item", bound=str)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Answers(Generic[Answer, Refused]):
    """The stored answers of one request.

    `key` belongs to the actor and is already claimed. `refused` turns a refusal of one item into an answer.
    """

    codec: Codec[Answer]
    actor: str
    key: str
    refused: Callable[[str, RefusalCode, str], Refused]

    async def given(self, items: Sequence[Item]) -> dict[Item, Answer | Refused]:
        """Stored answers by item. An unreadable one is returned as refused, because its item must not be
        executed again.
        """
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
        """Store an answer in the transaction of its effect; raises `UniqueViolated` if the item has an answer
        already.
        """
        await store_outcome(self.actor, self.key, item, self.codec.to_text(answer), now)

    async def decide_once(self, item: Item, decide: Callable[[], Awaitable[Answer]]) -> Answer | Refused:
        """Run `decide` in its own transaction and store its answer there.

        If the same request was decided faster elsewhere, the answer stored there is returned. Refusals
        because of a long-held lock, damaged data or figures that are too large are not stored, so that a
        retry can succeed.
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
    """One answer per item of a batch, in order; a fault at one item does not affect the others.

    A fault of the desk is logged with its traceback, and the item's refusal carries the reference. `attempt`
    raises what concerns every item, such as an unavailable database.
    """
    answered: list[Answer] = []

    async def one(item: Item) -> None:
        answered.append(await answer(item))

    for item in items:
        fault = await attempt(partial(one, item))
        if fault is not None:
            answered.append(refused(item, RefusalCode.DESK_FAULT, _fault_message(item, fault)))
    return answered


def _fault_message(item: str, fault: Exception) -> str:
    reference = uuid4().hex
    log.error("an item of a batch failed", item=item, reference=reference, exc_info=fault)
    return f"The desk failed at this item. Report the reference {reference} to the desk's operator."
