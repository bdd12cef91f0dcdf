"""What people change about a case: claims, deadlines, automatic liquidation."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from domain.calendar import (
    AmendedCalendar,
    MarketDay,
    MarketDayKind,
    TradingCalendar,
    after_trading_days,
    deadline,
)
from domain.case import (
    AlertType,
    AutoLiquidation,
    AutoLiquidationTrigger,
    Case,
    CaseTrigger,
    decide,
)
from domain.case_edits import (
    claimed,
    needs_approval,
    released,
    shifted,
    with_auto_liquidation,
    with_deadline,
)
from domain.refusals import Refusal, RefusalCode
from gateway.watch.calendars import Calendars
from tests.unit.test_case_machine import a_case

HONG_KONG = ZoneInfo("Asia/Hong_Kong")
MONDAY = datetime(2020, 3, 16, 2, 0, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


@pytest.fixture(scope="module")
def calendar() -> TradingCalendar:
    return Calendars(2020, 2020).of("XHKG")


@pytest.fixture
def case(calendar: TradingCalendar) -> Case:
    return replace(a_case(), opened_at=MONDAY, deadline=deadline(MONDAY, calendar))


def code(outcome: Case | Refusal) -> RefusalCode | None:
    return outcome.code if isinstance(outcome, Refusal) else None


def done(outcome: Case | Refusal) -> Case:
    assert isinstance(outcome, Case), outcome
    return outcome


def test_a_claim_keeps_others_off_until_it_expires(case: Case) -> None:
    held = done(claimed(case, "ann", MONDAY, QUARTER, False))
    assert held.version == case.version + 1
    assert code(claimed(held, "bob", MONDAY + QUARTER / 2, QUARTER, False)) is RefusalCode.CASE_CLAIMED
    assert code(released(held, "bob", MONDAY)) is RefusalCode.CASE_CLAIMED
    expired = MONDAY + QUARTER
    assert held.claimed_now(expired) is None
    later = done(claimed(held, "bob", expired, QUARTER, False))
    assert later.claim is not None
    assert later.claim.by == "bob"


def test_a_claim_is_renewed_by_its_holder_and_taken_over_only_with_take_over(case: Case) -> None:
    held = done(claimed(case, "ann", MONDAY, QUARTER, False))
    renewed = done(claimed(held, "ann", MONDAY + QUARTER / 2, QUARTER, False))
    assert renewed.claim is not None
    assert renewed.claim.expires_at == MONDAY + QUARTER * 3 / 2
    taken = done(claimed(renewed, "bob", MONDAY + QUARTER, QUARTER, True))
    assert done(released(taken, "bob", MONDAY + QUARTER)).claim is None


def test_releasing_an_unclaimed_case_changes_nothing(case: Case) -> None:
    assert released(case, "ann", MONDAY) == case


def test_a_case_that_ends_has_no_claim_and_sells_nothing(case: Case) -> None:
    held = done(claimed(case, "ann", MONDAY, QUARTER, False))
    armed = done(with_auto_liquidation(held, None, True, MONDAY))
    ended = done(decide(armed, CaseTrigger.VOIDED, MONDAY))
    assert (ended.claim, ended.auto_liquidation) == (None, None)
    for edit in (
        claimed(ended, "ann", MONDAY, QUARTER, False),
        released(ended, "ann", MONDAY),
        with_deadline(ended, MONDAY + QUARTER, MONDAY),
        with_auto_liquidation(ended, None, True, MONDAY),
    ):
        assert code(edit) is RefusalCode.CASE_CLOSED


def test_a_liquidation_at_the_deadline_moves_with_it_and_a_fixed_time_does_not(case: Case) -> None:
    sooner = case.deadline - timedelta(hours=3)
    at_deadline = done(with_auto_liquidation(case, None, True, MONDAY))
    moved = done(with_deadline(at_deadline, sooner, MONDAY))
    assert moved.auto_liquidation == AutoLiquidation(sooner, AutoLiquidationTrigger.DEADLINE)
    assert moved.original_deadline == case.deadline
    fixed = done(with_auto_liquidation(case, MONDAY + QUARTER, False, MONDAY))
    assert done(with_deadline(fixed, sooner, MONDAY)).auto_liquidation == fixed.auto_liquidation


def test_a_moved_deadline_does_not_make_the_desk_forget_its_last_slice(
    case: Case, calendar: TradingCalendar
) -> None:
    """It may be the last one, because an operator cancelled an order of it."""
    at_deadline = done(with_auto_liquidation(case, None, True, MONDAY))
    assert at_deadline.auto_liquidation is not None
    now = case.deadline + timedelta(minutes=1)
    waiting = replace(at_deadline.auto_liquidation, held=RefusalCode.CAPPED, held_until=now)
    sliced = replace(at_deadline, auto_liquidation=waiting)
    later = case.deadline + timedelta(days=1)
    moved = done(with_deadline(sliced, later, now)).auto_liquidation
    assert moved == AutoLiquidation(later, AutoLiquidationTrigger.DEADLINE, RefusalCode.CAPPED, later)
    by_hand = replace(sliced, original_deadline=case.deadline - QUARTER)
    same = shifted(by_hand, case.deadline, later, calendar, now)
    assert (same.original_deadline, same.auto_liquidation) == (case.deadline, waiting)


def test_an_automatic_liquidation_that_moves_counts_against_the_same_person_and_waits_for_nothing(
    case: Case,
) -> None:
    at_deadline = done(with_auto_liquidation(case, None, True, MONDAY, "ann"))
    assert at_deadline.auto_liquidation is not None
    held = replace(at_deadline.auto_liquidation, held=RefusalCode.MARKET_CLOSED, held_until=case.deadline)
    later = case.deadline + timedelta(days=1)
    moved = done(with_deadline(replace(at_deadline, auto_liquidation=held), later, MONDAY)).auto_liquidation
    assert moved == AutoLiquidation(later, AutoLiquidationTrigger.DEADLINE)
    assert moved is not None
    assert moved.set_by == "ann"


def test_no_deadline_and_no_sale_lies_in_the_past(case: Case) -> None:
    assert code(with_deadline(case, MONDAY, MONDAY)) is RefusalCode.TOO_LATE
    assert code(with_auto_liquidation(case, MONDAY - QUARTER, False, MONDAY)) is RefusalCode.TOO_LATE
    now = AutoLiquidation(MONDAY, AutoLiquidationTrigger.FIXED_TIME)
    assert done(with_auto_liquidation(case, MONDAY, False, MONDAY)).auto_liquidation == now


def automatic(case: Case, at: datetime | None, at_deadline: bool, now: datetime = MONDAY) -> AutoLiquidation:
    found = done(with_auto_liquidation(case, at, at_deadline, now, "ann")).auto_liquidation
    assert found is not None
    assert found.set_by == "ann"
    return found


def test_an_automatic_liquidation_is_set_by_a_person_to_a_time_or_to_the_deadline(case: Case) -> None:
    trigger = AutoLiquidationTrigger
    fixed = automatic(case, MONDAY + QUARTER, False)
    assert fixed == AutoLiquidation(MONDAY + QUARTER, trigger.FIXED_TIME)
    assert automatic(case, None, True) == AutoLiquidation(case.deadline, trigger.DEADLINE)
    late = case.deadline + QUARTER
    assert automatic(case, None, True, late) == AutoLiquidation(late, trigger.DEADLINE)


def test_setting_the_same_automatic_liquidation_again_changes_nothing(case: Case) -> None:
    fixed = done(with_auto_liquidation(case, MONDAY + QUARTER, False, MONDAY, "ann"))
    assert fixed.version == case.version + 1
    assert with_auto_liquidation(fixed, MONDAY + QUARTER, False, MONDAY, "bob") is fixed
    removed = done(with_auto_liquidation(fixed, None, False, MONDAY))
    assert (removed.auto_liquidation, removed.version) == (None, fixed.version + 1)


@pytest.mark.parametrize(
    ("net_assets", "unvalued", "alert_type", "forced"),
    [
        ("100", (), AlertType.MAINTENANCE, False),
        ("99", (), AlertType.MAINTENANCE, True),
        ("100", ("A",), AlertType.MAINTENANCE, True),
        ("99", (), AlertType.SHORT_RECALL, False),
    ],
)
def test_a_restored_deadline_withdraws_what_only_the_moved_one_allowed(
    case: Case, net_assets: str, unvalued: tuple[str, ...], alert_type: AlertType, forced: bool
) -> None:
    """The desk may sell on where net assets are below the force-close margin, or may be."""
    figures = replace(
        case.figures,
        liquid_net_assets=Decimal(net_assets),
        force_close_margin=Decimal(100),
        unvalued=unvalued,
    )
    overdue = replace(case, figures=figures, alert_type=alert_type, force_eligible=True)
    now = case.deadline + QUARTER
    assert done(with_deadline(overdue, now + QUARTER, now)).force_eligible is forced
    assert done(with_deadline(overdue, case.deadline, MONDAY)).force_eligible, "it had not passed"


def test_the_limit_of_one_person_counts_from_the_calendars_deadline(
    case: Case, calendar: TradingCalendar
) -> None:
    """Wednesday 18 March plus three trading days is Monday 23 March, the whole of it."""
    monday = datetime(2020, 3, 23, 23, 59, tzinfo=HONG_KONG)
    tuesday = datetime(2020, 3, 24, 0, 0, tzinfo=HONG_KONG)
    moved = done(with_deadline(case, monday, MONDAY))
    for each in (case, moved):
        assert not needs_approval(each, monday, calendar, 3)
        assert needs_approval(each, tuesday, calendar, 3)


def test_a_deadline_at_the_very_limit_needs_no_second_person(case: Case, calendar: TradingCalendar) -> None:
    limit = after_trading_days(case.deadline, calendar, 3)
    assert not needs_approval(case, limit, calendar, 3)
    assert needs_approval(case, limit + timedelta(microseconds=1), calendar, 3)


def test_a_typhoon_moves_the_calendars_deadline_and_a_persons_only_off_the_day(
    case: Case, calendar: TradingCalendar
) -> None:
    days: dict[date, MarketDay] = {}
    amended = AmendedCalendar(calendar, days)
    wednesday = date(2020, 3, 18)
    days[wednesday] = MarketDay("XHKG", wednesday, MarketDayKind.CLOSED, None, "typhoon")
    by_calendar = deadline(MONDAY, amended)
    assert by_calendar == datetime(2020, 3, 19, 14, 0, tzinfo=HONG_KONG)
    today = deadline(MONDAY, amended, trading_days=1)
    assert shifted(case, by_calendar, today, amended, MONDAY).deadline == by_calendar
    on_the_day = done(with_deadline(case, datetime(2020, 3, 18, 11, 0, tzinfo=HONG_KONG), MONDAY))
    moved = shifted(on_the_day, by_calendar, today, amended, MONDAY)
    assert moved.deadline == datetime(2020, 3, 19, 11, 0, tzinfo=HONG_KONG)
    assert moved.original_deadline == by_calendar
    before = done(with_deadline(case, datetime(2020, 3, 17, 11, 0, tzinfo=HONG_KONG), MONDAY))
    assert shifted(before, by_calendar, today, amended, MONDAY).deadline == before.deadline
    again = shifted(moved, by_calendar, today, amended, MONDAY)
    assert again == moved, "shifting twice is shifting once"
    assert moved.version == on_the_day.version + 1


@pytest.mark.parametrize(
    ("by_calendar", "now", "moved_to"),
    [
        (timedelta(hours=-2), timedelta(hours=-2), timedelta(days=1)),
        (timedelta(hours=-2), timedelta(hours=-1), timedelta(days=1)),
        (timedelta(hours=-2), timedelta(hours=-3), timedelta(hours=-2)),
        (timedelta(hours=-2), timedelta(0), timedelta(0)),
        (timedelta(hours=2), timedelta(hours=3), timedelta(hours=2)),
        (timedelta(0), timedelta(hours=3), timedelta(0)),
    ],
)
def test_the_calendars_deadline_moves_into_the_past_only_if_it_is_later_than_the_old_one(
    case: Case, calendar: TradingCalendar, by_calendar: timedelta, now: timedelta, moved_to: timedelta
) -> None:
    """All from the old deadline; the next cut-off is a day behind it."""
    old = case.deadline
    moved = shifted(case, old + by_calendar, old + timedelta(days=1), calendar, old + now)
    assert moved.deadline == old + moved_to


WEDNESDAY = date(2020, 3, 18)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """In March, in Hong Kong."""
    return datetime(2020, 3, day, hour, minute, tzinfo=HONG_KONG)


@pytest.mark.parametrize(
    ("told_at", "moved_to"),
    [
        (at(18, 11, 59), at(18, 12)),
        (at(18, 12, 1), at(19, 14)),
        (at(18, 13, 59), at(19, 14)),
        (at(18, 14, 1), at(18, 14)),
        (at(19, 9), at(18, 14)),
    ],
    ids=["before the close", "just behind it", "before the old deadline", "behind it", "the next day"],
)
@pytest.mark.parametrize("by_hand", [False, True])
def test_a_half_day_entered_late_shortens_no_deadline_in_hindsight(
    case: Case, calendar: TradingCalendar, told_at: datetime, moved_to: datetime, by_hand: bool
) -> None:
    """The deadline is Wednesday 14:00, by the calendar or by a person; Wednesday closes at noon after all."""
    if by_hand:
        case = done(with_deadline(case, at(17, 14), MONDAY))
        case = done(with_deadline(case, at(18, 14), MONDAY))
    days = {WEDNESDAY: MarketDay("XHKG", WEDNESDAY, MarketDayKind.HALF, time(12), "typhoon")}
    amended = AmendedCalendar(calendar, days)
    by_calendar = deadline(MONDAY, amended)
    for now in (told_at, told_at + timedelta(seconds=30)):
        next_cut_off = deadline(now, amended, trading_days=1)
        case = shifted(case, by_calendar, next_cut_off, amended, now)
        assert case.deadline == moved_to


def test_a_withdrawn_half_day_restores_the_deadline(case: Case, calendar: TradingCalendar) -> None:
    now = at(18, 12, 30)
    days = {WEDNESDAY: MarketDay("XHKG", WEDNESDAY, MarketDayKind.HALF, time(12), "typhoon")}
    amended = AmendedCalendar(calendar, days)
    moved = shifted(case, deadline(MONDAY, amended), deadline(now, amended, 1), amended, now)
    assert moved.deadline == at(19, 14)
    days[WEDNESDAY] = MarketDay("XHKG", WEDNESDAY, MarketDayKind.REGULAR, None, "it went by")
    again = shifted(moved, deadline(MONDAY, amended), deadline(now, amended, 1), amended, now)
    assert again.deadline == case.deadline


@pytest.mark.parametrize(
    ("set_to", "half", "moved_to"),
    [
        (at(18, 17), None, at(18, 17)),
        (at(18, 8), None, at(18, 8)),
        (at(18, 17), time(12), at(18, 17)),
        (at(18, 15), time(12), at(18, 12)),
    ],
)
def test_a_persons_deadline_outside_of_the_usual_hours_stays_where_it_is(
    case: Case, calendar: TradingCalendar, set_to: datetime, half: time | None, moved_to: datetime
) -> None:
    """Hong Kong closes at 16:00."""
    case = done(with_deadline(case, set_to, MONDAY))
    days = {WEDNESDAY: MarketDay("XHKG", WEDNESDAY, MarketDayKind.HALF, half, "typhoon")} if half else {}
    amended = AmendedCalendar(calendar, days)
    by_calendar, next_cut_off = deadline(MONDAY, amended), deadline(MONDAY, amended, 1)
    assert shifted(case, by_calendar, next_cut_off, amended, MONDAY).deadline == moved_to


def test_daily_messages_stop_in_exception_and_behind_the_deadline(case: Case) -> None:
    assert not case.messages_muted(MONDAY)
    assert not case.messages_muted(case.deadline)
    assert case.messages_muted(case.deadline + timedelta(seconds=1))
    assert done(decide(case, CaseTrigger.EXCEPTION_MARKED, MONDAY)).messages_muted(MONDAY)
