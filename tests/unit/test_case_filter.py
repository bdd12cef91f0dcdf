"""Which cases a filter selects, and the order of a list, without a database."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.case import AlertType, CaseCloseReason, CaseStatus
from domain.case_filter import CaseFilter, CaseOrder, CaseOrderField, contains, searched_texts
from domain.events import CaseView
from domain.ids import CaseId, ClientId, Symbol
from domain.margin import AccountType
from domain.money import Currency
from domain.principal import EVERYTHING, Permission
from domain.reporting import AmountAtLeast, Worth
from tests.kit.live_desk import case_event
from tests.unit.books import NOW

HKD, USD = Currency("HKD"), Currency("USD")
APPLE, TESLA = Symbol("AAPL.US"), Symbol("TSLA.US")
INSTANT = timedelta(microseconds=1)
NO_NAMES = replace(EVERYTHING, permissions=frozenset({Permission.SERVICE}))
NAMES = replace(EVERYTHING, permissions=frozenset({Permission.RISK_WARNING_FULL}))
VIEW = replace(case_event(NOW).view, symbols=(APPLE,))
"""A maintenance call of 1,250.50 USD on the margin account A1, opened now."""
CLOSED = {"status": CaseStatus.RESOLVED, "close_reason": CaseCloseReason.CURED, "closed_at": NOW}


def view(**changes: Any) -> CaseView:
    return replace(VIEW, case=replace(VIEW.case, **changes))


def selected(of: CaseView = VIEW, **wanted: Any) -> bool:
    return CaseFilter(**wanted).selects(of, NAMES, NOW)


def at_least(amount: str, currency: Currency, worth: str) -> AmountAtLeast:
    return AmountAtLeast(Decimal(amount), currency, Worth(Decimal(worth), HKD))


def test_no_filter_selects_every_case_that_is_not_closed() -> None:
    assert selected()
    assert selected(view(status=CaseStatus.EXCEPTION))
    assert not selected(view(**CLOSED))
    assert selected(view(**CLOSED), status=(CaseStatus.RESOLVED,))
    assert not selected(status=(CaseStatus.RESOLVED,))


@pytest.mark.parametrize(
    ("field", "own", "other"),
    [
        ("alert_type", (AlertType.MAINTENANCE,), (AlertType.OVER_FINANCING,)),
        ("account_type", (AccountType.CASH, AccountType.MARGIN), (AccountType.CASH,)),
        ("client_id", ClientId("client A1"), ClientId("client A2")),
        ("account_no", "A1", "A2"),
        ("symbol", APPLE, TESLA),
        ("search", "client of a1", "client of a2"),
    ],
)
def test_a_field_selects_the_cases_that_have_its_value(field: str, own: object, other: object) -> None:
    wanted: dict[str, Any] = {field: own}
    assert selected(**wanted)
    assert not selected(**{**wanted, field: other})


@pytest.mark.parametrize("field", ["opened", "closed"])
def test_a_time_is_after_and_before_the_bounds_and_not_at_them(field: str) -> None:
    of, status = view(**CLOSED), (CaseStatus.RESOLVED,)
    after, before = f"{field}_after", f"{field}_before"
    assert selected(of, status=status, **{after: NOW - INSTANT, before: NOW + INSTANT})
    assert not selected(of, status=status, **{after: NOW})
    assert not selected(of, status=status, **{before: NOW})
    assert selected(of, status=status, **{after: NOW - INSTANT})
    assert selected(of, status=status, **{before: NOW + INSTANT})


def test_a_case_that_is_not_closed_has_no_time_of_its_end() -> None:
    assert not selected(closed_after=NOW - INSTANT)
    assert not selected(closed_before=NOW + INSTANT)


def test_a_case_is_overdue_after_its_deadline() -> None:
    due = view(deadline=NOW - INSTANT)
    assert selected(view(deadline=NOW), overdue=False)
    assert selected(due, overdue=True)
    assert not selected(due, overdue=False)
    assert selected(overdue=False)
    assert not selected(overdue=True)


def test_an_amount_in_the_currency_of_the_account_is_compared_directly() -> None:
    assert selected(amount_at_least=at_least("1250.50", USD, "1"))
    assert not selected(amount_at_least=at_least("1250.51", USD, "1"))


def test_an_amount_in_another_currency_is_compared_by_its_worth() -> None:
    of = view(worth=Worth(Decimal(9750), HKD))
    assert selected(of, amount_at_least=at_least("9999", HKD, "9750"))
    assert not selected(of, amount_at_least=at_least("1", HKD, "9751"))
    assert selected(amount_at_least=at_least("9999", HKD, "9750")), "an unknown worth is shown"


def test_what_is_unknown_of_an_earlier_state_matches() -> None:
    wanted = CaseFilter(symbol=APPLE, overdue=True, amount_at_least=at_least("1", USD, "1"))
    assert wanted.selects_state(CaseStatus.OPEN, USD, None, None, None, None)
    assert not wanted.selects_state(CaseStatus.OPEN, USD, Decimal(0), None, None, None)
    assert not wanted.selects_state(CaseStatus.OPEN, USD, None, None, (TESLA,), None)
    assert not wanted.selects_state(CaseStatus.OPEN, USD, None, None, None, False)


def test_a_search_finds_by_numbers_and_by_the_name_only_for_those_who_may_see_it() -> None:
    assert searched_texts(VIEW.account, NAMES) == ("Client of A1", "C-A1", "A1")
    assert searched_texts(VIEW.account, NO_NAMES) == ("C-A1", "A1")
    for text in ("c-a1", "A1", "mc-"):
        assert CaseFilter(search=text).selects(VIEW, NO_NAMES, NOW)
    assert not CaseFilter(search="client of").selects(VIEW, NO_NAMES, NOW)


def test_one_text_that_contains_the_searched_one_suffices() -> None:
    assert contains("b", "abc", "x")
    assert contains("B", "x", "abc")
    assert not contains("b", "x", "y")
    assert contains(None)


@pytest.mark.parametrize("descending", [False, True])
def test_a_list_by_time_breaks_ties_by_the_id(descending: bool) -> None:
    of = view(id=CaseId("7"), deadline=NOW + INSTANT)
    assert CaseOrder(CaseOrderField.OPENED_AT, descending, HKD).key(of) == (NOW, "7")
    assert CaseOrder(CaseOrderField.DEADLINE, descending, HKD).key(of) == (NOW + INSTANT, "7")


def test_a_list_by_amount_compares_the_worth_and_puts_unknown_ones_last() -> None:
    known = view(id=CaseId("7"), worth=Worth(Decimal(9750), HKD))
    unknown = view(id=CaseId("6"))
    outdated = view(id=CaseId("8"), worth=Worth(Decimal(1), USD))
    order = CaseOrder(CaseOrderField.AMOUNT, False, HKD)
    assert order.key(known) == (0, Decimal(9750), "7")
    assert order.key(unknown) == (1, Decimal("1250.50"), "6")
    assert order.key(outdated) == (1, Decimal("1250.50"), "8")
