"""What `liquidate` and `cancel` answer for each item, as they are stored under the idempotency key."""

import hashlib
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from domain.ids import ApprovalId, CaseId, OrderId, Symbol
from domain.liquidation_plan import Plan
from domain.principal import CAPABILITIES, Capability, Permission
from domain.refusals import RefusalCode
from models.sql.codec import Codec, dumps


@dataclass(frozen=True, slots=True)
class Uncurable:
    """A position that cannot help, and why."""

    symbol: Symbol
    code: RefusalCode
    remaining: Decimal | None = None
    """Units that stay; None in answers that were stored before it was told."""


@dataclass(frozen=True, slots=True)
class LiquidationStarted:
    """Orders were recorded. Amounts are in the account's base currency."""

    case_id: CaseId
    order_ids: tuple[OrderId, ...]
    estimated_reduction: Decimal
    amount_after: Decimal
    uncurable: tuple[Uncurable, ...]
    short_of_target: Decimal = Decimal(0)
    unknown_volume: tuple[Symbol, ...] = ()


@dataclass(frozen=True, slots=True)
class LiquidationRefused:
    """Nothing was done. `case_seen`: the caller may see the case."""

    case_id: CaseId
    code: RefusalCode
    message: str
    case_seen: bool
    approval_id: ApprovalId | None = None
    """With APPROVAL_REQUIRED and APPROVAL_PENDING."""
    plan: Plan | None = None
    """With EXPECTATION_EXCEEDED: what would have been placed."""


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """The cancel is on its way, or was before."""

    order_id: OrderId
    already_pending: bool


@dataclass(frozen=True, slots=True)
class CancelRefused:
    """Nothing was done. `order_seen`: the caller may see the order."""

    order_id: OrderId
    code: RefusalCode
    message: str
    order_seen: bool


def liquidation_refused(case_id: str, code: RefusalCode, message: str) -> LiquidationRefused:
    """Of a case that the caller may see."""
    return LiquidationRefused(CaseId(case_id), code, message, True)


def cancel_refused(order_id: str, code: RefusalCode, message: str) -> CancelRefused:
    """Of an order that the caller may see."""
    return CancelRefused(OrderId(order_id), code, message, True)


LiquidationOutcome = LiquidationStarted | LiquidationRefused
CancelOutcome = CancelRequested | CancelRefused

LIQUIDATION_OUTCOMES: Codec[LiquidationOutcome] = Codec(LiquidationOutcome)
CANCEL_OUTCOMES: Codec[CancelOutcome] = Codec(CancelOutcome)

KEY_REUSED = "This idempotency key was used for another request: choose a new one."


def lacks(*needed: Capability) -> str:
    """What to tell who may not: which permissions would do."""
    grants = [granted for granted in Permission if not CAPABILITIES[granted].isdisjoint(needed)]
    return f"Your token does not allow this: it needs {' or '.join(grants)}."


def request_hash(request: dict[str, Any]) -> str:
    """Equal requests have equal hashes; decimals by value, so 1.0 and 1.00 are the same request."""
    return hashlib.sha256(dumps(request).encode()).hexdigest()
