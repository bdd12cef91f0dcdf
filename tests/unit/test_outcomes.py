"""Stored outcomes keep their meaning, also those written before outcomes had one vocabulary."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from desk.outcomes import (
    CANCEL_OUTCOMES,
    LIQUIDATION_OUTCOMES,
    OUTCOMES,
    AwaitingApproval,
    CancelOutcome,
    CancelRequested,
    Done,
    ExpectationExceeded,
    LiquidationOutcome,
    LiquidationStarted,
    Outcome,
    Refused,
    Uncurable,
)
from domain.ids import ApprovalId, CaseId, OrderId, Symbol
from domain.liquidation_plan import Plan, PlannedLeg
from domain.market import Instrument, InstrumentKind, Quote, TradeStatus
from domain.money import Currency
from domain.order import OrderSide
from domain.refusals import RefusalCode
from models.sql.codec import Codec, dumps, loads

D = Decimal
STOCK = Instrument(
    symbol=Symbol("A"),
    name="A",
    market="XNYS",
    currency=Currency("USD"),
    kind=InstrumentKind.STOCK,
    lot_size=D(1),
    multiplier=D(1),
    fee_rate=D(0),
    trade_status=TradeStatus.TRADING,
)
LEG = PlannedLeg(
    instrument=STOCK,
    side=OrderSide.SELL,
    quantity=D(3),
    price=D(20),
    limit_price=None,
    fee=D(0),
    base_notional=D(60),
    reduction=D(6),
    quote=Quote(Symbol("A"), datetime(2026, 1, 5, tzinfo=UTC), last=D(20)),
)
PLAN = Plan((LEG,), Decimal(10), Decimal(10), Decimal(4), Decimal(6), Decimal(60))
AWAITING = AwaitingApproval(RefusalCode.APPROVAL_REQUIRED, "two", ApprovalId("a1"))
REFUSED = Refused(RefusalCode.SWITCH_OFF, "off")
STARTED = LiquidationStarted(
    CaseId("c1"),
    (OrderId("o1"),),
    Decimal("1.50"),
    Decimal(0),
    (Uncurable(Symbol("A"), RefusalCode.CAPPED, Decimal(3)),),
)


@pytest.mark.parametrize("outcome", [Done("d"), AWAITING, REFUSED, Refused(REFUSED.code, "off", seen=False)])
def test_an_outcome_is_read_as_it_was_written(outcome: Outcome) -> None:
    assert OUTCOMES.from_text(OUTCOMES.to_text(outcome)) == outcome


@pytest.mark.parametrize(
    "outcome", [STARTED, AWAITING, REFUSED, ExpectationExceeded(RefusalCode.EXPECTATION_EXCEEDED, "x", PLAN)]
)
def test_an_outcome_of_liquidate_is_read_as_it_was_written(outcome: LiquidationOutcome) -> None:
    assert LIQUIDATION_OUTCOMES.from_text(LIQUIDATION_OUTCOMES.to_text(outcome)) == outcome


@pytest.mark.parametrize("outcome", [CancelRequested(OrderId("o"), True), REFUSED])
def test_an_outcome_of_cancel_is_read_as_it_was_written(outcome: CancelOutcome) -> None:
    assert CANCEL_OUTCOMES.from_text(CANCEL_OUTCOMES.to_text(outcome)) == outcome


NO_APPROVAL: Mapping[str, Any] = {"code": "SWITCH_OFF", "message": "off", "approval_id": None}
APPROVAL: Mapping[str, Any] = {"code": "APPROVAL_REQUIRED", "message": "two", "approval_id": "a1"}
OF_A_CASE = {"case_id": "c1", "case_seen": True, "plan": None}
EXCEEDED = {
    **OF_A_CASE,
    "code": "EXPECTATION_EXCEEDED",
    "message": "more",
    "approval_id": None,
    "plan": loads(Codec[Plan](Plan).to_text(PLAN)),
}


@pytest.mark.parametrize(
    ("codec", "stored", "outcome"),
    [
        (OUTCOMES, {**NO_APPROVAL, "seen": True}, REFUSED),
        (OUTCOMES, {**APPROVAL, "seen": True}, AWAITING),
        (LIQUIDATION_OUTCOMES, {**NO_APPROVAL, **OF_A_CASE}, REFUSED),
        (LIQUIDATION_OUTCOMES, {**APPROVAL, **OF_A_CASE}, AWAITING),
        (LIQUIDATION_OUTCOMES, EXCEEDED, ExpectationExceeded(RefusalCode.EXPECTATION_EXCEEDED, "more", PLAN)),
        (
            CANCEL_OUTCOMES,
            {"code": "SWITCH_OFF", "message": "off", "order_id": "o", "order_seen": True},
            REFUSED,
        ),
    ],
)
def test_an_outcome_stored_in_the_earlier_form_keeps_its_meaning(
    codec: Codec[Any], stored: dict[str, Any], outcome: object
) -> None:
    assert codec.from_text(dumps(stored)) == outcome
