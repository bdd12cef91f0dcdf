"""The answers of `liquidate` and `cancel` for each item, as stored under the idempotency key."""

import hashlib
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from domain.ids import ApprovalId, CaseId, OrderId, Symbol
from domain.liquidation_plan import Plan
from domain.refusals import RefusalCode
from models.sql.codec import Codec, dumps


@dataclass(frozen=True, slots=True)
class Uncurable:
    """A position that cannot contribute to the cure, with the reason."""

    symbol: Symbol
    code: RefusalCode
    remaining: Decimal | None = None
    """Units that stay; None in answers stored before this field existed."""


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
    """No order was recorded. `case_seen`: the case is within the caller's scope."""

    case_id: CaseId
    code: RefusalCode
    message: str
    case_seen: bool
    approval_id: ApprovalId | None = None
    """Set with APPROVAL_REQUIRED and APPROVAL_PENDING."""
    plan: Plan | None = None
    """Set with EXPECTATION_EXCEEDED: the plan that was not placed."""


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """The cancel is requested, now or by an earlier request."""

    order_id: OrderId
    already_pending: bool


@dataclass(frozen=True, slots=True)
class CancelRefused:
    """No cancel was requested. `order_seen`: the order is within the caller's scope."""

    order_id: OrderId
    code: RefusalCode
    message: str
    order_seen: bool


def liquidation_refused(case_id: str, code: RefusalCode, message: str) -> LiquidationRefused:
    """A refusal for a case within the caller's scope."""
    return LiquidationRefused(CaseId(case_id), code, message, True)


def cancel_refused(order_id: str, code: RefusalCode, message: str) -> CancelRefused:
    """A refusal for an order within the caller's scope."""
    return CancelRefused(OrderId(order_id), code, message, True)


LiquidationOutcome = LiquidationStarted | LiquidationRefused
CancelOutcome = CancelRequested | CancelRefused

LIQUIDATION_OUTCOMES: Codec[LiquidationOutcome] = Codec(LiquidationOutcome)
CANCEL_OUTCOMES: Codec[CancelOutcome] = Codec(CancelOutcome)


def request_hash(request: dict[str, Any]) -> str:
    """Equal requests have equal hashes; decimals are compared by value, so 1.0 and 1.00 are the same
    request.
    """
    return hashlib.sha256(dumps(request).encode()).hexdigest()
