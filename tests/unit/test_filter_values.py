"""What a filter names twice it looks at once: a list of tens of thousands of values costs every event."""

import pytest

from domain.case import AlertType, CaseStatus
from domain.margin import AccountType
from domain.money import Currency
from domain.order import OrderStatus
from resolvers.types.case_filter import CaseFilter
from resolvers.types.order import OrderFilter

HKD = Currency("HKD")


@pytest.mark.parametrize("closed", [None, False])
def test_a_status_said_often_counts_once(closed: bool | None) -> None:
    status = [CaseStatus.OPEN, CaseStatus.LIQUIDATING] * 5000
    chosen = CaseFilter(status=status, closed=closed).selection(HKD, {})
    assert chosen.status == (CaseStatus.OPEN, CaseStatus.LIQUIDATING)


def test_so_does_every_other_choice() -> None:
    alerts, types = [AlertType.MAINTENANCE] * 5000, [AccountType.MARGIN] * 5000
    chosen = CaseFilter(alert_type=alerts, account_type=types).selection(HKD, {})
    assert (chosen.alert_type, chosen.account_type) == ((AlertType.MAINTENANCE,), (AccountType.MARGIN,))
    assert OrderFilter(status=[OrderStatus.NEW] * 5000).selection().status == (OrderStatus.NEW,)


def test_none_of_them_is_not_all_of_them() -> None:
    assert CaseFilter(status=[]).selection(HKD, {}).status == ()
    assert CaseFilter(status=[], closed=True).selection(HKD, {}).status == ()
    assert CaseFilter().selection(HKD, {}).status is None
