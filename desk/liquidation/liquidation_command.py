"""What `liquidate` is asked to do, and what of it is kept."""

from dataclasses import dataclass

from desk.outcomes import request_hash
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
    """Of a case of stock recovery: which to serve; none named: all that are open."""
    expected: Expectation = NO_EXPECTATION
    """What the plan of the moment may be at most; beyond it nothing is placed."""


@dataclass(frozen=True, slots=True)
class Liquidate:
    """The command. Cases differ from each other."""

    idempotency_key: str
    cases: tuple[LiquidateCase, ...]
    reason: str | None
    approval: Approval | None = None
    """What a second person approved; the caller is that person, and the orders are the maker's."""
    ordered_alone_by: str | None = None
    """Whose one-person limit the orders count against; None: nobody's."""


@dataclass(frozen=True, slots=True)
class ApprovedLiquidation:
    """What is kept of a command until a second person approves it: the version that was seen is not."""

    idempotency_key: str
    item: LiquidateCase


APPROVED_LIQUIDATIONS: Codec[ApprovedLiquidation] = Codec(ApprovedLiquidation)


def content_hash(command: Liquidate) -> str:
    """Two requests under one idempotency key must be the same in this."""
    return request_hash({"reason": command.reason, "cases": [_plain_item(item) for item in command.cases]})


def _plain_item(item: LiquidateCase) -> dict[str, object]:
    asked = item.plan
    legs = (
        None
        if asked.legs is None
        else [[leg.symbol, plain_text(leg.quantity), plain_text(leg.limit_price)] for leg in asked.legs]
    )
    return (
        {
            "case": item.case_id,
            "expectedVersion": item.expected_version,
            "legs": legs,
            "policy": asked.policy,
            "keep": sorted(asked.keep),
            "order": [asked.order_type, asked.session, asked.time_in_force],
        }
        | _plain_knobs(asked)
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


def _plain_knobs(asked: PlanRequest) -> dict[str, object]:
    """Left out where nothing is asked: a request from before there were knobs keeps its hash."""
    knobs = {
        "target": asked.target if asked.target is not LiquidationTarget.MARGIN_CALL else None,
        "priceBand": plain_text(asked.price_band or None),
        "maxAdvShare": plain_text(asked.caps.adv_share),
        "maxSliceNotional": plain_text(asked.caps.slice_notional),
        "override": asked.override or None,
    }
    return {name: knob for name, knob in knobs.items() if knob is not None}
