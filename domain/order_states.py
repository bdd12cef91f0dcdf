"""The state machine of orders as data: every pair of status and trigger is in exactly one of two tables.

`TRANSITIONS` defines where a trigger leads, `REFUSED` why it is not possible. domain/order.py maintains
quantities and flags and decides nothing beyond these tables; docs/state_machines.md explains the unusual
rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from domain.phrase import DetailCode


class OrderStatus(StrEnum):
    """FIX OrdStatus, plus the desk's own: PENDING_APPROVAL, QUEUED, and UNKNOWN while the venue does not
    answer.
    """

    PENDING_APPROVAL = "PENDING_APPROVAL"
    QUEUED = "QUEUED"
    PENDING_NEW = "PENDING_NEW"
    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    PENDING_CANCEL = "PENDING_CANCEL"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    UNKNOWN = "UNKNOWN"


TERMINAL = frozenset({OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.REJECTED, OrderStatus.EXPIRED})


class OrderTrigger(StrEnum):
    """The events of an order: first the desk's actions, then the venue's reports."""

    APPROVED = "APPROVED"
    DECLINED = "DECLINED"
    APPROVAL_TIMED_OUT = "APPROVAL_TIMED_OUT"
    CHECK_FAILED = "CHECK_FAILED"
    """A check before sending failed."""
    KILLED = "KILLED"
    """The kill switch was on."""
    SENT = "SENT"
    """Recorded before the venue is called, so that a crash in between cannot lead to a blind resend."""
    CANCEL_REQUESTED = "CANCEL_REQUESTED"
    UNANSWERED = "UNANSWERED"
    """The venue did not answer for too long."""
    NOT_RECEIVED = "NOT_RECEIVED"
    """Asked by client order id, the venue says that it never received the order."""
    ACKNOWLEDGED = "ACKNOWLEDGED"
    PARTIAL_FILL = "PARTIAL_FILL"
    FULL_FILL = "FULL_FILL"
    OVERFILL = "OVERFILL"
    """A fill beyond the ordered quantity."""
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    CANCEL_REJECTED = "CANCEL_REJECTED"


class OrderAlert(StrEnum):
    """Fills that are reported to operators although they are booked like any other."""

    LATE_FILL = "LATE_FILL"
    """A fill of an order that had already ended."""
    OVERFILL = "OVERFILL"


@dataclass(frozen=True, slots=True)
class Transition:
    """The result of a trigger. If there are several targets, the order's quantities and flags select one."""

    targets: tuple[OrderStatus, ...]
    alert: OrderAlert | None = None


_S, _T = OrderStatus, OrderTrigger
_Statuses = tuple[OrderStatus, ...]
_Triggers = tuple[OrderTrigger, ...]

_BEFORE_SENDING = (_S.PENDING_APPROVAL, _S.QUEUED)
_WITH_VENUE = (_S.PENDING_NEW, _S.NEW, _S.PARTIALLY_FILLED, _S.PENDING_CANCEL, _S.UNKNOWN)
_SENDABLE = (_S.QUEUED, *_WITH_VENUE)
_ENDED = (_S.FILLED, _S.CANCELED, _S.REJECTED, _S.EXPIRED)
_INCOMPLETE = (_S.CANCELED, _S.REJECTED, _S.EXPIRED)

_APPROVAL = (_T.APPROVED, _T.DECLINED, _T.APPROVAL_TIMED_OUT)
_DESK = (*_APPROVAL, _T.CHECK_FAILED, _T.KILLED, _T.SENT, _T.CANCEL_REQUESTED, _T.UNANSWERED, _T.NOT_RECEIVED)
_FILLS = (_T.PARTIAL_FILL, _T.FULL_FILL, _T.OVERFILL)
_VENUE = (_T.ACKNOWLEDGED, *_FILLS, _T.CANCELED, _T.REJECTED, _T.EXPIRED, _T.CANCEL_REJECTED)

DESK_TRIGGERS = frozenset(_DESK)
FILL_TRIGGERS = frozenset(_FILLS)

_MOVES: tuple[tuple[_Statuses, _Triggers, _Statuses], ...] = (
    ((_S.PENDING_APPROVAL,), (_T.APPROVED,), (_S.QUEUED,)),
    ((_S.PENDING_APPROVAL,), (_T.DECLINED,), (_S.REJECTED,)),
    ((_S.PENDING_APPROVAL,), (_T.APPROVAL_TIMED_OUT,), (_S.EXPIRED,)),
    (_BEFORE_SENDING, (_T.KILLED, _T.CANCEL_REQUESTED), (_S.CANCELED,)),
    ((_S.QUEUED,), (_T.CHECK_FAILED,), (_S.REJECTED,)),
    ((_S.QUEUED,), (_T.SENT,), (_S.PENDING_NEW,)),
    ((_S.PENDING_NEW, _S.NEW, _S.PARTIALLY_FILLED), (_T.CANCEL_REQUESTED,), (_S.PENDING_CANCEL,)),
    ((_S.PENDING_NEW,), (_T.UNANSWERED,), (_S.UNKNOWN,)),
    ((_S.PENDING_NEW,), (_T.NOT_RECEIVED,), (_S.QUEUED,)),
    ((_S.UNKNOWN,), (_T.NOT_RECEIVED,), (_S.QUEUED, _S.CANCELED)),
    ((_S.PENDING_CANCEL,), (_T.NOT_RECEIVED,), (_S.CANCELED,)),
    ((_S.QUEUED, _S.PENDING_NEW), (_T.ACKNOWLEDGED,), (_S.NEW,)),
    ((_S.UNKNOWN,), (_T.ACKNOWLEDGED,), (_S.NEW, _S.PENDING_CANCEL)),
    ((_S.QUEUED, _S.PENDING_NEW, _S.NEW), (_T.PARTIAL_FILL,), (_S.PARTIALLY_FILLED,)),
    ((_S.UNKNOWN,), (_T.PARTIAL_FILL,), (_S.PARTIALLY_FILLED, _S.PENDING_CANCEL)),
    (_SENDABLE, (_T.FULL_FILL,), (_S.FILLED,)),
    (_SENDABLE, (_T.CANCELED,), (_S.CANCELED,)),
    (_SENDABLE, (_T.EXPIRED,), (_S.EXPIRED,)),
    ((_S.QUEUED, _S.PENDING_NEW, _S.NEW, _S.PENDING_CANCEL, _S.UNKNOWN), (_T.REJECTED,), (_S.REJECTED,)),
    ((_S.PENDING_CANCEL,), (_T.CANCEL_REJECTED,), (_S.PENDING_NEW, _S.NEW, _S.PARTIALLY_FILLED)),
)

_STAYS: tuple[tuple[_Statuses, _Triggers], ...] = (
    ((_S.PENDING_CANCEL, _S.UNKNOWN), (_T.CANCEL_REQUESTED, _T.UNANSWERED)),
    ((_S.NEW, _S.PARTIALLY_FILLED, _S.PENDING_CANCEL, *_ENDED), (_T.ACKNOWLEDGED,)),
    ((_S.PARTIALLY_FILLED, _S.PENDING_CANCEL), (_T.PARTIAL_FILL,)),
    (_ENDED, (_T.CANCELED, _T.EXPIRED)),
    (_INCOMPLETE, (_T.REJECTED,)),
    (
        (_S.QUEUED, _S.PENDING_NEW, _S.NEW, _S.PARTIALLY_FILLED, _S.UNKNOWN, *_ENDED),
        (_T.CANCEL_REJECTED,),
    ),
)

_ALERTED: Mapping[tuple[OrderStatus, OrderTrigger], Transition] = {
    **{(status, _T.PARTIAL_FILL): Transition((status,), OrderAlert.LATE_FILL) for status in _INCOMPLETE},
    **{(status, _T.FULL_FILL): Transition((_S.FILLED,), OrderAlert.LATE_FILL) for status in _INCOMPLETE},
    **{
        (status, _T.OVERFILL): Transition((_S.FILLED,), OrderAlert.OVERFILL)
        for status in (*_SENDABLE, *_ENDED)
    },
}

TRANSITIONS: Mapping[tuple[OrderStatus, OrderTrigger], Transition] = {
    **{
        (start, cause): Transition(to)
        for starts, causes, to in _MOVES
        for start in starts
        for cause in causes
    },
    **{(stay, cause): Transition((stay,)) for stays, causes in _STAYS for stay in stays for cause in causes},
    **_ALERTED,
}
"""The result of each trigger in each status in which it is possible."""

_NEVER: tuple[tuple[_Statuses, _Triggers, DetailCode], ...] = (
    ((_S.PENDING_APPROVAL,), _VENUE, DetailCode.ORDER_NEVER_SENT),
    (
        (_S.PENDING_APPROVAL,),
        (_T.CHECK_FAILED, _T.SENT, _T.UNANSWERED, _T.NOT_RECEIVED),
        DetailCode.ORDER_WAITS_FOR_APPROVAL,
    ),
    (_SENDABLE, _APPROVAL, DetailCode.ORDER_NEEDS_NO_APPROVAL),
    ((_S.QUEUED,), (_T.UNANSWERED, _T.NOT_RECEIVED), DetailCode.ORDER_NOT_SENT_YET),
    (_WITH_VENUE, (_T.CHECK_FAILED, _T.SENT), DetailCode.ORDER_SENT),
    (_WITH_VENUE, (_T.KILLED,), DetailCode.ORDER_WITH_VENUE),
    ((_S.NEW, _S.PARTIALLY_FILLED), (_T.UNANSWERED,), DetailCode.ORDER_ANSWERED),
    ((_S.NEW, _S.PARTIALLY_FILLED), (_T.NOT_RECEIVED,), DetailCode.ORDER_ACKNOWLEDGED),
    ((_S.PARTIALLY_FILLED, _S.FILLED), (_T.REJECTED,), DetailCode.ORDER_TRADED),
    (
        (_S.FILLED,),
        (_T.PARTIAL_FILL, _T.FULL_FILL),
        DetailCode.ORDER_FILLED,
    ),
    (_ENDED, _DESK, DetailCode.ORDER_ENDED),
)

REFUSED: Mapping[tuple[OrderStatus, OrderTrigger], DetailCode] = {
    (status, trigger): why
    for statuses, triggers, why in _NEVER
    for status in statuses
    for trigger in triggers
}
"""The reason for every other pair."""
