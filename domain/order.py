"""A liquidation order, and what the desk's acts and the venue's reports make of it.

Which trigger leads where is data, in domain/order_states.py; here quantities and flags go along. All
functions are pure. Whoever calls `apply` has already dropped execution ids that were recorded before: a fill
that is given twice is booked twice.
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
    """Why the cancel of an order was asked for."""

    CURED = "CURED"
    """The desk called it off, since nothing was left to collect."""
    EXCESS = "EXCESS"
    """The desk called it off, since it was larger than what is held."""
    RESTING = "RESTING"
    """The desk called it off, since it rested away from the market and something else is to be sold."""
    DECIDED = "DECIDED"
    """A person, or a rule, wants it gone."""


CALLED_OFF = frozenset({CancelCause.CURED, CancelCause.EXCESS, CancelCause.RESTING})
"""Causes that are the desk's own: they say nothing of what a person wants."""
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
_UNHEARD = _NO_FILLS - {OrderStatus.NEW}
_HEARD = frozenset({OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED, OrderStatus.FILLED})
_MAY_WANT_CANCEL = frozenset({OrderStatus.PENDING_CANCEL, OrderStatus.UNKNOWN})


RAW_STATUS_CHARACTERS_MAX = 40
"""More than any venue uses; what is longer is cut."""


@dataclass(frozen=True, slots=True)
class Order:
    """One liquidation order. Quantities in units, prices and notional in the instrument's currency."""

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
    """Of the amount to collect, in the account's base currency, as planned."""
    placed_by: str
    created_at: datetime
    updated_at: datetime
    filled_quantity: Decimal = ZERO
    filled_notional: Decimal = ZERO
    """Sum of quantity x price over the fills (without the multiplier); a price may be 0 or below it."""
    acknowledged: bool = False
    """The venue has said that it works the order, by an acknowledgement or by a fill."""
    cancel_requested: bool = False
    """Somebody wants it cancelled; stays true until the order is terminal or the venue refuses."""
    reason: str | None = None
    """Why it was cancelled, rejected or expired, or why its cancel was refused."""
    version: int = 1
    override: bool = False
    """Placed although nothing was left to collect: the case's being cured does not call it off."""
    cancel_cause: CancelCause | None = None
    """Why its cancel was asked for, whatever became of the order since; None: nobody asked, or the desk
    called it off as CURED or RESTING and the venue refused that. What somebody decided is never forgotten."""
    ordered_alone_by: str | None = None
    """The person whose one-person limit it counts against; None: two people, or the firm's own rules."""
    raw_status: str | None = None
    """What the venue calls its status, in the venue's own words; None: it has said none since it changed."""

    def __post_init__(self) -> None:
        if self.quantity <= 0 or self.filled_quantity < 0:
            raise ValueError("an order needs a quantity above zero, and fills not below it")
        if (self.type is OrderType.LIMIT) != (self.limit_price is not None):
            raise ValueError("a limit order has a limit price, a market order has none")
        if self.limit_price is not None and self.limit_price <= 0:
            raise ValueError("a limit price must be above zero")
        if self.created_at.tzinfo is None or self.updated_at.tzinfo is None:
            raise ValueError("the times of an order are aware")
        self._check_fills()
        self._check_flags()

    def _check_fills(self) -> None:
        if self.filled_notional and not self.filled_quantity:
            raise ValueError("only fills have a notional")
        if self.status in _NO_FILLS and self.filled_quantity:
            raise ValueError(f"an order that is {self.status} has no fills")
        if self.status is OrderStatus.PARTIALLY_FILLED and not self.filled_quantity:
            raise ValueError("an order that is PARTIALLY_FILLED has fills")
        if (self.filled_quantity >= self.quantity) != (self.status is OrderStatus.FILLED):
            raise ValueError("a complete order is FILLED, and no other is")

    def _check_flags(self) -> None:
        if self.status in _UNHEARD and self.acknowledged:
            raise ValueError(f"an order that is {self.status} is not acknowledged")
        if (self.status in _HEARD or self.filled_quantity) and not self.acknowledged:
            raise ValueError(f"an order that is {self.status} or has fills is acknowledged")
        if self.status is OrderStatus.PENDING_CANCEL and not self.cancel_requested:
            raise ValueError("an order that is PENDING_CANCEL has its cancel requested")
        if self.cancel_requested and self.status not in _MAY_WANT_CANCEL:
            raise ValueError(f"an order that is {self.status} has no cancel under way")

    @property
    def terminal(self) -> bool:
        """Nothing but a late fill can happen any more."""
        return self.status in TERMINAL

    @property
    def cancellable(self) -> bool:
        """Asking for the cancel would start something: the order may still trade and nobody has asked."""
        return not self.terminal and not self.cancel_requested

    @property
    def called_off(self) -> bool:
        """The desk itself has asked for its cancel: what it may still fill is nothing to rely on."""
        return self.cancel_requested and self.cancel_cause in CALLED_OFF

    @property
    def leaves_quantity(self) -> Decimal:
        """What may still fill (FIX LeavesQty): 0 when terminal."""
        return ZERO if self.terminal else self.quantity - self.filled_quantity

    @property
    def average_price(self) -> Decimal | None:
        """Of the fills (FIX AvgPx), to eight digits."""
        return average_price(self.filled_notional, self.filled_quantity) if self.filled_quantity else None


@dataclass(frozen=True, slots=True)
class OrderChange:
    """What a trigger made of the order. `unchanged`: it brought nothing new, nothing is to be stored."""

    order: Order
    previous_status: OrderStatus
    trigger: OrderTrigger
    alert: OrderAlert | None = None
    unchanged: bool = False


@dataclass(frozen=True, slots=True)
class RefusedTransition:
    """The trigger cannot happen to the order as it is. Coming from a venue, it needs a person's eyes."""

    status: OrderStatus
    trigger: OrderTrigger
    why: str


def apply(order: Order, report: ExecutionReport, now: datetime) -> OrderChange | RefusedTransition:
    """What the venue's report makes of the order. A fill of an order that was ever sent is always booked; a
    trade that the venue takes back is none of these reports: see `execution_check.objection`."""
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
    """With the venue's own word for the status; a word alone is no news."""
    if raw_status is None or change.unchanged:
        return change
    return replace(change, order=replace(change.order, raw_status=raw_status[:RAW_STATUS_CHARACTERS_MAX]))


def act(
    order: Order, trigger: OrderTrigger, now: datetime, reason: str | None = None
) -> OrderChange | RefusedTransition:
    """What the desk's own act (one of `DESK_TRIGGERS`) makes of the order."""
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
    """QUEUED -> REJECTED: a check right before the order leaves says no."""
    return act(order, OrderTrigger.CHECK_FAILED, now, why)


def mark_unanswered(order: Order, now: datetime) -> OrderChange | RefusedTransition:
    """PENDING_NEW -> UNKNOWN: the venue has said nothing for too long."""
    return act(order, OrderTrigger.UNANSWERED, now)


def mark_not_received(order: Order, now: datetime) -> OrderChange | RefusedTransition:
    """The venue never got it: QUEUED again under the same client order id, or CANCELED if that was wanted."""
    return act(order, OrderTrigger.NOT_RECEIVED, now)


def ask_cancel(
    order: Order, now: datetime, reason: str | None, cause: CancelCause = CancelCause.DECIDED
) -> OrderChange | Refusal:
    """CANCELED at once if the order was never sent, else PENDING_CANCEL, with the cancel to be sent.

    UNKNOWN only remembers the wish: a report that finds the order at work leads to PENDING_CANCEL, and the
    cancel is to be sent then. `unchanged` means that the cancel was pending already, for a cause as good.
    """
    change = _act(order, OrderTrigger.CANCEL_ASKED, now, reason, cause)
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
    why = REFUSED[order.status, trigger] if transition is None else _contradiction(order, trigger)
    if transition is None or why is not None:
        assert why is not None
        return RefusedTransition(order.status, trigger, why)
    asked = _asked(order, trigger, reason, cause)
    moved = _moved(asked, trigger, transition, reason, filled)
    if moved == order:
        return OrderChange(order, order.status, trigger, transition.alert, unchanged=True)
    moved = replace(moved, updated_at=now, version=order.version + 1)
    return OrderChange(moved, order.status, trigger, transition.alert)


def _contradiction(order: Order, trigger: OrderTrigger) -> str | None:
    """What only PENDING_CANCEL needs: it may or may not have been acknowledged, and have traded."""
    if trigger is OrderTrigger.NOT_RECEIVED and order.acknowledged:
        return "the venue has already acknowledged the order"
    if trigger is OrderTrigger.REJECTED and order.filled_quantity and not order.terminal:
        return "an order that has traded cannot be rejected"
    return None


def _moved(
    order: Order, trigger: OrderTrigger, transition: Transition, reason: str | None, filled: _Filled
) -> Order:
    heard = trigger in FILL_TRIGGERS or (trigger is OrderTrigger.ACKNOWLEDGED and not order.terminal)
    acknowledged = order.acknowledged or heard
    wanted = _cancel_wanted(order, trigger)
    status = _landing(transition.targets, filled.quantity > 0, acknowledged, wanted)
    cancel_requested = wanted and status in _MAY_WANT_CANCEL
    news = status is not order.status or cancel_requested != order.cancel_requested
    return replace(
        order,
        status=status,
        filled_quantity=filled.quantity,
        filled_notional=filled.notional,
        acknowledged=acknowledged,
        cancel_requested=cancel_requested,
        reason=reason if news and reason else order.reason,
        raw_status=order.raw_status if status is order.status else None,
    )


def _asked(order: Order, trigger: OrderTrigger, reason: str | None, cause: CancelCause) -> Order:
    """With the better of the causes for which its cancel was asked, and the reason for that one."""
    if _cancel_refused(order, trigger) and order.cancel_cause in _FORGOTTEN_IF_REFUSED:
        # It lives on; should it be cancelled later, then for another cause.
        return replace(order, cancel_cause=None)
    outweighed = order.cancel_cause is not None and cause is not CancelCause.DECIDED
    if trigger is not OrderTrigger.CANCEL_ASKED or outweighed or order.cancel_cause is cause:
        return order
    return replace(order, cancel_cause=cause, reason=reason if order.cancel_cause else order.reason)


def _cancel_refused(order: Order, trigger: OrderTrigger) -> bool:
    return order.status is OrderStatus.PENDING_CANCEL and trigger is OrderTrigger.CANCEL_REJECTED


def _cancel_wanted(order: Order, trigger: OrderTrigger) -> bool:
    if _cancel_refused(order, trigger):
        return False
    return order.cancel_requested or trigger is OrderTrigger.CANCEL_ASKED


def _landing(
    targets: tuple[OrderStatus, ...], has_fills: bool, acknowledged: bool, cancel_wanted: bool
) -> OrderStatus:
    """The target that fits what is known of the order: the first, most telling one that applies."""
    fits = {
        OrderStatus.PENDING_CANCEL: cancel_wanted,
        OrderStatus.CANCELED: cancel_wanted,
        OrderStatus.PARTIALLY_FILLED: has_fills,
        OrderStatus.NEW: acknowledged,
    }
    if len(targets) == 1:
        return targets[0]
    return next((status for status, fit in fits.items() if fit and status in targets), targets[0])
