"""One item of a mutation, decided once: however often and in how many processes at once the request comes.

`run_once` checks the capability, claims the idempotency key and runs `decide` in a transaction that also
stores its answer. `decide` locks what it looks at, writes and audits; where it says no nothing is written.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from desk.desk import Desk
from desk.outcomes import BUSY, KEY_REUSED, lacks, request_hash
from domain.ids import ApprovalId
from domain.principal import Capability, Principal
from domain.refusals import Refusal, RefusalCode
from models.codec import Codec
from models.database import Busy, UniqueViolated, transaction
from models.idempotency import claim_key, store_outcome, stored_outcomes


@dataclass(frozen=True, slots=True)
class Done:
    """It was done. `id` names what it was done to, or what it made."""

    id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was done, but an approval may have been asked for. `seen`: the caller may see the item."""

    code: RefusalCode
    message: str
    seen: bool = True
    approval_id: ApprovalId | None = None
    """The request that has to be approved first."""


Outcome = Done | Refused
Decide = Callable[[], Awaitable[Outcome | Refusal]]

_OUTCOMES: Codec[Outcome] = Codec(Outcome)
_DECIDED_ANEW = (RefusalCode.NOT_FOUND, RefusalCode.FORBIDDEN)
"""Answers that are not kept: what is out of sight today may be seen tomorrow."""


async def run_once(
    desk: Desk,
    principal: Principal,
    operation: str,
    key: str,
    item: str,
    request: dict[str, Any],
    decide: Decide,
    *,
    needs: Capability | tuple[Capability, ...],
) -> Outcome:
    """The outcome of this item of the request, the stored one when there is one.

    `request` is all that the caller asked for, of the whole batch, as plain data (see `plain`): the same key
    with another request is refused. `needs`: one of these capabilities. `item` is at most 80 characters,
    `operation` at most 20.
    """
    assert len(operation) <= 20, operation
    needed = needs if isinstance(needs, tuple) else (needs,)
    if not principal.audience.may(*needed):
        return Refused(RefusalCode.FORBIDDEN, lacks(*needed), seen=False)
    if not await claim_key(principal.subject, key, operation, request_hash(request), desk.clock()):
        return Refused(RefusalCode.IDEMPOTENCY_KEY_REUSED, KEY_REUSED, seen=False)
    stored = await _stored(principal, key, item)
    outcome = stored or await _decided(desk, principal, key, item, decide)
    desk.on_commit()
    return outcome


async def _decided(desk: Desk, principal: Principal, key: str, item: str, decide: Decide) -> Outcome:
    try:
        async with transaction():
            outcome = _outcome(await decide())
            if isinstance(outcome, Refused) and outcome.code in _DECIDED_ANEW:
                # It may be gone because the same request, sent twice at once, was faster to remove it.
                return await _stored(principal, key, item) or outcome
            text = _OUTCOMES.to_text(outcome)
            await store_outcome(principal.subject, key, item, text, desk.clock())
            return outcome
    except Busy:
        return Refused(RefusalCode.VERSION_CONFLICT, BUSY)
    except UniqueViolated:
        # The same request, sent twice at once, was faster: its answer is ours.
        stored = await _stored(principal, key, item)
        if stored is None:
            raise
        return stored


async def _stored(principal: Principal, key: str, item: str) -> Outcome | None:
    text = (await stored_outcomes(principal.subject, key, [item])).get(item)
    return None if text is None else _OUTCOMES.from_text(text)


def _outcome(said: Outcome | Refusal) -> Outcome:
    if isinstance(said, Refusal):
        return Refused(said.code, said.message, seen=said.code not in _DECIDED_ANEW)
    return said
