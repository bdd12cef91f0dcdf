"""Typed ids. All are opaque text; only `client_order_id` is derived."""

from typing import NewType

ClientId = NewType("ClientId", str)
AccountId = NewType("AccountId", str)
CaseId = NewType("CaseId", str)
OrderId = NewType("OrderId", str)
RecoveryId = NewType("RecoveryId", str)
EventId = NewType("EventId", str)
ApprovalId = NewType("ApprovalId", str)
KillSwitchId = NewType("KillSwitchId", str)
Symbol = NewType("Symbol", str)
"""Instrument with its market, e.g. ``700.HK`` or ``AAPL.US``."""
ClientOrderId = NewType("ClientOrderId", str)
"""The desk's id of an order at the venue (FIX ClOrdID, tag 11), unique for ever."""
ExecutionId = NewType("ExecutionId", str)
"""The venue's id of one execution report (FIX ExecID, tag 17), unique per venue."""


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
