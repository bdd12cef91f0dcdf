"""The order machine: its tables are complete, and its odd rows do what they say."""

from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from domain.execution import ExecType, ExecutionReport
from domain.ids import ClientOrderId
from domain.order import (
    CancelCause,
    Order,
    OrderChange,
    OrderStatus,
    OrderType,
    RefusedTransition,
    act,
    apply,
    ask_cancel,
    client_order_id,
    mark_not_received,
    mark_sent,
    mark_unanswered,
    mark_unfit,
    plan_of,
)
from domain.order_states import (
    DESK_TRIGGERS,
    FILL_TRIGGERS,
    REFUSED,
    TERMINAL,
    TRANSITIONS,
    OrderAlert,
    OrderTrigger,
)
from domain.refusals import Refusal, RefusalCode
from tests.kit.orders import LATER, PRICE, QUANTITY, a_fill, a_report, an_order

S, T = OrderStatus, OrderTrigger
PAIRS = list(product(OrderStatus, OrderTrigger))
NO_SUCH_FILL = {(S.FILLED, T.PARTIAL_FILL), (S.FILLED, T.FULL_FILL)}


def changed(outcome: OrderChange | RefusedTransition | Refusal) -> OrderChange:
    assert isinstance(outcome, OrderChange), outcome
    return outcome


def applied(order: Order, *reports: ExecutionReport) -> OrderChange:
    change = None
    for report in reports:
        change = changed(apply(order, report, LATER))
        order = change.order
    assert change is not None
    return change


def trigger(order: Order, cause: OrderTrigger) -> OrderChange | RefusedTransition:
    """Bring the cause about by the function that the desk would call."""
    if cause in DESK_TRIGGERS:
        return act(order, cause, LATER, "because")
    if cause in FILL_TRIGGERS:
        rest = max(order.quantity - order.filled_quantity, Decimal(0))
        return apply(order, a_fill(rest + {T.PARTIAL_FILL: -100, T.FULL_FILL: 0}.get(cause, 100)), LATER)
    exec_type = ExecType.NEW if cause is T.ACKNOWLEDGED else ExecType(cause)
    return apply(order, a_report(exec_type, "text"), LATER)


@pytest.mark.parametrize(("status", "cause"), PAIRS)
def test_every_pair_is_either_a_transition_or_refused(status: OrderStatus, cause: OrderTrigger) -> None:
    assert ((status, cause) in TRANSITIONS) != ((status, cause) in REFUSED)


def test_no_table_names_a_pair_that_is_none() -> None:
    assert len(TRANSITIONS) + len(REFUSED) == len(PAIRS)


@pytest.mark.parametrize(("status", "cause"), sorted(set(PAIRS) - NO_SUCH_FILL))
def test_an_order_follows_the_tables_of_transitions(status: OrderStatus, cause: OrderTrigger) -> None:
    outcome = trigger(an_order(status), cause)
    if isinstance(outcome, RefusedTransition):
        contradicts = cause is T.NOT_RECEIVED and status is S.PENDING_CANCEL
        assert contradicts or outcome.code is REFUSED[status, cause]
        return
    transition = TRANSITIONS[status, cause]
    assert outcome.order.status in transition.targets
    assert (outcome.previous_status, outcome.trigger, outcome.alert) == (status, cause, transition.alert)
    assert outcome.order.version == (1 if outcome.unchanged else 2)
    assert outcome.order.updated_at == (an_order(status).updated_at if outcome.unchanged else LATER)


def test_a_late_fill_after_a_cancel_is_booked_and_the_order_stays_cancelled() -> None:
    change = applied(an_order(S.CANCELED, filled=100), a_fill(400))
    assert (change.order.status, change.alert) == (S.CANCELED, OrderAlert.LATE_FILL)
    assert change.order.filled_quantity == 500
    assert change.order.leaves_quantity == 0


@pytest.mark.parametrize("status", [S.CANCELED, S.EXPIRED, S.REJECTED])
def test_a_late_fill_that_completes_the_order_makes_it_filled(status: OrderStatus) -> None:
    change = applied(an_order(status), a_fill(QUANTITY))
    assert (change.order.status, change.alert) == (S.FILLED, OrderAlert.LATE_FILL)


@pytest.mark.parametrize("status", [S.NEW, S.PENDING_CANCEL, S.FILLED, S.CANCELED, S.UNKNOWN])
def test_an_overfill_is_booked_and_raises_an_alert(status: OrderStatus) -> None:
    order = an_order(status)
    change = applied(order, a_fill(QUANTITY + 100))
    assert (change.order.status, change.alert) == (S.FILLED, OrderAlert.OVERFILL)
    assert change.order.filled_quantity == order.filled_quantity + QUANTITY + 100


def test_a_fill_before_the_acknowledgement_is_booked_and_the_acknowledgement_changes_nothing() -> None:
    filled = applied(an_order(S.PENDING_NEW), a_fill(400))
    assert filled.order.status is S.PARTIALLY_FILLED
    acknowledged = applied(filled.order, a_report(ExecType.NEW))
    assert acknowledged.unchanged
    assert acknowledged.order is filled.order


def test_fills_during_a_pending_cancel_are_booked_until_the_order_is_complete() -> None:
    change = applied(an_order(S.PENDING_CANCEL), a_fill(400))
    assert (change.order.status, change.order.filled_quantity) == (S.PENDING_CANCEL, Decimal(400))
    change = applied(change.order, a_fill(700))
    assert (change.order.status, change.order.cancel_requested) == (S.FILLED, False)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"acknowledged": False}, S.PENDING_NEW),
        ({"acknowledged": True}, S.NEW),
        ({"filled": 400}, S.PARTIALLY_FILLED),
    ],
)
def test_a_refused_cancel_restores_the_known_status_of_the_order(
    before: dict[str, Any], after: OrderStatus
) -> None:
    change = applied(an_order(S.PENDING_CANCEL, **before), a_report(ExecType.CANCEL_REJECTED, "too late"))
    assert (change.order.status, change.order.cancel_requested) == (after, False)
    assert change.order.reason == "too late"
    assert change.order.cancellable


def test_the_status_in_the_venues_words_is_kept_as_long_as_the_order_keeps_its_status() -> None:
    order = an_order(S.PARTIALLY_FILLED, filled=400, raw_status="PartialFilledStatus")
    assert applied(order, a_fill(100)).order.raw_status == "PartialFilledStatus"
    assert applied(order, a_fill(700)).order.raw_status is None


def test_an_acknowledgement_during_a_pending_cancel_is_remembered() -> None:
    pending = an_order(S.PENDING_CANCEL, acknowledged=False)
    change = applied(pending, a_report(ExecType.NEW), a_report(ExecType.CANCEL_REJECTED))
    assert change.order.status is S.NEW


def test_an_order_cancelled_after_a_partial_fill_keeps_its_fills_and_the_askers_reason() -> None:
    asked = changed(ask_cancel(an_order(S.PARTIALLY_FILLED, filled=400), LATER, "client paid"))
    change = applied(asked.order, a_report(ExecType.CANCELED))
    assert (change.order.status, change.order.filled_quantity) == (S.CANCELED, Decimal(400))
    assert change.order.reason == "client paid"
    assert change.order.average_price == PRICE


@pytest.mark.parametrize("exec_type", [ExecType.NEW, ExecType.CANCELED, ExecType.CANCEL_REJECTED])
@pytest.mark.parametrize("status", sorted(TERMINAL))
def test_a_repeated_or_late_report_changes_nothing(status: OrderStatus, exec_type: ExecType) -> None:
    order = an_order(status)
    change = applied(order, a_report(exec_type, "again"))
    assert change.unchanged
    assert change.order is order


@pytest.mark.parametrize("status", [S.PENDING_APPROVAL, S.QUEUED])
def test_a_cancel_before_sending_needs_no_venue(status: OrderStatus) -> None:
    change = changed(ask_cancel(an_order(status), LATER, "mistake"))
    assert (change.order.status, change.order.reason) == (S.CANCELED, "mistake")


@pytest.mark.parametrize("status", [S.PENDING_NEW, S.NEW, S.PARTIALLY_FILLED])
def test_a_cancel_after_sending_is_pending_and_asking_again_finds_it_so(status: OrderStatus) -> None:
    first = changed(ask_cancel(an_order(status), LATER, "mistake"))
    assert (first.order.status, first.unchanged) == (S.PENDING_CANCEL, False)
    again = changed(ask_cancel(first.order, LATER, "again"))
    assert (again.order, again.unchanged) == (first.order, True)


@pytest.mark.parametrize("status", sorted(TERMINAL))
def test_a_cancel_of_an_ended_order_is_too_late(status: OrderStatus) -> None:
    refusal = ask_cancel(an_order(status), LATER, None)
    assert isinstance(refusal, Refusal)
    assert refusal.code is RefusalCode.TOO_LATE
    assert status in refusal.message


def test_the_cancel_of_an_unknown_order_waits_until_the_order_is_found() -> None:
    asked = changed(ask_cancel(an_order(S.UNKNOWN), LATER, "mistake"))
    assert (asked.order.status, asked.order.cancel_requested) == (S.UNKNOWN, True)
    assert changed(ask_cancel(asked.order, LATER, "again")).unchanged
    assert applied(asked.order, a_report(ExecType.NEW)).order.status is S.PENDING_CANCEL
    assert applied(asked.order, a_fill(400)).order.status is S.PENDING_CANCEL
    assert applied(asked.order, a_fill(QUANTITY)).order.status is S.FILLED


def test_the_cancel_of_an_operator_outweighs_that_of_the_desk_and_not_the_reverse() -> None:
    called_off = changed(ask_cancel(an_order(S.NEW), LATER, "cured", CancelCause.CURED)).order
    assert called_off.cancel_cause is CancelCause.CURED
    decided = changed(ask_cancel(called_off, LATER, "client paid"))
    assert (decided.order.cancel_cause, decided.order.reason) == (CancelCause.DECIDED, "client paid")
    assert (decided.unchanged, decided.order.version) == (False, called_off.version + 1)
    assert changed(ask_cancel(decided.order, LATER, "cured", CancelCause.CURED)).unchanged


def test_a_refused_cancel_of_the_desk_is_forgotten_and_one_of_an_operator_is_not() -> None:
    for cause, kept in ((CancelCause.CURED, None), (CancelCause.DECIDED, CancelCause.DECIDED)):
        asked = changed(ask_cancel(an_order(S.NEW), LATER, None, cause)).order
        lives_on = applied(asked, a_report(ExecType.CANCEL_REJECTED)).order
        assert (lives_on.status, lives_on.cancel_cause) == (S.NEW, kept)
        assert applied(lives_on, a_report(ExecType.CANCELED)).order.cancel_cause is kept


@pytest.mark.parametrize("status", [S.PENDING_NEW, S.NEW, S.UNKNOWN])
def test_the_cause_of_a_cancel_is_known_after_every_end_of_the_order(status: OrderStatus) -> None:
    asked = changed(ask_cancel(an_order(status), LATER, None)).order
    for after in (a_fill(QUANTITY), a_report(ExecType.CANCELED), a_report(ExecType.EXPIRED)):
        ended = applied(asked, after).order
        assert (ended.cancel_requested, ended.cancel_cause) == (False, CancelCause.DECIDED)


def test_an_order_that_the_venue_never_got_is_queued_again_under_the_same_id() -> None:
    sent = changed(mark_sent(an_order(S.QUEUED), LATER)).order
    unknown = changed(mark_unanswered(sent, LATER)).order
    again = changed(mark_not_received(unknown, LATER)).order
    assert (sent.status, unknown.status, again.status) == (S.PENDING_NEW, S.UNKNOWN, S.QUEUED)
    assert again.client_order_id == sent.client_order_id


@pytest.mark.parametrize("status", [S.UNKNOWN, S.PENDING_CANCEL])
def test_an_order_with_a_requested_cancel_that_never_arrived_is_cancelled(status: OrderStatus) -> None:
    order = an_order(status, acknowledged=False, cancel_requested=True)
    assert changed(mark_not_received(order, LATER)).order.status is S.CANCELED


def test_a_venue_cannot_deny_an_order_that_it_acknowledged() -> None:
    refused = mark_not_received(an_order(S.PENDING_CANCEL, acknowledged=True), LATER)
    assert isinstance(refused, RefusedTransition)


def test_an_order_that_has_traded_cannot_be_rejected() -> None:
    refused = apply(an_order(S.PENDING_CANCEL, filled=400), a_report(ExecType.REJECTED), LATER)
    assert isinstance(refused, RefusedTransition)


def test_a_report_that_overtakes_the_sent_mark_still_counts() -> None:
    """The venue may deny an order and yet have it; what it then reports is booked all the same."""
    assert applied(an_order(S.QUEUED), a_fill(400)).order.status is S.PARTIALLY_FILLED


def test_an_order_is_sent_once() -> None:
    sent = changed(mark_sent(an_order(S.QUEUED), LATER)).order
    assert isinstance(mark_sent(sent, LATER), RefusedTransition)


@pytest.mark.parametrize(
    ("status", "cancellable"),
    [
        (S.PENDING_APPROVAL, True),
        (S.NEW, True),
        (S.UNKNOWN, True),
        (S.PENDING_CANCEL, False),
        (S.FILLED, False),
    ],
)
def test_an_order_is_cancellable_if_it_may_trade_and_has_no_requested_cancel(
    status: OrderStatus, cancellable: bool
) -> None:
    assert an_order(status).cancellable is cancellable


@pytest.mark.parametrize(
    ("status", "changes"),
    [
        (S.QUEUED, {"quantity": Decimal(0)}),
        (S.QUEUED, {"limit_price": None}),
        (S.QUEUED, {"limit_price": Decimal(0)}),
        (S.QUEUED, {"type": OrderType.MARKET}),
        (S.QUEUED, {"created_at": LATER.replace(tzinfo=None)}),
        (S.QUEUED, {"filled": 100}),
        (S.QUEUED, {"acknowledged": True}),
        (S.QUEUED, {"cancel_requested": True}),
        (S.NEW, {"acknowledged": False}),
        (S.NEW, {"filled": 100}),
        (S.PARTIALLY_FILLED, {"filled": 0, "acknowledged": True}),
        (S.PARTIALLY_FILLED, {"filled": QUANTITY}),
        (S.PENDING_CANCEL, {"cancel_requested": False}),
        (S.PENDING_CANCEL, {"filled": QUANTITY}),
        (S.FILLED, {"filled": QUANTITY - 1}),
        (S.CANCELED, {"filled": QUANTITY}),
        (S.CANCELED, {"cancel_requested": True}),
        (S.REJECTED, {"filled_quantity": Decimal(1)}),
    ],
)
def test_an_impossible_order_cannot_be_built(status: OrderStatus, changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"order|fills|price"):
        an_order(status, **changes)


def test_an_order_that_a_check_stops_is_rejected_with_the_reason() -> None:
    change = changed(mark_unfit(an_order(S.QUEUED), LATER, "the price collar"))
    assert (change.order.status, change.order.reason) == (S.REJECTED, "the price collar")
    assert (change.order.updated_at, change.trigger) == (LATER, T.CHECK_FAILED)


def test_the_smallest_limit_and_the_smallest_fill_are_possible() -> None:
    cent = Decimal("0.01")
    order = an_order(S.NEW, limit_price=cent)
    assert order.limit_price == cent
    filled = applied(order, a_fill(cent)).order
    assert (filled.status, filled.filled_quantity) == (S.PARTIALLY_FILLED, cent)


@pytest.mark.parametrize("changes", [{"quantity": Decimal(0)}, {"filled_quantity": Decimal(-1)}])
def test_an_order_of_nothing_or_with_a_negative_fill_cannot_be_built(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="above zero"):
        an_order(S.CANCELED, **changes)


def test_the_text_of_a_refused_cancel_is_the_reason_and_that_of_an_acknowledgement_is_not() -> None:
    acknowledged = applied(an_order(S.PENDING_NEW), a_report(ExecType.NEW, "welcome"))
    assert (acknowledged.order.status, acknowledged.order.reason) == (S.NEW, None)
    rejected = applied(an_order(S.PENDING_NEW), a_report(ExecType.REJECTED, "no"))
    assert (rejected.order.status, rejected.order.reason) == (S.REJECTED, "no")


def test_an_impossible_trigger_names_itself_and_the_status() -> None:
    refused = act(an_order(S.NEW), T.SENT, LATER)
    assert isinstance(refused, RefusedTransition)
    assert (refused.status, refused.trigger) == (S.NEW, T.SENT)
    assert refused.why


def test_an_action_of_the_desk_keeps_its_reason_and_counts_as_decided() -> None:
    change = changed(act(an_order(S.QUEUED), T.CANCEL_REQUESTED, LATER, "by the trader"))
    assert (change.order.reason, change.order.cancel_cause) == ("by the trader", CancelCause.DECIDED)


def test_a_repeated_request_to_cancel_keeps_the_alert_and_the_first_reason() -> None:
    once = changed(ask_cancel(an_order(S.NEW), LATER, "first"))
    again = changed(ask_cancel(once.order, LATER, "second"))
    assert (again.unchanged, again.order.reason) == (True, "first")
    assert again.alert is TRANSITIONS[S.PENDING_CANCEL, T.CANCEL_REQUESTED].alert


def test_a_refused_cancel_of_an_order_with_the_smallest_fill_leaves_it_partially_filled() -> None:
    order = an_order(S.PENDING_CANCEL, filled=Decimal("0.01"))
    change = applied(order, a_report(ExecType.CANCEL_REJECTED, "too late"))
    assert (change.order.status, change.order.cancel_requested) == (S.PARTIALLY_FILLED, False)


def test_a_cause_that_is_added_to_a_requested_cancel_leaves_its_reason() -> None:
    order = an_order(S.PENDING_CANCEL, reason="first")
    change = changed(ask_cancel(order, LATER, "second"))
    assert (change.order.cancel_cause, change.order.reason) == (CancelCause.DECIDED, "first")


def test_an_order_id_names_its_case_its_plan_and_its_leg() -> None:
    order = client_order_id("MC-2020-000007", 12, 3)
    assert order == "MC-2020-000007-12-3"
    assert plan_of(order) == "12"


@pytest.mark.parametrize("text", ["", "12", "12-3", "MC-x-3", "MC-12-x", "MC-12-", "MC--3"])
def test_what_is_no_order_id_of_the_desk_names_no_plan(text: str) -> None:
    with pytest.raises(ValueError, match="not an order id"):
        plan_of(ClientOrderId(text))
