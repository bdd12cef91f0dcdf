"""The `liquidate` command, and the form in which it is stored for approval."""

from dataclasses import dataclass

from domain.amount_formula import LiquidationTarget
from domain.approval import Approval
from domain.ids import CaseId, RecoveryId
from domain.liquidation_plan import NO_EXPECTATION, Expectation, PlanRequest
from domain.money import plain_text
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


def plain_request(command: Liquidate) -> dict[str, object]:
    """The request as plain data, which two requests under one idempotency key must share."""
    return {"reason": command.reason, "cases": [_plain_item(item) for item in command.cases]}


def _plain_item(item: LiquidateCase) -> dict[str, object]:
    request = item.plan
    legs = (
        None
        if request.legs is None
        else [[leg.symbol, plain_text(leg.quantity), plain_text(leg.limit_price)] for leg in request.legs]
    )
    return (
        {
            "case": item.case_id,
            "expectedVersion": item.expected_version,
            "legs": legs,
            "policy": request.policy,
            "keep": sorted(request.keep),
            "order": [request.order_type, request.session, request.time_in_force],
        }
        | _plain_knobs(request)
        | ({"recoveries": list(item.recoveries)} if item.recoveries else {})
        | _plain_expectation(item.expected)
    )


def _plain_expectation(expected: Expectation) -> dict[str, object]:
    most = {
        "notionalAtMost": plain_text(expected.notional_at_most),
        "amountAfterAtMost": plain_text(expected.amount_after_at_most),
    }
    named = {name: value for name, value in most.items() if value is not None}
    return {"expected": named} if named else {}


def _plain_knobs(request: PlanRequest) -> dict[str, object]:
    """Options without a value are left out, so that stored requests from before they existed keep
    their hash.
    """
    knobs = {
        "target": request.target if request.target is not LiquidationTarget.MARGIN_CALL else None,
        "priceBand": plain_text(request.price_band or None),
        "maxAdvShare": plain_text(request.caps.adv_share),
        "maxSliceNotional": plain_text(request.caps.slice_notional),
        "override": request.override or None,
    }
    return {name: knob for name, knob in knobs.items() if knob is not None}
