"""One item of a mutation, decided once, however often and in however many processes the request arrives.

`run_once` checks the capability, claims the idempotency key and runs `decide` in a transaction that also
stores its answer. `decide` locks what it reads, writes and audits; if it refuses, nothing is written.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from desk.admission import refused_admission
from desk.answers import Answers, each_answered
from desk.context import DeskContext
from desk.outcomes import request_hash
from domain.ids import ApprovalId
from domain.principal import Capability, Principal
from domain.refusals import Refusal, RefusalCode
from models.sql.codec import Codec


@dataclass(frozen=True, slots=True)
class Done:
    """The command was executed. `id` names the object that it changed or created."""

    id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The command was not executed, but may have created an approval request. `seen`: the item is within the
    caller's scope.
    """

    code: RefusalCode
    message: str
    seen: bool = True
    approval_id: ApprovalId | None = None
    """The request that has to be approved first."""


Outcome = Done | Refused
Item = TypeVar("Item", bound=str)
Decide = Callable[[], Awaitable[Outcome | Refusal]]

_OUTCOMES: Codec[Outcome] = Codec(Outcome)
_DECIDED_ANEW = (RefusalCode.NOT_FOUND, RefusalCode.FORBIDDEN)
"""Refusals that are not stored, because the caller's scope may be wider at the next attempt."""


async def run_once(
    desk: DeskContext,
    principal: Principal,
    operation: str,
    key: str,
    item: str,
    request: dict[str, Any],
    decide: Decide,
    *,
    needs: Capability | tuple[Capability, ...],
) -> Outcome:
    """The outcome of this item of the request, the stored one if there is one.

    `request` is all of the request, the whole batch, as plain data (see `plain`): the same key with another
    request is refused. The caller must have one of the capabilities in `needs`. `item` has at most 80
    characters, `operation` at most 20.
    """
    needed = needs if isinstance(needs, tuple) else (needs,)
    refused = await refused_admission(desk, principal, operation, key, request_hash(request), *needed)
    if refused is not None:
        return Refused(refused.code, refused.message, seen=False)
    outcome = await _decided(desk, Answers(_OUTCOMES, principal.subject, key, _refused), item, decide)
    desk.on_commit()
    return outcome


async def run_each(
    desk: DeskContext, items: Sequence[Item], run: Callable[[Item], Awaitable[Outcome]]
) -> list[Outcome]:
    """One outcome per item of a batch, in order and independent of each other; `run` is a `run_once`."""
    return await each_answered(desk.attempt, items, run, _refused)


def _refused(item: str, code: RefusalCode, message: str) -> Outcome:
    return Refused(code, message)


async def _decided(
    desk: DeskContext, answers: Answers[Outcome, Outcome], item: str, decide: Decide
) -> Outcome:
    async def decided() -> Outcome:
        outcome = _outcome(await decide())
        if isinstance(outcome, Refused) and outcome.code in _DECIDED_ANEW:
            # The item may be missing because the same request, sent twice at once, has just removed it.
            return (await answers.given([item])).get(item, outcome)
        await answers.store(item, outcome, desk.clock())
        return outcome

    given = await answers.given([item])
    if item in given:
        return given[item]
    return await answers.decide_once(item, decided)


def _outcome(decided: Outcome | Refusal) -> Outcome:
    if isinstance(decided, Refusal):
        return Refused(decided.code, decided.message, seen=decided.code not in _DECIDED_ANEW)
    return decided
