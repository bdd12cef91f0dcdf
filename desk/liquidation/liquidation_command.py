"""The `liquidate` command, and the form in which it is stored for approval."""

from dataclasses import dataclass

from domain.approval import Approval
from domain.ids import CaseId, RecoveryId
from domain.liquidation_plan import NO_EXPECTATION, Expectation, PlanRequest
from models.sql.codec import Codec


@dataclass(frozen=True, slots=True)
class LiquidateCase:
    """One case of a batch."""

    case_id: CaseId
    expected_version: int | None
    plan: PlanRequest
    recoveries: tuple[RecoveryId, ...] = ()
    """For a case of stock recovery: the recoveries to serve; empty: all open ones."""
    expected: Expectation = NO_EXPECTATION
    """The most that the current plan may do; beyond it nothing is placed."""


@dataclass(frozen=True, slots=True)
class Liquidate:
    """Liquidate several cases, each named once."""

    idempotency_key: str
    cases: tuple[LiquidateCase, ...]
    reason: str | None
    approval: Approval | None = None
    """The approval under which it runs; the caller is the checker, and the orders are the maker's."""
    ordered_alone_by: str | None = None
    """The person against whose one-person limit the orders count; None: no person."""


@dataclass(frozen=True, slots=True)
class ApprovedLiquidation:
    """A command stored until a second person approves it, without the version that the maker saw."""

    idempotency_key: str
    item: LiquidateCase


APPROVED_LIQUIDATIONS: Codec[ApprovedLiquidation] = Codec(ApprovedLiquidation)
