"""Which letter may leave: every template for every kind of case in every state."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from domain.calendar import traded_between
from domain.case import AlertType, Case, CaseCloseReason, CaseStatus
from domain.ids import Symbol
from domain.letter import ASKS, FiguresAge, Standing, StockOwed, Traded, letter_name, unfit
from domain.message import MessageTemplate, daily_template
from domain.money import Currency
from domain.order import OrderSide
from domain.stock_recovery import RECOVERY_ALERTS
from gateway.calendars import Calendars
from tests.live_desk import case_event

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
def test_a_letter_says_what_is_so(template: MessageTemplate, status: CaseStatus, alert: AlertType) -> None:
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
def test_what_asks_asks_for_something_that_lies_ahead(template: MessageTemplate, alert: AlertType) -> None:
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
def test_an_amount_is_told_while_it_is_known_and_by_one_case(
    template: MessageTemplate, alert: AlertType
) -> None:
    standing, asks_for_money = owing(alert), alert not in RECOVERY_ALERTS
    at_the_limit = replace(standing, age=FiguresAge(NOW - HOUR, HOUR))
    old = replace(standing, age=FiguresAge(NOW - 2 * HOUR, HOUR + timedelta(seconds=1)))
    twin = replace(standing, told_by="MC1")
    assert code(template, at_the_limit) is None
    assert code(template, old) == ("FIGURES_TOO_OLD" if asks_for_money else None)
    assert code(template, twin) == ("SAME_SHORTFALL" if asks_for_money else None)


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
    assert daily_template(today, zone, NOW, told_before=False) is MessageTemplate.MARGIN_CALL
    other = replace(today, alert_type=AlertType.MAINTENANCE)
    assert daily_template(other, zone, NOW, told_before=False) is MessageTemplate.FORCE_CLOSE_WARNING


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
