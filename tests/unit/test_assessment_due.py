"""Why an account has to be assessed, reason by reason; on random days in `tests/integration`."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from desk.assessment.assessment_due import Known, Reason, assessment_due
from domain.bounds import Gap
from domain.case import AlertType, Case, CaseStatus
from domain.doubt import DoubtReason
from domain.events import OrderView
from domain.exemption import Exemption, ExemptionKind, ExemptionScope
from domain.ids import CaseId, OrderId
from domain.judgement import Answer, Judgement
from domain.money import ONE, ZERO
from domain.order import Order, OrderStatus
from domain.reporting import ReportingRate
from domain.risk_settings import RiskPolicy, SettingId
from models.book import AccountBook
from tests.kit.live_desk import case_event
from tests.kit.orders import QUANTITY, an_order
from tests.unit.books import HKD, NOW, TENCENT, flat, holding, instrument, quote
from tests.unit.books import book as a_book

HOLD = timedelta(minutes=5)
INSTANT = timedelta(microseconds=1)
VIEW = case_event(NOW).view
FIGURES = replace(VIEW.case.figures, amount=ZERO)
CALL = VIEW.case
"""A maintenance call with time left."""
ORDER = an_order(OrderStatus.NEW, case_id=CALL.id)
"""A sale of all that the account holds, for the call."""
NO, YES, UNKNOWN = Answer.NO, Answer.YES, Answer.UNKNOWN
EXEMPT = RiskPolicy(
    exemptions=((SettingId("rule"), Exemption(ExemptionKind.MARGIN_CALL, ExemptionScope.GLOBAL)),)
)
GAP = Gap(DoubtReason.NO_PRICE, "700.HK")


def book(**changes: Any) -> AccountBook:
    held = holding(instrument(TENCENT), str(QUANTITY), flat(".3"), quote(TENCENT, "400"))
    kept = AccountBook(VIEW.account, a_book(held), 1, False, None, RiskPolicy(), ReportingRate(HKD, ONE))
    return replace(kept, **changes)


def judged(due: Answer = NO, owes: Answer = YES, **changes: Any) -> Judgement:
    """Fresh data, above the force-close margin."""
    calls = {AlertType.MAINTENANCE: due}
    return replace(Judgement(due, NO, owes, NO, old=False, due=calls), **changes)


def cured(**changes: Any) -> Case:
    """The call, with nothing to collect for exactly as long as it has to last."""
    return replace(CALL, figures=FIGURES, cured_since=NOW - HOLD, **changes)


def reason(
    judgement: Judgement, *cases: Case, orders: Sequence[Order] = (), account: AccountBook | None = None
) -> Reason | None:
    views = [OrderView(order, VIEW.account) for order in orders]
    known = Known(account or book(), FIGURES, judgement, cases, views)
    return assessment_due(known, NOW, HOLD)


def test_nothing_is_due_for_a_sound_account_or_a_call_that_takes_its_course() -> None:
    assert reason(judged(owes=NO)) is None
    assert reason(judged(), CALL) is None
    assert reason(judged(YES), CALL, orders=[ORDER]) is None


def test_a_written_off_breach_ends_with_fresh_data_only() -> None:
    off = book(written_off=frozenset({AlertType.MAINTENANCE}))
    assert reason(judged(NO), account=off) is Reason.BREACH_ENDED
    assert reason(judged(NO, old=True), account=off) is None
    assert reason(judged(YES), account=off) is None
    assert reason(judged(UNKNOWN), account=off) is None


def test_a_call_is_due_unless_its_case_is_open_or_a_rule_exempts_the_account() -> None:
    assert reason(judged(YES)) is Reason.CALL_DUE
    assert reason(judged(YES), CALL) is None
    assert reason(judged(YES), account=book(policy=EXEMPT)) is None


def test_a_call_of_another_kind_is_due_beside_an_open_one() -> None:
    both = replace(judged(), due={AlertType.MAINTENANCE: YES, AlertType.OVER_FINANCING: YES})
    assert reason(both, CALL) is Reason.CALL_DUE
    exempt = book(policy=EXEMPT)
    over = replace(CALL, alert_type=AlertType.OVER_FINANCING)
    assert reason(replace(both, over_financed=YES), over, account=exempt) is None


def test_orders_that_exceed_the_position_are_due() -> None:
    twice = [ORDER, replace(ORDER, id=OrderId("order-2"))]
    assert reason(judged(YES), CALL, orders=twice) is Reason.ORDERS_EXCEED


def test_a_price_that_is_missing_for_the_decision_and_not_noted_is_due() -> None:
    unsure = judged(UNKNOWN, gaps=(GAP,))
    assert reason(unsure) is Reason.DOUBTS_CHANGED
    assert reason(unsure, account=book(policy=EXEMPT)) is None
    assert reason(judged(UNKNOWN, UNKNOWN, gaps=(GAP,)), CALL) is Reason.DOUBTS_CHANGED
    assert reason(unsure, CALL) is None


@pytest.mark.parametrize("alert_type", [AlertType.MAINTENANCE, AlertType.SHORT_RECALL])
def test_selling_becomes_allowed_after_the_deadline_or_below_the_force_close_margin(
    alert_type: AlertType,
) -> None:
    call = replace(CALL, alert_type=alert_type)
    late = replace(call, deadline=NOW - INSTANT)
    assert reason(judged(), late) is Reason.FORCE_ELIGIBLE
    assert reason(judged(), replace(call, deadline=NOW)) is None
    assert reason(judged(below_force=YES), call) is Reason.FORCE_ELIGIBLE
    assert reason(judged(below_force=UNKNOWN), call) is None
    assert reason(judged(below_force=YES), replace(late, force_eligible=True)) is None


def test_a_liquidation_without_open_orders_has_ended() -> None:
    selling = replace(CALL, status=CaseStatus.LIQUIDATING, plans=1)
    assert reason(judged(), selling, orders=[ORDER]) is None
    assert reason(judged(), selling) is Reason.ORDERS_ENDED
    elsewhere = replace(ORDER, case_id=CaseId("another"))
    assert reason(judged(), selling, orders=[elsewhere]) is Reason.ORDERS_ENDED


def test_a_rule_that_exempts_the_account_voids_its_call_once_no_order_is_open() -> None:
    exempt = book(policy=EXEMPT)
    assert reason(judged(YES), CALL, account=exempt) is Reason.EXEMPTED
    assert reason(judged(YES), CALL, orders=[ORDER], account=exempt) is None


def test_orders_are_superfluous_when_nothing_is_left_to_collect() -> None:
    assert reason(judged(owes=NO), CALL, orders=[ORDER]) is Reason.ORDERS_SUPERFLUOUS
    assert reason(judged(owes=NO, old=True), CALL, orders=[ORDER]) is None
    override = replace(ORDER, override=True)
    assert reason(judged(owes=NO), CALL, orders=[override]) is None
    cancelling = an_order(OrderStatus.PENDING_CANCEL, case_id=CALL.id)
    assert reason(judged(owes=NO), CALL, orders=[cancelling]) is None


def test_a_call_is_cured_when_nothing_was_owed_for_long_enough_and_no_order_is_open() -> None:
    assert reason(judged(owes=NO), cured()) is Reason.CURED
    assert reason(judged(owes=NO), replace(cured(), cured_since=NOW - HOLD + INSTANT)) is None
    assert reason(judged(owes=YES), cured()) is None
    assert reason(judged(owes=NO, old=True), cured()) is None
    assert reason(judged(owes=NO), cured(), orders=[replace(ORDER, override=True)]) is None


def test_a_recovered_stock_call_is_cured_whatever_the_account_owes() -> None:
    recall = cured(alert_type=AlertType.SHORT_RECALL)
    assert reason(judged(), recall) is Reason.CURED
    assert reason(judged(owes=NO), replace(recall, cured_since=None)) is None
    assert reason(judged(owes=NO), recall, orders=[ORDER]) is None


def test_the_first_case_with_a_reason_decides() -> None:
    over = replace(CALL, alert_type=AlertType.OVER_FINANCING, id=CaseId("over"))
    assert reason(judged(over_financed=YES), over, cured()) is None
    assert reason(judged(owes=NO, over_financed=YES), over, cured()) is Reason.CURED
