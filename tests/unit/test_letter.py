"""Which letter may leave: every template for every kind of case in every state."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from domain.calendar import traded_between
from domain.case import RECOVERY_ALERTS, AlertType, Case, CaseCloseReason, CaseStatus
from domain.ids import Symbol
from domain.letter import (
    ASKS,
    FiguresAge,
    Standing,
    StockOwed,
    Traded,
    Waits,
    covered_by,
    letter_name,
    listed,
    unfit,
    wait_for,
)
from domain.message import Contact, MessageTemplate, QuietHours, daily_template
from domain.money import Currency
from domain.order import OrderSide
from gateway.watch.calendars import Calendars
from tests.kit.live_desk import case_event
from tests.unit.test_messages import A_MESSAGE

NOW = datetime(2020, 3, 16, 2, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
FRESH = FiguresAge(NOW, timedelta())
OWED = StockOwed(Symbol("700.HK"), Decimal(300), NOW + HOUR)
SOLD = Traded(Symbol("5.HK"), OrderSide.SELL, Decimal(400), Decimal("59.95"), Currency("HKD"))
_CLOSED_BY = {
    CaseStatus.RESOLVED: CaseCloseReason.CURED,
    CaseStatus.WRITTEN_OFF: CaseCloseReason.WRITTEN_OFF,
    CaseStatus.VOID: CaseCloseReason.VOIDED,
}


def a_case(alert: AlertType, status: CaseStatus, amount: str, **more: Any) -> Case:
    case = case_event(NOW - HOUR).view.case
    reason = _CLOSED_BY.get(status)
    return replace(
        case,
        alert_type=alert,
        status=status,
        plans=1,
        figures=replace(case.figures, amount=Decimal(amount)),
        uncovered_amount=Decimal(0),
        closed_at=NOW if reason else None,
        close_reason=reason,
        **more,
    )


def owing(alert: AlertType, status: CaseStatus = CaseStatus.OPEN, **more: Any) -> Standing:
    """A case that asks for something that lies ahead and is known well."""
    stock = (OWED,) if alert in RECOVERY_ALERTS else ()
    amount = "0" if alert in RECOVERY_ALERTS else "100"
    return Standing(a_case(alert, status, amount, **more), FRESH, stock, (SOLD,))


def code(template: MessageTemplate, standing: Standing) -> str | None:
    refusal = unfit(template, standing, NOW, HOUR)
    return refusal.code if refusal else None


@pytest.mark.parametrize("alert", AlertType)
@pytest.mark.parametrize("status", CaseStatus)
@pytest.mark.parametrize("template", MessageTemplate)
def test_a_letter_that_states_something_untrue_is_refused(
    template: MessageTemplate, status: CaseStatus, alert: AlertType
) -> None:
    live = status in (CaseStatus.OPEN, CaseStatus.LIQUIDATING, CaseStatus.EXCEPTION)
    refused = code(template, owing(alert, status))
    if template is MessageTemplate.CURED:
        assert (refused is None) is (status is CaseStatus.RESOLVED)
    elif template is MessageTemplate.WITHDRAWN:
        assert (refused is None) is (status is CaseStatus.VOID)
    elif template is MessageTemplate.SOLD:
        assert refused is None
    else:
        assert (refused is None) is live


@pytest.mark.parametrize("alert", AlertType)
@pytest.mark.parametrize("template", sorted(ASKS))
def test_a_demand_is_refused_without_an_amount_or_after_its_deadline(
    template: MessageTemplate, alert: AlertType
) -> None:
    standing = owing(alert)
    nothing = replace(standing, case=a_case(alert, CaseStatus.OPEN, "0"), stock=())
    assert code(template, nothing) == "NOTHING_TO_COLLECT"
    for due_at in (NOW, NOW - HOUR):
        past = replace(
            standing,
            case=replace(standing.case, deadline=due_at),
            stock=tuple(replace(each, due_at=due_at) for each in standing.stock),
        )
        assert code(template, past) == "TOO_LATE"


@pytest.mark.parametrize("alert", AlertType)
@pytest.mark.parametrize("template", sorted(ASKS))
def test_an_amount_is_stated_while_it_is_known_and_by_one_case(
    template: MessageTemplate, alert: AlertType
) -> None:
    standing, asks_for_money = owing(alert), alert not in RECOVERY_ALERTS
    at_the_limit = replace(standing, age=FiguresAge(NOW - HOUR, HOUR))
    old = replace(standing, age=FiguresAge(NOW - 2 * HOUR, HOUR + timedelta(seconds=1)))
    twin = replace(standing, covered_by="MC1")
    assert code(template, at_the_limit) is None
    assert code(template, old) == ("FIGURES_TOO_OLD" if asks_for_money else None)
    assert code(template, twin) == ("SAME_SHORTFALL" if asks_for_money else None)


STATES = [
    Standing(a_case(AlertType.MAINTENANCE, status, amount, deadline=NOW + due), FiguresAge(NOW - old, old))
    for status in (CaseStatus.OPEN, CaseStatus.LIQUIDATING, CaseStatus.EXCEPTION)
    for amount in ("0", "100")
    for due in (-HOUR, timedelta(), HOUR)
    for old in (timedelta(), 2 * HOUR)
]


def writes(standing: Standing) -> bool:
    """By itself, at this moment."""
    return not standing.case.messages_muted(NOW) and code(MessageTemplate.REMINDER, standing) is None


@pytest.mark.parametrize("first", [AlertType.MAINTENANCE, AlertType.INTRADAY, AlertType.CASH_DEBT])
def test_of_two_cases_about_the_same_money_one_writes_whatever_the_state_of_the_other(
    first: AlertType,
) -> None:
    for one in STATES:
        for other in STATES:
            senior = replace(one, case=replace(one.case, alert_type=first, case_no="MC1"))
            junior = replace(other, case=replace(other.case, alert_type=AlertType.OVER_FINANCING))
            covering = covered_by(junior, [senior], NOW, HOUR)
            assert covered_by(senior, [junior], NOW, HOUR) is None
            both = [writes(senior), writes(replace(junior, covered_by=covering))]
            expected = 1 if writes(senior) or writes(junior) else 0
            assert both.count(True) == expected, (one.case, other.case)
            assert covering in (None, "MC1")


def test_one_of_two_cases_that_wait_for_prices_writes_for_both() -> None:
    old = FiguresAge(NOW - 2 * HOUR, 2 * HOUR)
    senior = replace(owing(AlertType.MAINTENANCE), age=old)
    junior = owing(AlertType.OVER_FINANCING)
    assert covered_by(junior, [senior], NOW, HOUR) is None
    assert covered_by(replace(junior, age=old), [senior], NOW, HOUR) == senior.case.case_no


def test_a_case_that_cannot_write_before_the_quiet_hours_end_silences_no_other() -> None:
    senior = owing(AlertType.MAINTENANCE, deadline=NOW + HOUR)
    junior = owing(AlertType.OVER_FINANCING, deadline=NOW + 10 * HOUR)
    assert covered_by(junior, [senior], NOW, HOUR) is not None
    assert covered_by(junior, [senior], NOW + HOUR, HOUR) is None


WAITS = Waits(timedelta(minutes=1), timedelta(minutes=10))
QUIET = Contact(quiet_hours=QuietHours.parse("02:05-08:00"))


@pytest.mark.parametrize(
    ("minutes", "latest", "contact", "automatic", "unvalued", "waits"),
    [
        (0, 60, None, True, ("NEW.HK",), True),
        (9, 60, None, True, ("NEW.HK",), True),
        (10, 60, None, True, ("NEW.HK",), False),
        (0, 1, None, True, ("NEW.HK",), False),
        (4, 60, QUIET, True, ("NEW.HK",), False),
        (0, 60, None, False, ("NEW.HK",), False),
        (0, 60, None, True, (), False),
    ],
    ids=["at first", "nearly", "long enough", "its time", "quiet hours", "by hand", "all is known"],
)
def test_a_letter_waits_for_a_price_that_its_amount_lacks_for_a_while_at_most(
    minutes: int,
    latest: int,
    contact: Contact | None,
    automatic: bool,
    unvalued: tuple[str, ...],
    waits: bool,
) -> None:
    latest_at = NOW + timedelta(minutes=latest)
    message = replace(A_MESSAGE, created_at=NOW, earliest_at=NOW, latest_at=latest_at, automatic=automatic)
    now = NOW + timedelta(minutes=minutes)
    standing = replace(owing(AlertType.MAINTENANCE), unvalued=unvalued)
    wait = wait_for(None, standing, message, contact, WAITS, now)
    assert (wait is not None) is waits
    if wait is not None:
        assert (wait.until, wait.reason) == (
            now + WAITS.look_again,
            "The amount lacks a price or rate: NEW.HK.",
        )


def test_of_many_names_the_first_are_listed_and_the_rest_counted() -> None:
    assert listed(("A", "B")) == "A, B"
    assert listed(("A", "B", "C"), most=2) == "A, B (+1)"


def test_stock_whose_time_has_passed_is_not_named_beside_what_is_still_due() -> None:
    late = replace(OWED, symbol=Symbol("5.HK"), due_at=NOW - HOUR)
    standing = replace(owing(AlertType.SHORT_RECALL), stock=(late, OWED))
    assert code(MessageTemplate.REMINDER, standing) is None
    assert standing.due_later(NOW) == (OWED,)


def test_each_template_has_a_letter_for_each_kind_of_case() -> None:
    names = {letter_name(template, alert) for template in MessageTemplate for alert in AlertType}
    assert len(names) == len(ASKS) * len(AlertType) + 3 * 2 + 1


def test_an_intraday_account_is_called_before_it_is_warned() -> None:
    zone = ZoneInfo("Asia/Hong_Kong")
    today = replace(a_case(AlertType.INTRADAY, CaseStatus.OPEN, "100"), deadline=NOW + HOUR)
    assert daily_template(today, zone, NOW, called_before=False) is MessageTemplate.MARGIN_CALL
    other = replace(today, alert_type=AlertType.MAINTENANCE)
    assert daily_template(other, zone, NOW, called_before=False) is MessageTemplate.FORCE_CLOSE_WARNING


@pytest.mark.parametrize(
    ("since", "until", "minutes"),
    [
        ("2020-03-13 15:50", "2020-03-16 09:00", 10),
        ("2020-03-13 16:00", "2020-03-16 09:30", 0),
        ("2020-03-16 09:00", "2020-03-16 10:00", 30),
        ("2020-03-16 11:30", "2020-03-16 13:30", 60),
        ("2020-03-16 10:00", "2020-03-16 10:00", 0),
        ("2020-03-09 10:00", "2020-03-16 10:00", 120),
    ],
    ids=["over the weekend", "from the close", "opens", "noon", "nothing", "up to enough"],
)
def test_a_price_grows_old_while_its_market_trades(since: str, until: str, minutes: int) -> None:
    hong_kong = Calendars(2020, 2020).of("XHKG")
    begins, ends = (datetime.fromisoformat(each).replace(tzinfo=hong_kong.zone) for each in (since, until))
    found = traded_between(hong_kong, begins, ends, timedelta(minutes=120))
    assert min(found, timedelta(minutes=120)) == timedelta(minutes=minutes)
