"""No sequence of reports and commands, repeated, reordered or late, makes an impossible order."""

from datetime import datetime, timedelta
from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from domain.execution import ExecType
from domain.money import ZERO
from domain.order import Order, OrderChange, OrderStatus, RefusedTransition, act, apply, ask_cancel
from domain.order_states import DESK_TRIGGERS, OrderAlert, OrderTrigger
from domain.refusals import Refusal
from tests.kit.examples import examples
from tests.kit.orders import PLACED_AT, QUANTITY, a_fill, a_report, an_order

REPORTED = [each for each in ExecType if each not in (ExecType.TRADE, ExecType.TRADE_CANCEL)]
"""A trade that the venue takes back is set aside before it reaches the order."""


class OrderLife(RuleBasedStateMachine):
    """Building an `Order` checks it, so every step that returns has passed the constructor's invariants."""

    @initialize(approval=st.booleans())
    def place(self, approval: bool) -> None:
        self.order = an_order(OrderStatus.PENDING_APPROVAL if approval else OrderStatus.QUEUED)
        self.now = PLACED_AT
        self.booked = ZERO
        self.notional = ZERO

    @rule(
        quantity=st.integers(1, int(QUANTITY) + 200),
        price=st.decimals("0.0001", "9999.9999", allow_nan=False, places=4),
    )
    def fill(self, quantity: int, price: Decimal) -> None:
        outcome = apply(self.order, a_fill(quantity, price), self._later())
        if self.order.status is OrderStatus.PENDING_APPROVAL:
            assert isinstance(outcome, RefusedTransition)
            return
        self._step(outcome)
        self.booked += quantity
        self.notional += quantity * price
        assert isinstance(outcome, OrderChange)
        assert (outcome.alert is OrderAlert.OVERFILL) == (self.booked > QUANTITY)

    @rule(exec_type=st.sampled_from(REPORTED))
    def report(self, exec_type: ExecType) -> None:
        self._step(apply(self.order, a_report(exec_type), self._later()))

    @rule(exec_type=st.sampled_from(REPORTED))
    def repeat(self, exec_type: ExecType) -> None:
        """The second of two equal reports never changes anything."""
        self.report(exec_type)
        before = self.order
        self.report(exec_type)
        assert self.order == before

    @rule(trigger=st.sampled_from(sorted(DESK_TRIGGERS)))
    def act(self, trigger: OrderTrigger) -> None:
        self._step(act(self.order, trigger, self._later()))

    @rule()
    def cancel(self) -> None:
        wanted = self.order.cancellable
        outcome = ask_cancel(self.order, self._later(), "asked")
        assert isinstance(outcome, Refusal) == self.order.terminal
        if isinstance(outcome, OrderChange):
            assert outcome.unchanged != wanted
            self._step(outcome)

    @precondition(lambda self: self.order.terminal)
    @rule(quantity=st.integers(1, int(QUANTITY)))
    def fill_late(self, quantity: int) -> None:
        before = self.order
        self.fill(quantity, Decimal(1))
        assert self.order.filled_quantity == before.filled_quantity + quantity
        assert self.order.terminal

    @invariant()
    def every_fill_is_booked_once(self) -> None:
        assert (self.order.filled_quantity, self.order.filled_notional) == (self.booked, self.notional)

    @invariant()
    def what_is_filled_and_what_is_left_make_the_order(self) -> None:
        if self.order.terminal:
            assert self.order.leaves_quantity == 0
        else:
            assert self.order.leaves_quantity + self.order.filled_quantity == QUANTITY
            assert self.order.leaves_quantity > 0

    def _later(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    def _step(self, outcome: OrderChange | RefusedTransition) -> None:
        if isinstance(outcome, RefusedTransition):
            return
        before, self.order = self.order, outcome.order
        assert outcome.previous_status is before.status
        assert self.order.filled_quantity >= before.filled_quantity
        assert self.order.version == before.version + (not outcome.unchanged)
        assert self._ended_stays_ended(before)

    def _ended_stays_ended(self, before: Order) -> bool:
        return not before.terminal or self.order.status in (before.status, OrderStatus.FILLED)


TestOrderLife = OrderLife.TestCase
TestOrderLife.settings = settings(max_examples=examples(200), stateful_step_count=30)
