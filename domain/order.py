"""A liquidation order, and its changes by the desk's actions and the venue's reports.

domain/order_states.py defines the transitions as data; this module adds quantities and flags. All functions
are pure. Callers of `apply` have already dropped known execution ids: a fill that is applied twice is booked
twice.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from domain.execution import ExecType, ExecutionReport
from domain.execution import OrderSide as OrderSide
from domain.ids import AccountId, CaseId, ClientOrderId, OrderId, Symbol
from domain.money import ZERO, average_price, exact
from domain.order_states import (
    DESK_TRIGGERS,
    FILL_TRIGGERS,
    REFUSED,
    TRANSITIONS,
    OrderAlert,
    OrderTrigger,
    Transition,
)
from domain.order_states import TERMINAL as TERMINAL
from domain.order_states import OrderStatus as OrderStatus
from domain.phrase import DetailCode, phrase
from domain.phrase_texts import english
from domain.refusals import Refusal, RefusalCode


class OrderType(StrEnum):
    """FIX OrdType."""

    MARKET = "MARKET"
    LIMIT = "LIMIT"


class TimeInForce(StrEnum):
    """FIX TimeInForce."""

    DAY = "DAY"
    GTC = "GTC"
    IOC = "IOC"


class TradingSession(StrEnum):
    """REGULAR hours only, or ANY session that the market has."""

    REGULAR = "REGULAR"
    ANY = "ANY"


class CancelCause(StrEnum):
    """Why the cancel of an order was requested."""

    CURED = "CURED"
    """By the desk, since nothing was left to collect."""
    EXCESS = "EXCESS"
    """By the desk, since the order exceeded the position."""
    RESTING = "RESTING"
    """By the desk, since the order rested away from the market and something else is to be sold."""
    DECIDED = "DECIDED"
    """By a person, or by a rule."""


CALLED_OFF = frozenset({CancelCause.CURED, CancelCause.EXCESS, CancelCause.RESTING})
"""The desk's own causes, which do not express a person's decision."""
_FORGOTTEN_IF_REFUSED = frozenset({CancelCause.CURED, CancelCause.RESTING})

_NO_FILLS = frozenset(
    {
        OrderStatus.PENDING_APPROVAL,
        OrderStatus.QUEUED,
        OrderStatus.PENDING_NEW,
        OrderStatus.NEW,
        OrderStatus.UNKNOWN,
    }
)
_UNKNOWN_AT_VENUE = _NO_FILLS - {OrderStatus.NEW}
_KNOWN_AT_VENUE = frozenset({OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED, OrderStatus.FILLED})
_MAY_WANT_CANCEL = frozenset({OrderStatus.PENDING_CANCEL, OrderStatus.UNKNOWN})


RAW_STATUS_CHARACTERS_MAX = 40
"""More than any venue uses; longer texts are cut."""


@dataclass(frozen=True, slots=True)
class Order:
    """One liquidation order. Quantities are in units, prices and notional in the instrument's currency."""

    id: OrderId
    client_order_id: ClientOrderId
    case_id: CaseId
    account_id: AccountId
    symbol: Symbol
    side: OrderSide
    type: OrderType
    time_in_force: TimeInForce
    session: TradingSession
    quantity: Decimal
    limit_price: Decimal | None
    status: OrderStatus
    estimated_reduction: Decimal
    """Planned reduction of the amount to collect, in the account's base currency."""
    placed_by: str
    created_at: datetime
    updated_at: datetime
    filled_quantity: Decimal = ZERO
    filled_notional: Decimal = ZERO
    """Sum of quantity x price over the fills (without the multiplier); a price may be 0 or below."""
    acknowledged: bool = False
    """The venue has confirmed that it works the order, by an acknowledgement or a fill."""
    cancel_requested: bool = False
    """Its cancel was requested; stays true until the order has ended or the venue refuses."""
    reason: str | None = None
    """Why it was cancelled, rejected or expired, or why its cancel was refused."""
    version: int = 1
    override: bool = False
    """Placed although nothing was left to collect: a cure of the case does not cancel it."""
    cancel_cause: CancelCause | None = None
    """Why its cancel was requested, whatever happened to the order since; None: no cancel was requested, or
    the venue refused one that the desk requested as CURED or RESTING.

    A cause DECIDED is never forgotten.
    """
    ordered_alone_by: str | None = None
    """The person against whose one-person limit it counts; None: two persons, or the firm's own rules."""
    raw_status: str | None = None
    """The status in the venue's own words; None: the venue has stated none since it changed."""

    def __post_init__(self) -> None:
        if self.quantity <= 0 or self.filled_quantity < 0:
            raise ValueError("an order must have a quantity above zero, and fills of zero or more")
        if (self.type is OrderType.LIMIT) != (self.limit_price is not None):
            raise ValueError("a limit order must have a limit price, a market order must have none")
        if self.limit_price is not None and self.limit_price <= 0:
            raise ValueError("a limit price must be above zero")
        if self.created_at.tzinfo is None or self.updated_at.tzinfo is None:
            raise ValueError("the times of an order must have a time zone")
        self._check_fills()
        self._check_flags()

    def _check_fills(self) -> None:
        if self.filled_notional and not self.filled_quantity:
            raise ValueError("only an order with fills has a notional")
        if self.status in _NO_FILLS and self.filled_quantity:
            raise ValueError(f"an order that is {self.status} must have no fills")
        if self.status is OrderStatus.PARTIALLY_FILLED and not self.filled_quantity:
            raise ValueError("an order that is PARTIALLY_FILLED must have fills")
        if (self.filled_quantity >= self.quantity) != (self.status is OrderStatus.FILLED):
            raise ValueError("an order is FILLED if and only if it is complete")

    def _check_flags(self) -> None:
        if self.status in _UNKNOWN_AT_VENUE and self.acknowledged:
            raise ValueError(f"an order that is {self.status} must not be acknowledged")
        if (self.status in _KNOWN_AT_VENUE or self.filled_quantity) and not self.acknowledged:
            raise ValueError(f"an order that is {self.status} or has fills must be acknowledged")
        if self.status is OrderStatus.PENDING_CANCEL and not self.cancel_requested:
            raise ValueError("an order that is PENDING_CANCEL must have a requested cancel")
        if self.cancel_requested and self.status not in _MAY_WANT_CANCEL:
            raise ValueError(f"an order that is {self.status} must have no pending cancel")

    @property
    def terminal(self) -> bool:
        """Whether the order has ended, so that only a late fill can still happen."""
        return self.status in TERMINAL

    @property
    def cancellable(self) -> bool:
        """Whether a cancel can be requested: the order may still trade and no cancel is requested yet."""
        return not self.terminal and not self.cancel_requested

    @property
    def called_off(self) -> bool:
        """Whether the desk itself requested its cancel: its possible fills must not be relied on."""
        return self.cancel_requested and self.cancel_cause in CALLED_OFF

    @property
    def leaves_quantity(self) -> Decimal:
        """The quantity that may still fill (FIX LeavesQty); 0 if the order has ended."""
        return leaves_quantity(self.status, self.quantity, self.filled_quantity)

    @property
    def average_price(self) -> Decimal | None:
        """The average price of the fills (FIX AvgPx), to eight digits."""
        return average_price(self.filled_notional, self.filled_quantity) if self.filled_quantity else None


def leaves_quantity(status: OrderStatus, quantity: Decimal, filled: Decimal) -> Decimal:
    """As `Order.leaves_quantity`."""
    return ZERO if status in TERMINAL else quantity - filled


@dataclass(frozen=True, slots=True)
class OrderChange:
    """The order after a trigger. `unchanged`: there is nothing new to store."""

    order: Order
    previous_status: OrderStatus
    trigger: OrderTrigger
    alert: OrderAlert | None = None
    unchanged: bool = False


@dataclass(frozen=True, slots=True)
class RefusedTransition:
    """The trigger is not possible in the order's state. If it came from a venue, operators must be
    notified.
    """

    status: OrderStatus
    trigger: OrderTrigger
    code: DetailCode

    @property
    def why(self) -> str:
        """The reason in English."""
        return english(phrase(self.code))


def apply(order: Order, report: ExecutionReport, now: datetime) -> OrderChange | RefusedTransition:
    """Apply the venue's report to the order.

    A fill of an order that was ever sent is always booked. A cancelled trade is not among these reports: see
    `execution_check.objection`.
    """
    assert report.client_order_id == order.client_order_id
    assert report.exec_type is not ExecType.TRADE_CANCEL
    with exact():
        filled_quantity = order.filled_quantity + report.last_quantity
        filled_notional = order.filled_notional + report.last_quantity * report.last_price
    trigger = _REPORTED.get(report.exec_type) or _fill_trigger(filled_quantity, order.quantity)
    filled = _Filled(filled_quantity, filled_notional)
    change = _move(order, trigger, now, report.text if trigger in _WITH_TEXT else None, filled)
    return _named(change, report.raw_status) if isinstance(change, OrderChange) else change


def _named(change: OrderChange, raw_status: str | None) -> OrderChange:
    """Adds the venue's own word for the status; the word alone is no change."""
    if raw_status is None or change.unchanged:
        return change
    return replace(change, order=replace(change.order, raw_status=raw_status[:RAW_STATUS_CHARACTERS_MAX]))


def act(
    order: Order, trigger: OrderTrigger, now: datetime, reason: str | None = None
) -> OrderChange | RefusedTransition:
    """Apply an action of the desk (one of `DESK_TRIGGERS`) to the order."""
    return _act(order, trigger, now, reason, CancelCause.DECIDED)


def _act(
    order: Order, trigger: OrderTrigger, now: datetime, reason: str | None, cause: CancelCause
) -> OrderChange | RefusedTransition:
    assert trigger in DESK_TRIGGERS
    filled = _Filled(order.filled_quantity, order.filled_notional)
    return _move(order, trigger, now, reason, filled, cause)


def mark_sent(order: Order, now: datetime) -> OrderChange | RefusedTransition:
    """QUEUED -> PENDING_NEW: to be stored before the venue is called."""
    return act(order, OrderTrigger.SENT, now)


def mark_unfit(order: Order, now: datetime, why: str) -> OrderChange | RefusedTransition:
    """QUEUED -> REJECTED: a check right before the order is sent failed."""
    return act(order, OrderTrigger.CHECK_FAILED, now, why)


def mark_unanswered(order: Order, now: datetime) -> OrderChange | RefusedTransition:
    """PENDING_NEW -> UNKNOWN: the venue has not answered for too long."""
    return act(order, OrderTrigger.UNANSWERED, now)


def mark_not_received(order: Order, now: datetime) -> OrderChange | RefusedTransition:
    """The venue never received it: QUEUED again under the same client order id, or CANCELED if that was
    requested.
    """
    return act(order, OrderTrigger.NOT_RECEIVED, now)


def ask_cancel(
    order: Order, now: datetime, reason: str | None, cause: CancelCause = CancelCause.DECIDED
) -> OrderChange | Refusal:
    """CANCELED at once if the order was never sent, otherwise PENDING_CANCEL with the cancel still to be
    sent.

    An UNKNOWN order only remembers the request: when a report shows that the order is working, it becomes
    PENDING_CANCEL, and the cancel is sent then. `unchanged`: the cancel was already pending, for a cause at
    least as strong.
    """
    change = _act(order, OrderTrigger.CANCEL_REQUESTED, now, reason, cause)
    if isinstance(change, RefusedTransition):
        return Refusal(RefusalCode.TOO_LATE, f"The order is {order.status}: there is nothing left to cancel.")
    return change


@dataclass(frozen=True, slots=True)
class _Filled:
    quantity: Decimal
    notional: Decimal


_REPORTED = {
    ExecType.NEW: OrderTrigger.ACKNOWLEDGED,
    ExecType.CANCELED: OrderTrigger.CANCELED,
    ExecType.REJECTED: OrderTrigger.REJECTED,
    ExecType.EXPIRED: OrderTrigger.EXPIRED,
    ExecType.CANCEL_REJECTED: OrderTrigger.CANCEL_REJECTED,
}
_WITH_TEXT = frozenset(_REPORTED.values()) - {OrderTrigger.ACKNOWLEDGED}


def _fill_trigger(filled: Decimal, quantity: Decimal) -> OrderTrigger:
    if filled < quantity:
        return OrderTrigger.PARTIAL_FILL
    return OrderTrigger.FULL_FILL if filled == quantity else OrderTrigger.OVERFILL


def _move(
    order: Order,
    trigger: OrderTrigger,
    now: datetime,
    reason: str | None,
    filled: _Filled,
    cause: CancelCause = CancelCause.DECIDED,
) -> OrderChange | RefusedTransition:
    transition = TRANSITIONS.get((order.status, trigger))
    code = REFUSED[order.status, trigger] if transition is None else _contradiction(order, trigger)
    if transition is None or code is not None:
        assert code is not None
        return RefusedTransition(order.status, trigger, code)
    caused = _with_cause(order, trigger, reason, cause)
    moved = _moved(caused, trigger, transition, reason, filled)
    if moved == order:
        return OrderChange(order, order.status, trigger, unchanged=True)
    moved = replace(moved, updated_at=now, version=order.version + 1)
    return OrderChange(moved, order.status, trigger, transition.alert)


def _contradiction(order: Order, trigger: OrderTrigger) -> DetailCode | None:
    """Why the trigger contradicts the order's flags; None if it does not.

    Only PENDING_CANCEL needs this check: such an order may or may not be acknowledged, and may have traded.
    """
    if trigger is OrderTrigger.NOT_RECEIVED and order.acknowledged:
        return DetailCode.ORDER_ACKNOWLEDGED
    if trigger is OrderTrigger.REJECTED and order.filled_quantity and not order.terminal:
        return DetailCode.ORDER_TRADED
    return None


def _moved(
    order: Order, trigger: OrderTrigger, transition: Transition, reason: str | None, filled: _Filled
) -> Order:
    reported = trigger in FILL_TRIGGERS or (trigger is OrderTrigger.ACKNOWLEDGED and not order.terminal)
    acknowledged = order.acknowledged or reported
    is_requested = order.cancel_requested or trigger is OrderTrigger.CANCEL_REQUESTED
    status = _landing(transition.targets, filled.quantity > 0, acknowledged, is_requested)
    cancel_requested = is_requested and status in _MAY_WANT_CANCEL
    is_change = status is not order.status or cancel_requested != order.cancel_requested
    return replace(
        order,
        status=status,
        filled_quantity=filled.quantity,
        filled_notional=filled.notional,
        acknowledged=acknowledged,
        cancel_requested=cancel_requested,
        reason=reason if is_change and reason else order.reason,
        raw_status=order.raw_status if status is order.status else None,
    )


def _with_cause(order: Order, trigger: OrderTrigger, reason: str | None, cause: CancelCause) -> Order:
    """The order with the stronger of the causes of its cancel, and the reason for that one."""
    if _cancel_refused(order, trigger) and order.cancel_cause in _FORGOTTEN_IF_REFUSED:
        # The order lives on; a later cancel would have another cause.
        return replace(order, cancel_cause=None)
    outweighed = order.cancel_cause is not None and cause is not CancelCause.DECIDED
    if trigger is not OrderTrigger.CANCEL_REQUESTED or outweighed or order.cancel_cause is cause:
        return order
    return replace(order, cancel_cause=cause, reason=reason if order.cancel_cause else order.reason)


def _cancel_refused(order: Order, trigger: OrderTrigger) -> bool:
    return order.status is OrderStatus.PENDING_CANCEL and trigger is OrderTrigger.CANCEL_REJECTED


def _landing(
    targets: tuple[OrderStatus, ...], has_fills: bool, acknowledged: bool, cancel_requested: bool
) -> OrderStatus:
    """The first target that fits the order's quantities and flags; the most specific ones come first."""
    fits = {
        OrderStatus.PENDING_CANCEL: cancel_requested,
        OrderStatus.CANCELED: cancel_requested,
        OrderStatus.PARTIALLY_FILLED: has_fills,
        OrderStatus.NEW: acknowledged,
    }
    if len(targets) == 1:
        return targets[0]
    return next((status for status, fit in fits.items() if fit and status in targets), targets[0])


def client_order_id(case_no: str, plan: int, leg: int) -> ClientOrderId:
    """The order's id at the venue, a pure function of its purpose: a retry can only create the same one.

    `plan` counts the accepted liquidations of the case and `leg` the orders of that plan, both from 1.
    """
    return ClientOrderId(f"{case_no}-{plan}-{leg}")


def plan_of(order: ClientOrderId) -> str:
    """The number of its plan; raises `ValueError` for what `client_order_id` does not make."""
    parts = order.rsplit("-", 2)
    if len(parts) != 3 or not (parts[1].isdecimal() and parts[2].isdecimal()):
        raise ValueError(f"{order!r} is not an order id of the desk")
    return parts[1]
