"""Every field of a filter selects in the list and in the live stream alike: one left out would select all."""

from collections.abc import AsyncIterator
from dataclasses import fields, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from domain.approval import ApprovalKind, ApprovalStatus
from domain.case import AlertType, CaseCloseReason, CaseStatus
from domain.case_filter import CaseFilter as CaseSelection
from domain.events import CaseEvent, OrderEvent, OrderEventKind, OrderView
from domain.ids import EventId, Symbol
from domain.margin import AccountType
from domain.money import Currency
from domain.order import OrderStatus
from domain.principal import EVERYTHING, Audience, Permission
from models import approval, case_list, order
from models.sql.database import Database
from resolvers.kit.node import global_id
from resolvers.live_feed.filters import approval_event_kind, case_event_kind, order_event_kind
from resolvers.types.approval import ApprovalRequestFilter
from resolvers.types.case_filter import CaseFilter
from resolvers.types.order import OrderFilter
from tests.kit.control_events import an_approval_event
from tests.kit.live_desk import case_event as some_case_event
from tests.kit.orders import PLACED_AT, an_order

NOW = PLACED_AT
HELD = Symbol("700.HK")
SOONER, LATER = NOW - timedelta(hours=1), NOW + timedelta(hours=1)

CASES: dict[str, tuple[Any, Any]] = {
    "status": ([CaseStatus.RESOLVED], [CaseStatus.OPEN]),
    "closed": (True, False),
    "alert_type": ([AlertType.MAINTENANCE], [AlertType.CASH_DEBT]),
    "account_type": ([AccountType.MARGIN], [AccountType.CASH]),
    "client_id": (global_id("Client", "client A1"), global_id("Client", "another")),
    "account_no": ("A1", "A2"),
    "search": ("a1", "another"),
    "symbol": (HELD, "another"),
    "amount_at_least": (Decimal(1), Decimal(1_000_000)),
    "amount_currency": ("USD", None),
    "overdue": (False, True),
    "opened_after": (SOONER, LATER),
    "opened_before": (LATER, SOONER),
    "closed_after": (SOONER, LATER),
    "closed_before": (LATER, SOONER),
}
"""By the field of the filter: a value that selects the case below, and one that does not (null: the field
selects nothing by itself)."""
ORDERS: dict[str, tuple[Any, Any]] = {
    "status": ([OrderStatus.NEW], [OrderStatus.FILLED]),
    "case_id": (global_id("Case", "case-1"), global_id("Case", "another")),
    "client_id": (global_id("Client", "client A1"), global_id("Client", "another")),
    "account_no": ("A1", "A2"),
    "symbol": (HELD, "another"),
    "search": ("mc-1-1", "another"),
    "created_after": (SOONER, LATER),
    "created_before": (LATER, SOONER),
}
REQUESTS: dict[str, tuple[Any, Any]] = {
    "status": ([ApprovalStatus.PENDING], [ApprovalStatus.EXPIRED]),
    "kind": ([ApprovalKind.VOID], [ApprovalKind.SETTING]),
    "case_id": (global_id("Case", "case-1"), global_id("Case", "another")),
    "maker": ("ann", "another"),
}
SELECTED_REQUESTS: dict[str, tuple[Any, Any]] = {
    "status": ((ApprovalStatus.PENDING,), (ApprovalStatus.EXPIRED,)),
    "kind": ((ApprovalKind.VOID,), (ApprovalKind.SETTING,)),
    "entity": ("case", "killSwitch"),
    "entity_id": ("case-1", "another"),
    "maker": ("ann", "another"),
}
"""By the field of the filter for the database, which has two for the case."""
USD = Currency("USD")
CHECKER = Audience(frozenset({Permission.RISK_APPROVER}), None)


def a_closed_case() -> CaseEvent:
    """One that was never on the list before, so that it is not removed from it either."""
    event = some_case_event(NOW)
    figures = replace(event.view.case.figures, amount=Decimal(1000))
    case = replace(
        event.view.case,
        figures=figures,
        status=CaseStatus.RESOLVED,
        closed_at=NOW,
        close_reason=CaseCloseReason.CURED,
    )
    return replace(event, previous_status=None, view=replace(event.view, case=case, symbols=(HELD,)))


def an_order_event() -> OrderEvent:
    view = OrderView(an_order(OrderStatus.NEW), some_case_event(NOW).view.account)
    return OrderEvent(EventId("1"), NOW, OrderEventKind.STATUS_CHANGED, view, previous_status=None)


def cases_with(**chosen: Any) -> CaseSelection:
    return CaseFilter(**{"status": list(CaseStatus), **chosen}).selection(USD, {})


def orders_with(**chosen: Any) -> order.OrderFilter:
    return OrderFilter(**chosen).selection()


def requests_with(**chosen: Any) -> approval.ApprovalFilter:
    return ApprovalRequestFilter(**chosen).selection()


def listed_requests(wanted: approval.ApprovalFilter) -> tuple[str, list[Any]]:
    where = approval._where(CHECKER, wanted)
    return str(where), where.values


def listed_cases(wanted: CaseSelection) -> tuple[str, list[Any]]:
    where = case_list._where(EVERYTHING, wanted, NOW)
    return str(where), where.values


def listed_orders(wanted: order.OrderFilter) -> tuple[str, list[Any]]:
    where = order._where(EVERYTHING, wanted)
    return str(where), where.values


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[None]:
    """The texts of conditions depend on the database."""
    database = Database(f"sqlite://{tmp_path}/desk.sqlite3", pool_size=1)
    await database.open()
    with database.active():
        yield
    await database.close()


@pytest.mark.usefixtures("database")
async def test_every_field_of_the_filter_of_cases_selects_in_the_list_and_in_the_stream() -> None:
    event = a_closed_case()
    for field in (each.name for each in fields(CaseSelection)):
        some, none = (cases_with(**{field: value}) for value in CASES[field])
        assert getattr(some, field) != getattr(none, field), f"CaseFilter.selection leaves out {field}"
        assert listed_cases(some) != listed_cases(none), f"models/case_list.py leaves out {field}"
        told = [case_event_kind(event, wanted, EVERYTHING) for wanted in (some, none)]
        assert told == [event.kind, None], f"domain/case_filter.py leaves out {field}"


@pytest.mark.usefixtures("database")
async def test_every_field_of_the_filter_of_orders_selects_in_the_list_and_in_the_stream() -> None:
    event = an_order_event()
    for field in (each.name for each in fields(order.OrderFilter)):
        some, none = (orders_with(**{field: value}) for value in ORDERS[field])
        assert getattr(some, field) != getattr(none, field), f"OrderFilter.selection leaves out {field}"
        assert listed_orders(some) != listed_orders(none), f"models/order.py leaves out {field}"
        told = [order_event_kind(event, wanted, EVERYTHING) for wanted in (some, none)]
        assert told == [event.kind, None], f"resolvers/live_feed/filters.py leaves out {field}"


@pytest.mark.usefixtures("database")
async def test_every_field_of_the_filter_of_requests_selects_in_the_list_and_in_the_stream() -> None:
    event = an_approval_event(NOW)
    for field in (each.name for each in fields(approval.ApprovalFilter)):
        some, none = (approval.ApprovalFilter(**{field: value}) for value in SELECTED_REQUESTS[field])
        assert listed_requests(some) != listed_requests(none), f"models/approval.py leaves out {field}"
        told = [approval_event_kind(event, wanted, CHECKER) for wanted in (some, none)]
        assert told == [event.kind, None], f"resolvers/live_feed/filters.py leaves out {field}"


def test_every_filter_field_reaches_the_list_and_the_stream() -> None:
    for chosen, values, selection in (
        (CaseFilter, CASES, cases_with),
        (OrderFilter, ORDERS, orders_with),
        (ApprovalRequestFilter, REQUESTS, requests_with),
    ):
        assert set(values) == {each.name for each in fields(chosen)}, "add the new field to the table above"
        for field, (some, none) in values.items():
            together = {"amount_at_least": Decimal(1)} if field == "amount_currency" else {}
            assert selection(**together, **{field: some}) != selection(**{field: none}), field
