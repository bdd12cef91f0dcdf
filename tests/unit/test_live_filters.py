"""The events of a subscription with a filter suffice to hold exactly the list with that filter."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.assessment.case_event import case_event
from desk.context import DeskContext
from domain.case import LIVE, CaseCloseReason, CaseStatus
from domain.case_filter import CaseFilter
from domain.events import CaseEvent, CaseEventKind, CaseView, OrderEvent, OrderEventKind, OrderView
from domain.ids import AccountId, CaseId, ClientId, EventId, Symbol
from domain.money import Currency
from domain.order import OrderStatus
from domain.principal import EVERYTHING, Audience, Permission
from domain.reporting import AmountAtLeast, Worth
from gateway.resources import make_desk
from gateway.settings import load_settings
from models.order import OrderFilter
from resolvers.live_feed.filters import case_event_kind, order_event_kind
from tests.kit.live_desk import case_event as some_case_event
from tests.kit.orders import an_order
from tests.unit.books import NOW

USD, HKD, EUR = (Currency(each) for each in ("USD", "HKD", "EUR"))
APPLE, TESLA = Symbol("AAPL.US"), Symbol("TSLA.US")
DEADLINE = NOW + timedelta(minutes=5)
CLOSING = {CaseStatus.RESOLVED: CaseCloseReason.CURED, CaseStatus.VOID: CaseCloseReason.VOIDED}


@dataclass(frozen=True, slots=True)
class State:
    """What may change between two events of a case."""

    status: CaseStatus
    amount: int
    worth: Worth | None
    symbols: tuple[Symbol, ...]
    minute: int


states = st.builds(
    State,
    st.sampled_from([*LIVE, *CLOSING]),
    st.integers(0, 3),
    st.none() | st.builds(Worth, st.integers(0, 3).map(Decimal), st.sampled_from([HKD, EUR])),
    st.sampled_from([(), (APPLE,), (TESLA,), (APPLE, TESLA)]),
    st.integers(0, 3),
)
lives = st.lists(states, min_size=1, max_size=8)
filters = st.builds(
    CaseFilter,
    status=st.none() | st.lists(st.sampled_from(list(CaseStatus)), max_size=3).map(tuple),
    symbol=st.none() | st.just(APPLE),
    amount_at_least=st.none()
    | st.builds(
        AmountAtLeast,
        st.integers(0, 3).map(Decimal),
        st.sampled_from([USD, HKD]),
        st.builds(Worth, st.integers(0, 3).map(Decimal), st.just(HKD)),
    ),
    overdue=st.none() | st.booleans(),
)


def view_of(state: State, minute: int) -> CaseView:
    """The case in that state, its figures as of that minute."""
    now = NOW + timedelta(minutes=minute)
    view = some_case_event(NOW).view
    closed = state.status in CLOSING
    figures = replace(view.case.figures, amount=Decimal(state.amount), as_of=now)
    case = replace(
        view.case,
        id=CaseId("case"),
        status=state.status,
        figures=figures,
        worth=state.worth,
        deadline=DEADLINE,
        plans=1,
        closed_at=now if closed else None,
        close_reason=CLOSING.get(state.status),
    )
    return replace(view, case=case, symbols=state.symbols)


def events_of(life: list[State]) -> Iterator[CaseEvent]:
    """The events of a case that lives through these states; `minute` is how long each lasts."""
    desk, minute = the_desk(), 0
    first = view_of(life[0], 0)
    yield CaseEvent(EventId("0"), NOW, CaseEventKind.OPENED, first)
    before = first
    for state in life[1:]:
        minute += state.minute
        after = view_of(state, minute)
        yield case_event(desk, before, after, NOW + timedelta(minutes=minute))
        before = after


def listed(wanted: CaseFilter, event: CaseEvent) -> bool:
    """Whether the list, asked right after the event, shows the case: written as the SQL is."""
    case, least = event.view.case, wanted.amount_at_least
    if least is None:
        is_enough = True
    elif event.view.account.base_currency == least.currency:
        is_enough = case.figures.amount >= least.amount
    elif case.worth is None or case.worth.currency != HKD:
        is_enough = True
    else:
        is_enough = case.worth.amount >= least.worth.amount
    return is_enough and (
        case.status in (wanted.status if wanted.status is not None else LIVE)
        and (wanted.symbol is None or wanted.symbol in event.view.symbols)
        and (wanted.overdue is None or wanted.overdue is (case.live and case.deadline < event.at))
    )


@cache
def the_desk() -> DeskContext:
    return make_desk(load_settings(), lambda: NOW, lambda: None)


@given(lives, filters)
def test_applying_each_event_gives_the_list_after_it(life: list[State], wanted: CaseFilter) -> None:
    held = False
    for event in events_of(life):
        kind = case_event_kind(event, wanted, EVERYTHING)
        if kind is not None:
            off = kind is CaseEventKind.REMOVED or (kind is CaseEventKind.CLOSED and wanted.status is None)
            held = not off
        assert held is listed(wanted, event)


@given(lives, filters)
def test_no_event_is_sent_of_a_case_that_neither_was_nor_is_on_the_list(
    life: list[State], wanted: CaseFilter
) -> None:
    for before, event in pairwise(events_of(life)):
        told = case_event_kind(event, wanted, EVERYTHING) is not None
        assert told is (listed(wanted, before) or listed(wanted, event))


@given(lives, filters)
def test_no_event_is_sent_outside_of_the_scope(life: list[State], wanted: CaseFilter) -> None:
    elsewhere = Audience(frozenset({Permission.RISK_WARNING_FULL}), frozenset({"other"}))
    assert all(case_event_kind(event, wanted, elsewhere) is None for event in events_of(life))


def test_an_event_written_before_these_facts_were_kept_is_removed_rather_than_passed_over() -> None:
    opened = some_case_event(NOW)
    told = replace(opened, previous_status=CaseStatus.OPEN)
    assert case_event_kind(told, CaseFilter(symbol=APPLE), EVERYTHING) is CaseEventKind.REMOVED


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (OrderFilter(), OrderEventKind.STATUS_CHANGED),
        (OrderFilter(status=(OrderStatus.NEW,)), OrderEventKind.STATUS_CHANGED),
        (OrderFilter(status=(OrderStatus.QUEUED, OrderStatus.NEW)), OrderEventKind.STATUS_CHANGED),
        (OrderFilter(status=(OrderStatus.QUEUED,)), OrderEventKind.REMOVED),
        (OrderFilter(status=(OrderStatus.FILLED,)), None),
        (OrderFilter(symbol=Symbol("elsewhere")), None),
        (OrderFilter(case_id=CaseId("elsewhere")), None),
        (OrderFilter(client_id=ClientId("elsewhere")), None),
        (OrderFilter(search="nobody"), None),
        (OrderFilter(search="client of a1"), OrderEventKind.STATUS_CHANGED),
    ],
)
def test_an_order_that_leaves_the_wanted_statuses_is_removed(
    wanted: OrderFilter, told: OrderEventKind | None
) -> None:
    account = replace(some_case_event(NOW).view.account, account_id=AccountId("A1"))
    order = an_order(OrderStatus.NEW)
    event = OrderEvent(
        EventId("1"),
        NOW,
        OrderEventKind.STATUS_CHANGED,
        OrderView(order, account),
        previous_status=OrderStatus.QUEUED,
    )
    trader = Audience(frozenset({Permission.RISK_WARNING_FULL}), None)
    assert order_event_kind(event, wanted, trader) is told
