"""What a command answers for each of its items: done, awaiting approval, or refused."""

from dataclasses import dataclass
from decimal import Decimal

from domain.ids import ApprovalId, CaseId, OrderId, Symbol
from domain.liquidation_plan import Plan
from domain.refusals import Refusal, RefusalCode
from models.sql.codec import Codec


@dataclass(frozen=True, slots=True)
class Done:
    """The command was executed. `id` names the object that it changed or created."""

    id: str


@dataclass(frozen=True, slots=True)
class AwaitingApproval:
    """Nothing was executed: a second person has to approve the request first. `code` is APPROVAL_REQUIRED, or
    APPROVAL_PENDING if the same request was already pending.
    """

    code: RefusalCode
    message: str
    approval_id: ApprovalId


@dataclass(frozen=True, slots=True)
class Refused:
    """The command was not executed. `seen`: the item is within the caller's scope."""

    code: RefusalCode
    message: str
    seen: bool = True


Outcome = Done | AwaitingApproval | Refused

OUTCOMES: Codec[Outcome] = Codec(Outcome)


@dataclass(frozen=True, slots=True)
class Uncurable:
    """A position that cannot contribute to the cure, with the reason."""

    symbol: Symbol
    code: RefusalCode
    remaining: Decimal | None = None
    """Units that stay; None in answers stored before this field existed."""


@dataclass(frozen=True, slots=True)
class LiquidationStarted:
    """The liquidation was executed: its orders are recorded. Amounts are in the account's base currency."""

    case_id: CaseId
    order_ids: tuple[OrderId, ...]
    estimated_reduction: Decimal
    amount_after: Decimal
    uncurable: tuple[Uncurable, ...]
    short_of_target: Decimal = Decimal(0)
    unknown_volume: tuple[Symbol, ...] = ()


@dataclass(frozen=True, slots=True)
class ExpectationExceeded:
    """A liquidation refused as EXPECTATION_EXCEEDED, with the plan that was not placed."""

    code: RefusalCode
    message: str
    plan: Plan


LiquidationOutcome = LiquidationStarted | AwaitingApproval | ExpectationExceeded | Refused

LIQUIDATION_OUTCOMES: Codec[LiquidationOutcome] = Codec(LiquidationOutcome)


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """The cancel was executed: it is requested from the venue, now or by an earlier request."""

    order_id: OrderId
    already_pending: bool


CancelOutcome = CancelRequested | Refused

CANCEL_OUTCOMES: Codec[CancelOutcome] = Codec(CancelOutcome)


NotDone = AwaitingApproval | ExpectationExceeded | Refused

UNSEEN = (RefusalCode.NOT_FOUND, RefusalCode.FORBIDDEN)
"""Refusals of items outside the caller's scope."""


def is_seen(outcome: NotDone) -> bool:
    """Whether the item is within the caller's scope."""
    return not isinstance(outcome, Refused) or outcome.seen


def approval_id_of(outcome: NotDone) -> ApprovalId | None:
    """The request that has to be approved first, if any."""
    return outcome.approval_id if isinstance(outcome, AwaitingApproval) else None


def refused(refusal: Refusal) -> Refused:
    """The refusal as an outcome."""
    return Refused(refusal.code, refusal.message, seen=refusal.code not in UNSEEN)
