"""Typed ids. All are opaque text; only the client order id is derived (see `domain.order`)."""

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
