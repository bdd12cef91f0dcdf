"""Order statuses of the reference product, mapped to the desk's and back.

Both directions are tables. A word outside the table means UNKNOWN: it is stored, the order counts as open,
and the venue is asked. Two words say more than a status: PartialWithdrawal is a cancelled order with fills,
ReplacedStatus one that continues under the same id.
"""

from collections.abc import Mapping

from domain.order import Order
from domain.order_states import OrderStatus

_S = OrderStatus
CONDITIONAL = "VarietiesNotReported"
"""A conditional order that waits for its trigger. The desk places none; a foreign one is open and unsent."""

STATUS_OF: Mapping[str, OrderStatus] = {
    "NotReported": _S.QUEUED,
    "ReplacedNotReported": _S.QUEUED,
    "ProtectedNotReported": _S.QUEUED,
    CONDITIONAL: _S.QUEUED,
    "WaitToNew": _S.PENDING_NEW,
    "NewStatus": _S.NEW,
    "ReplacedStatus": _S.NEW,
    "WaitToReplace": _S.NEW,
    "PendingReplaceStatus": _S.NEW,
    "PartialFilledStatus": _S.PARTIALLY_FILLED,
    "WaitToCancel": _S.PENDING_CANCEL,
    "PendingCancelStatus": _S.PENDING_CANCEL,
    "FilledStatus": _S.FILLED,
    "CanceledStatus": _S.CANCELED,
    "PartialWithdrawal": _S.CANCELED,
    "RejectedStatus": _S.REJECTED,
    "ExpiredStatus": _S.EXPIRED,
}
"""The 17 statuses of the reference. The desk replaces no order: one with a pending replacement still works.
"""

RAW_OF: Mapping[OrderStatus, str] = {
    _S.PENDING_APPROVAL: "NotReported",
    _S.QUEUED: "NotReported",
    _S.PENDING_NEW: "WaitToNew",
    _S.NEW: "NewStatus",
    _S.PARTIALLY_FILLED: "PartialFilledStatus",
    _S.PENDING_CANCEL: "PendingCancelStatus",
    _S.FILLED: "FilledStatus",
    _S.CANCELED: "CanceledStatus",
    _S.REJECTED: "RejectedStatus",
    _S.EXPIRED: "ExpiredStatus",
    _S.UNKNOWN: "WaitToNew",
}
"""The word for each of the desk's statuses, if the venue has not stated its own."""


def status_of(raw: str) -> OrderStatus:
    """The desk's status for a word of the reference, with or without its suffix; UNKNOWN for any other
    word.
    """
    return STATUS_OF.get(raw) or STATUS_OF.get(f"{raw}Status") or _S.UNKNOWN


def raw_status(order: Order) -> str:
    """The venue's word for the status while it still fits, otherwise the word for the desk's status."""
    return raw_status_of(order.raw_status, order.status, has_fills=bool(order.filled_quantity))


def raw_status_of(stated: str | None, status: OrderStatus, *, has_fills: bool) -> str:
    """The same; `stated`: the venue's last word."""
    if stated is not None and status_of(stated) in (status, _S.UNKNOWN):
        return stated
    if status is _S.CANCELED and has_fills:
        return "PartialWithdrawal"
    return RAW_OF[status]
