"""The case machine: its tables are complete, and its odd rows do what they say."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from domain.case import (
    LIVE,
    REFUSED,
    TRANSITIONS,
    AlertType,
    AutoLiquidation,
    AutoLiquidationTrigger,
    Case,
    CaseCloseReason,
    CaseStatus,
    CaseTrigger,
    Claim,
    decide,
    in_doubt,
    may_resolve,
    with_figures,
)
from domain.ids import AccountId, CaseId
from domain.margin import MarginFigures, RiskLevel
from domain.money import ZERO, Currency
from domain.refusals import Refusal, RefusalCode
from domain.reporting import Worth

S, T = CaseStatus, CaseTrigger
PAIRS = list(product(CaseStatus, CaseTrigger))
OPENED_AT = datetime(2020, 3, 9, 2, 0, tzinfo=UTC)
DEADLINE = datetime(2020, 3, 11, 6, 0, tzinfo=UTC)
NOW = OPENED_AT + timedelta(hours=5)
HOLD = timedelta(seconds=60)
CLOSED: dict[CaseStatus, CaseCloseReason] = {
    S.RESOLVED: CaseCloseReason.CURED,
    S.WRITTEN_OFF: CaseCloseReason.WRITTEN_OFF,
    S.VOID: CaseCloseReason.EXEMPTED,
}


def figures(amount: str = "152800.00", liquid_net_assets: str = "533000") -> MarginFigures:
    """The worked example's figures, as far as the case machine looks at them."""
    return MarginFigures(
        as_of=NOW,
        stale=False,
        cash=Decimal(-930000),
        long_market_value=Decimal(1630000),
        short_market_value=Decimal(-117000),
        dead_market_value=Decimal(50000),
        equity=Decimal(583000),
        liquid_net_assets=Decimal(liquid_net_assets),
        initial_margin=Decimal(768500),
        maintenance_margin=Decimal(598800),
        margin_call_margin=Decimal(683650),
        force_close_margin=Decimal(513950),
        net_asset_ratio=Decimal("0.3141"),
        debt=Decimal(930000),
        over_financing=Decimal(30000),
        accrued_interest=Decimal(2150),
        outstanding_margin=ZERO,
        trading_limit=ZERO,
        amount=Decimal(amount),
        risk_level=RiskLevel.DANGER,
    )


def a_case(status: CaseStatus = S.OPEN, **changes: Any) -> Case:
    if status in CLOSED:
        changes = {"closed_at": NOW, "close_reason": CLOSED[status], **changes}
    case = Case(
        id=CaseId("case-1"),
        case_no="MC-1",
        account_id=AccountId("account-1"),
        alert_type=AlertType.MAINTENANCE,
        status=S.OPEN,
        figures=figures(),
        amount_at_open=Decimal(152800),
        uncovered_amount=Decimal(152800),
        opened_at=OPENED_AT,
        deadline=DEADLINE,
        force_eligible=False,
        plans=1,
    )
    return replace(case, status=status, **changes)


def decided(case: Case, trigger: CaseTrigger) -> Case:
    outcome = decide(case, trigger, NOW)
    assert isinstance(outcome, Case), outcome
    return outcome


def cured(case: Case) -> Case:
    return with_figures(case, figures("0"), ZERO, None, NOW, False)


@pytest.mark.parametrize(("status", "trigger"), PAIRS)
def test_every_pair_is_either_a_transition_or_refused(status: CaseStatus, trigger: CaseTrigger) -> None:
    assert ((status, trigger) in TRANSITIONS) != ((status, trigger) in REFUSED)


@pytest.mark.parametrize(("status", "trigger"), PAIRS)
def test_a_case_follows_the_tables_of_transitions(status: CaseStatus, trigger: CaseTrigger) -> None:
    case = a_case(status) if status in CLOSED else cured(a_case(status))
    outcome = decide(case, trigger, NOW)
    if isinstance(outcome, Refusal):
        assert outcome == REFUSED[status, trigger]
        return
    assert outcome.status is TRANSITIONS[status, trigger]
    assert outcome.version == case.version + (outcome is not case)
    assert (outcome.closed_at is None) == (outcome.status in LIVE)


@pytest.mark.parametrize(
    ("status", "trigger", "code"),
    [
        (S.EXCEPTION, T.LIQUIDATION_ACCEPTED, RefusalCode.CASE_IN_EXCEPTION),
        (S.LIQUIDATING, T.EXCEPTION_MARKED, RefusalCode.CASE_HAS_OPEN_ORDERS),
        (S.LIQUIDATING, T.CURED, RefusalCode.CASE_HAS_OPEN_ORDERS),
        (S.LIQUIDATING, T.EXEMPTED, RefusalCode.CASE_HAS_OPEN_ORDERS),
        (S.OPEN, T.WRITTEN_OFF, RefusalCode.NOT_IN_EXCEPTION),
        (S.RESOLVED, T.LIQUIDATION_ACCEPTED, RefusalCode.CASE_CLOSED),
        (S.VOID, T.RECOMPUTED, RefusalCode.CASE_CLOSED),
        (S.WRITTEN_OFF, T.EDITED, RefusalCode.CASE_CLOSED),
    ],
)
def test_an_impossible_transition_is_refused_with_its_code(
    status: CaseStatus, trigger: CaseTrigger, code: RefusalCode
) -> None:
    outcome = decide(a_case(status), trigger, NOW)
    assert isinstance(outcome, Refusal)
    assert outcome.code is code


def test_an_accepted_liquidation_counts_the_plans() -> None:
    first = decided(a_case(plans=0), T.LIQUIDATION_ACCEPTED)
    second = decided(first, T.LIQUIDATION_ACCEPTED)
    assert (first.status, first.plans, first.version) == (S.LIQUIDATING, 1, 2)
    assert (second.status, second.plans, second.version) == (S.LIQUIDATING, 2, 3)


def test_a_case_is_open_again_when_its_orders_ended_and_resolves_from_there() -> None:
    liquidating = cured(a_case(S.LIQUIDATING))
    opened = decided(liquidating, T.ORDERS_ENDED)
    resolved = decided(opened, T.CURED)
    assert (opened.status, resolved.status) == (S.OPEN, S.RESOLVED)
    assert (resolved.closed_at, resolved.close_reason) == (NOW, CaseCloseReason.CURED)


@pytest.mark.parametrize(
    ("status", "trigger", "reason"),
    [
        (S.OPEN, T.EXEMPTED, CaseCloseReason.EXEMPTED),
        (S.OPEN, T.VOIDED, CaseCloseReason.VOIDED),
        (S.EXCEPTION, T.EXEMPTED, CaseCloseReason.EXEMPTED),
        (S.EXCEPTION, T.WRITTEN_OFF, CaseCloseReason.WRITTEN_OFF),
    ],
)
def test_a_case_ends_for_the_reason_of_its_trigger(
    status: CaseStatus, trigger: CaseTrigger, reason: CaseCloseReason
) -> None:
    closed = decided(a_case(status), trigger)
    assert (closed.close_reason, closed.closed_at, closed.live) == (reason, NOW, False)


def test_a_passed_deadline_makes_the_case_force_eligible_once() -> None:
    passed = decided(a_case(), T.DEADLINE_PASSED)
    assert (passed.force_eligible, passed.version) == (True, 2)
    assert decided(passed, T.DEADLINE_PASSED) is passed


def test_an_edit_counts_a_version() -> None:
    assert decided(a_case(), T.EDITED).version == 2


def test_new_figures_leave_the_version() -> None:
    case = with_figures(a_case(version=7), figures("100.00"), Decimal(40), None, NOW, False)
    assert (case.version, case.figures.amount, case.uncovered_amount) == (7, Decimal(100), Decimal(40))


def test_being_cured_lasts_since_the_amount_became_zero() -> None:
    first = cured(a_case())
    later = with_figures(first, figures("0"), ZERO, None, NOW + HOLD, False)
    assert (first.cured_since, later.cured_since) == (NOW, NOW)
    relapsed = with_figures(later, figures("0.01"), ZERO, None, NOW + HOLD, False)
    assert relapsed.cured_since is None


def test_a_case_resolves_only_when_the_amount_stayed_zero_for_the_hold() -> None:
    case = cured(a_case())
    assert not may_resolve(a_case(), NOW, HOLD)
    assert not may_resolve(case, NOW + HOLD - timedelta(microseconds=1), HOLD)
    assert may_resolve(case, NOW + HOLD, HOLD)
    assert not may_resolve(decided(case, T.CURED), NOW + HOLD, HOLD)


def test_a_case_is_force_eligible_below_the_force_level_or_past_the_deadline() -> None:
    assert with_figures(a_case(), figures(), ZERO, None, NOW, True).force_eligible
    assert not with_figures(a_case(), figures(), ZERO, None, NOW, False).force_eligible
    late = DEADLINE + timedelta(seconds=1)
    assert with_figures(a_case(), figures(), ZERO, None, late, False).force_eligible


def test_in_doubt_a_case_is_force_eligible_only_if_that_is_certain() -> None:
    eligible = replace(a_case(), force_eligible=True)
    assert in_doubt(eligible, False, NOW, True).force_eligible
    assert not in_doubt(eligible, False, NOW, False).force_eligible, "a deadline that was extended counts"
    assert in_doubt(a_case(), False, a_case().deadline + HOLD, False).force_eligible


def test_in_doubt_the_last_figures_are_shown_as_old_and_being_cured_starts_again() -> None:
    case = a_case(uncovered_amount=Decimal(40))
    doubted = in_doubt(case, True, NOW, False)
    assert doubted.figures == replace(case.figures, stale=True)
    assert doubted.uncovered_amount == 40
    assert in_doubt(case, False, NOW, False).uncovered_amount == case.figures.amount
    assert in_doubt(cured(case), False, NOW, False).cured_since is None


def test_a_case_keeps_the_worth_of_its_amount() -> None:
    worth = Worth(Decimal(19589), Currency("USD"))
    assert with_figures(a_case(), figures(), ZERO, worth, NOW, False).worth == worth


def test_a_closed_case_drops_its_claim_and_its_automatic_liquidation() -> None:
    case = a_case(
        claim=Claim("trader", NOW, DEADLINE),
        auto_liquidation=AutoLiquidation(DEADLINE, AutoLiquidationTrigger.DEADLINE),
    )
    voided = decided(case, T.VOIDED)
    assert (voided.claim, voided.auto_liquidation, voided.status) == (None, None, S.VOID)


def test_a_claim_holds_until_it_expires() -> None:
    claim = Claim("trader", NOW, DEADLINE)
    assert a_case(claim=claim).claimed_now(DEADLINE - timedelta(microseconds=1)) == claim
    assert a_case(claim=claim).claimed_now(DEADLINE) is None
    assert a_case().claimed_now(NOW) is None


def test_an_automatic_liquidation_is_due_at_its_time_or_when_it_is_tried_again() -> None:
    planned = AutoLiquidation(DEADLINE, AutoLiquidationTrigger.DEADLINE)
    again = DEADLINE + HOLD
    held = replace(planned, held=RefusalCode.MARKET_CLOSED, held_until=again)
    assert [planned.due(DEADLINE - HOLD), planned.due(DEADLINE)] == [False, True]
    assert [held.due(DEADLINE), held.due(again)] == [False, True]


@pytest.mark.parametrize(
    ("status", "at", "muted"),
    [
        (S.OPEN, DEADLINE, False),
        (S.LIQUIDATING, DEADLINE, False),
        (S.OPEN, DEADLINE + HOLD, True),
        (S.EXCEPTION, NOW, True),
        (S.RESOLVED, NOW, True),
    ],
)
def test_daily_messages_stop_behind_the_deadline_and_in_exception(
    status: CaseStatus, at: datetime, muted: bool
) -> None:
    assert a_case(status).messages_muted(at) is muted


@pytest.mark.parametrize(
    ("elapsed", "hours"),
    [
        (timedelta(0), 1),
        (timedelta(minutes=59), 1),
        (timedelta(hours=1), 1),
        (timedelta(hours=1, microseconds=1), 2),
        (timedelta(days=2), 48),
    ],
)
def test_elapsed_hours_are_rounded_up_and_at_least_one(elapsed: timedelta, hours: int) -> None:
    assert a_case().elapsed_hours(OPENED_AT + elapsed) == hours


def test_the_clock_of_a_closed_case_stands_still() -> None:
    closed = a_case(S.RESOLVED, closed_at=NOW)
    assert closed.elapsed_hours(NOW + timedelta(days=100)) == 5
    assert not closed.overdue(DEADLINE + timedelta(days=1))
    assert not closed.long_term_unsettled(NOW + timedelta(days=100))


def test_a_case_is_overdue_behind_its_deadline() -> None:
    assert not a_case().overdue(DEADLINE)
    assert a_case().overdue(DEADLINE + timedelta(microseconds=1))


def test_a_case_is_unsettled_for_long_behind_ninety_days() -> None:
    assert not a_case().long_term_unsettled(OPENED_AT + timedelta(days=90))
    assert a_case().long_term_unsettled(OPENED_AT + timedelta(days=90, microseconds=1))


@pytest.mark.parametrize(
    ("status", "changes"),
    [
        (S.OPEN, {"closed_at": NOW}),
        (S.OPEN, {"close_reason": CaseCloseReason.CURED}),
        (S.RESOLVED, {"closed_at": None}),
        (S.RESOLVED, {"close_reason": None}),
        (S.RESOLVED, {"close_reason": CaseCloseReason.VOIDED}),
        (S.VOID, {"close_reason": CaseCloseReason.CURED}),
        (S.WRITTEN_OFF, {"close_reason": CaseCloseReason.CURED}),
        (S.LIQUIDATING, {"plans": 0}),
        (S.OPEN, {"plans": -1}),
        (S.OPEN, {"uncovered_amount": Decimal(-1)}),
        (S.OPEN, {"amount_at_open": Decimal(-1)}),
        (S.OPEN, {"cured_since": NOW}),
        (S.OPEN, {"deadline": DEADLINE.replace(tzinfo=None)}),
        (S.OPEN, {"opened_at": OPENED_AT.replace(tzinfo=None)}),
        (S.RESOLVED, {"closed_at": NOW.replace(tzinfo=None)}),
    ],
)
def test_an_impossible_case_cannot_be_built(status: CaseStatus, changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"case|plans"):
        a_case(status, **changes)


def test_a_case_may_have_nothing_to_collect() -> None:
    """Stock is owed, and no money."""
    case = a_case(amount_at_open=ZERO, uncovered_amount=ZERO)
    assert case.amount_at_open == case.uncovered_amount == 0


def test_the_smallest_amount_to_collect_contradicts_a_cure() -> None:
    with pytest.raises(ValueError, match="cured"):
        a_case(figures=figures("0.01"), cured_since=NOW)
