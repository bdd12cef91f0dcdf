"""Audit entries: who did what, when, in which request, and what changed.

Every write of the desk makes an entry in its own transaction, through one of these functions. What follows
from prices alone (figures, quotes, rates) makes none: the snapshots hold the figures on which decisions were
based.
"""

from datetime import datetime
from typing import Any

from domain.canonical import differences, plain
from domain.case import Case
from domain.message import Message
from domain.order import Order
from domain.principal import Principal
from domain.webhook import Webhook
from models.audit import SNAPSHOT_TAKEN, AuditEntry
from models.snapshot import StoredSnapshot

MONITOR = "desk:monitor"
DISPATCHER = "desk:dispatcher"
RECONCILER = "desk:reconciliation"
BOOK = "desk:book-of-record"
MARKET = "desk:market"
MESSAGES = "desk:messages"
WEBHOOKS = "desk:webhooks"
SNAPSHOTS = "desk:snapshots"
"""Actors that are not persons: parts of the desk, and the sources of cash, positions and trades."""

_DERIVED = frozenset({"figures", "uncovered_amount", "cured_since", "version"})
"""Fields of a case that follow from prices or only count its changes; they make no audit entry."""
_COUNTED = frozenset({"version", "updated_at"})
_PERSONAL = frozenset({"title", "body", "recipient", "parameters", "earlier_bodies"})
_SECRET = frozenset({"salt", "retiring"})


def entry(
    by: Principal | str,
    now: datetime,
    action: str,
    entity: str,
    entity_id: str,
    detail: dict[str, Any] | None = None,
) -> AuditEntry:
    """An audit entry; `by` is the caller, with the request's id, or a part of the desk. `AuditEntry.changing`
    adds what the action changed.
    """
    actor, request_id = (by, None) if isinstance(by, str) else (by.subject, by.request_id)
    return AuditEntry(now, actor, action, entity, entity_id, detail or {}, request_id=request_id)


def case_entry(
    by: Principal | str,
    now: datetime,
    before: Case | None,
    after: Case,
    action: str | None = None,
    detail: dict[str, Any] | None = None,
) -> AuditEntry | None:
    """The entry for a change of a case, named after the change by default; None when only figures differ.

    `before` None: the case was opened.
    """
    was, is_now = _states(before, after, _DERIVED)
    if was == is_now:
        return None
    is_now["amount"] = plain(after.figures.amount)
    name = action or _what_happened(before, after)
    return entry(by, now, name, "case", after.id, detail).changing(before=was, after=is_now)


def order_entry(
    by: Principal | str,
    now: datetime,
    action: str,
    before: Order | None,
    after: Order,
    detail: dict[str, Any] | None = None,
) -> AuditEntry:
    """The entry for a change of an order; `before` None: the order was recorded."""
    was, is_now = _states(before, after, _COUNTED)
    return entry(by, now, action, "order", after.id, detail).changing(before=was, after=is_now)


def message_entry(
    by: Principal | str, now: datetime, action: str, before: Message | None, after: Message, **detail: Any
) -> AuditEntry:
    """The entry for a change of a message; `before` None: the message was created. It omits the text and the
    address, which are personal data and kept with the message.
    """
    was, is_now = _states(before, after, _PERSONAL)
    about = {"message": after.id, **detail}
    return entry(by, now, action, "case", after.case_id, about).changing(before=was, after=is_now)


def webhook_entry(
    by: Principal | str,
    now: datetime,
    action: str,
    before: Webhook | None,
    after: Webhook | None,
    **detail: Any,
) -> AuditEntry:
    """The entry for a change of a webhook endpoint; `before` None: registered, `after` None: removed."""
    of = after or before
    assert of is not None
    was, is_now = None, None
    if after is not None:
        was, is_now = _states(before, after, _SECRET)
    elif before is not None:
        was = plain_fields(before, _SECRET)
    return entry(by, now, action, "webhook", of.id, detail).changing(before=was, after=is_now)


def snapshot_entry(taken: StoredSnapshot, now: datetime) -> AuditEntry:
    """The entry for a new snapshot, with the hash of its content: changing both unnoticed would require
    changing the chain.
    """
    named = {"id": taken.id, "kind": taken.kind, "occasion": taken.occasion, "hash": taken.hash}
    return entry(SNAPSHOTS, now, SNAPSHOT_TAKEN, "case", taken.case_id).changing(after=named)


def _what_happened(before: Case | None, after: Case) -> str:
    if before is None:
        return "open"
    return "close" if before.live and not after.live else "update"


def _states(before: Any, after: Any, but: frozenset[str]) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    if before is not None:
        was, is_now = differences(before, after, but=but)
        return was, is_now
    return None, {name: value for name, value in plain_fields(after, but).items() if value is not None}


def plain_fields(value: Any, but: frozenset[str]) -> dict[str, Any]:
    """The fields of a dataclass as plain data, without those in `but`."""
    return {name: each for name, each in plain(value).items() if name not in but}
