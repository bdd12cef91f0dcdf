"""The steps of every command: permission, idempotency key, and each item decided once.

A request repeated under its key, also one sent to two processes at the same time, gets the same answers. The
items of a batch are independent: a fault at one item becomes that item's refusal.
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Inexact
from functools import partial
from typing import Any, Generic, TypeVar, cast
from uuid import uuid4

import structlog

from desk.context import DeskContext
from desk.outcomes import OUTCOMES, Outcome, Refused, refused
from domain.money import AmountTooLarge
from domain.principal import CAPABILITIES, Capability, Permission, Principal
from domain.refusals import Refusal, RefusalCode
from models.idempotency import claim_key, store_outcome, stored_outcomes
from models.sql.codec import Codec, dumps
from models.sql.database import UniqueViolated, transaction, unreadable_rows, use_case
from models.sql.faults import Busy
from models.sql.unreadable import UnreadableRow, reading

KEY_REUSED = "This idempotency key was used for another request: choose a new key."
BUSY = "Another transaction holds this account: read it again, then retry."
UNREADABLE = (
    "Stored data that this depends on is damaged. The log names the damaged row for the desk's operator."
)
TOO_LARGE = (
    "The figures have more digits than the desk can store: check the positions and prices of the account."
)
OPERATION_LENGTH_MAX = 20
"""Characters of the name of an operation, as wide as its column."""

Item = TypeVar("Item", bound=str)
Answer = TypeVar("Answer")
Decide = Callable[[Item], Awaitable[Answer | Refused | Refusal]]
"""Decides one item in the caller's transaction: locks what it reads, writes and audits. If it refuses, it has
written nothing."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class CommandRequest:
    """A caller's request to execute an operation.

    `content` is the whole request, all items of the batch, as plain data: another content under the same key
    is refused. The caller must have one of the capabilities in `needs`.
    """

    principal: Principal
    operation: str
    idempotency_key: str
    content: Mapping[str, Any]
    needs: tuple[Capability, ...]

    def __post_init__(self) -> None:
        assert len(self.operation) <= OPERATION_LENGTH_MAX, self.operation


def content_hash(content: Mapping[str, Any]) -> str:
    """Equal requests have equal hashes. Decimals in `content` are plain text, so that 1.0 and 1.00 are
    equal.
    """
    return hashlib.sha256(dumps(dict(content)).encode()).hexdigest()


async def run_once(
    desk: DeskContext, request: CommandRequest, item: str, decide: Callable[[], Awaitable[Outcome | Refusal]]
) -> Outcome:
    """The outcome of a request with one item. `item` has at most 80 characters."""
    (outcome,) = await run_each(desk, request, [item], lambda _: decide())
    return outcome


async def run_each(
    desk: DeskContext, request: CommandRequest, items: Sequence[Item], decide: Decide[Item, Outcome]
) -> list[Outcome]:
    """One outcome per item, in order, each decided in a transaction of its own, or stored by an earlier
    attempt.
    """
    refusal = await admission_refused(desk, request)
    if refusal is not None:
        return [refusal] * len(items)
    return await answer_each(desk, request, items, decide, OUTCOMES)


async def admission_refused(desk: DeskContext, request: CommandRequest) -> Refused | None:
    """The refusal of the whole request; None: the caller has a sufficient permission, and the key is claimed.

    The key belongs to the caller. A request repeated under its key is admitted again.
    """
    if not request.principal.audience.may(*request.needs):
        return Refused(RefusalCode.FORBIDDEN, permission_lacking(*request.needs), seen=False)
    caller, key = request.principal.subject, request.idempotency_key
    if not await claim_key(caller, key, request.operation, content_hash(request.content), desk.clock()):
        return Refused(RefusalCode.IDEMPOTENCY_KEY_REUSED, KEY_REUSED, seen=False)
    return None


def permission_lacking(*needs: Capability) -> str:
    """The refusal message for a missing permission, naming the permissions that would suffice."""
    grants = [granted for granted in Permission if not CAPABILITIES[granted].isdisjoint(needs)]
    return f"Your token does not permit this action, which needs {' or '.join(grants)}."


async def answer_each(
    desk: DeskContext,
    request: CommandRequest,
    items: Sequence[Item],
    decide: Decide[Item, Answer],
    codec: Codec[Answer],
) -> list[Answer | Refused]:
    """As `run_each`, for an admitted request; the caller's `codec` writes the stored answers.

    A fault of the desk at one item is logged with its traceback, and the item's refusal carries the
    reference. What concerns every item, such as an unavailable database, is raised.
    """
    with use_case(request.operation, len(items)):
        return await _answer_each(desk, request, items, decide, codec)


async def _answer_each(
    desk: DeskContext,
    request: CommandRequest,
    items: Sequence[Item],
    decide: Decide[Item, Answer],
    codec: Codec[Answer],
) -> list[Answer | Refused]:
    answers: _Answers[Answer] = _Answers(codec, request.principal.subject, request.idempotency_key)
    outcomes: dict[Item, Answer | Refused] = await answers.stored(items)

    async def answer(item: Item) -> None:
        decided = await _decided_once(desk, answers, item, decide)
        outcomes[item] = decided

    for item in items:
        if item not in outcomes:
            fault = await desk.attempt(partial(answer, item))
            if fault is not None:
                outcomes[item] = Refused(RefusalCode.DESK_FAULT, fault_message(item, fault))
    desk.on_commit()
    return [outcomes[item] for item in items]


@dataclass(frozen=True, slots=True)
class _Answers(Generic[Answer]):
    """The stored answers under one idempotency key, which is claimed for its caller."""

    codec: Codec[Answer]
    caller: str
    key: str

    async def stored(self, items: Sequence[Item]) -> dict[Item, Answer | Refused]:
        """Stored answers by item. An unreadable one is returned as refused, because its item must not be
        executed again.
        """
        texts = await stored_outcomes(self.caller, self.key, items)
        return {item: self._read(item, texts[item]) for item in items if item in texts}

    def _read(self, item: str, text: str) -> Answer | Refused:
        try:
            with reading("idempotency_item", f"{self.key}:{item}"):
                return self.codec.from_text(text)
        except UnreadableRow as damaged:
            unreadable_rows().note(damaged)
            return Refused(RefusalCode.UNREADABLE, UNREADABLE)

    async def store(self, item: str, answer: Answer | Refused, now: datetime) -> None:
        """Store an answer in the transaction of its effect; raises `UniqueViolated` if the item has an answer
        already.
        """
        # Every codec writes `Refused` too, which the type of `Answer` cannot demand.
        await store_outcome(self.caller, self.key, item, self.codec.to_text(cast(Answer, answer)), now)


async def _decided_once(
    desk: DeskContext, answers: _Answers[Answer], item: Item, decide: Decide[Item, Answer]
) -> Answer | Refused:
    """Decide in a transaction of its own, which also stores the answer.

    If the same request was decided faster elsewhere, the answer stored there is returned. Refusals because of
    a long-held lock, damaged data or figures that are too large are not stored, so that a retry can succeed.
    """
    try:
        async with transaction():
            return await _decided(desk, answers, item, decide)
    except Busy:
        return Refused(RefusalCode.VERSION_CONFLICT, BUSY)
    except UnreadableRow as damaged:
        unreadable_rows().note(damaged)
        return Refused(RefusalCode.UNREADABLE, UNREADABLE)
    except (AmountTooLarge, Inexact):
        return Refused(RefusalCode.TOO_LARGE, TOO_LARGE)
    except UniqueViolated:
        faster = await answers.stored([item])
        if item not in faster:
            raise
        return faster[item]


async def _decided(
    desk: DeskContext, answers: _Answers[Answer], item: Item, decide: Decide[Item, Answer]
) -> Answer | Refused:
    decision = await decide(item)
    outcome = refused(decision) if isinstance(decision, Refusal) else decision
    if isinstance(outcome, Refused) and not outcome.seen:
        # Not stored, since the caller's scope may be wider at the next attempt. The item may also be missing
        # because the same request, sent twice at once, has just removed it.
        return (await answers.stored([item])).get(item, outcome)
    await answers.store(item, outcome, desk.clock())
    return outcome


def fault_message(item: str, fault: Exception) -> str:
    """For the refusal of one item at which the desk fails; the traceback goes to the log."""
    reference = uuid4().hex
    log.error("an item of a batch failed", item=item, reference=reference, exc_info=fault)
    return f"The desk failed at this item. Report the reference {reference} to the desk's operator."
