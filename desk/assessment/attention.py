"""Report an order to operators: in the log, in the audit trail, in a metric, and on the case.

Runs in the caller's transaction, which holds the account's lock.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

import structlog

from desk.assessment.case_event import case_event
from desk.audit import entry
from desk.context import DeskContext
from desk.follow_up import note_by_desk
from domain.events import OrderView
from domain.execution_check import Attention, Finding
from domain.ids import AccountId, CaseId
from domain.order import Order
from domain.phrase import FollowUpCode, Phrase, phrase
from domain.principal import EVERYTHING
from models import outbox
from models.audit import details_of, write_audit
from models.case import live_cases_of, load_cases, save_case
from models.holding import symbols_of

log = structlog.get_logger()

_ATTENTION = "attention"
"""The action name of these audit entries."""


async def bring_to_attention(
    desk: DeskContext, view: OrderView, finding: Finding, facts: Mapping[str, str], now: datetime, *, by: str
) -> None:
    """Report a finding about an order.

    `by` is the source of the finding, a venue or a part of the desk. The follow-up record names the order and
    what is wrong.
    """
    order = view.order
    desk.attention[finding.kind] += 1
    known = {"client_order_id": order.client_order_id, "status": order.status.value, **facts}
    log.warning("an order needs attention", kind=finding.kind, why=finding.why, **known)
    detail = {"kind": finding.kind, "why": finding.why, **known}
    await write_audit([entry(by, now, _ATTENTION, "order", order.id, detail)])
    follow_up = phrase(
        FollowUpCode.ORDER_NEEDS_ATTENTION,
        order=order.client_order_id,
        side=order.side,
        symbol=order.symbol,
        finding=finding.phrase,
    )
    await note_on_case(desk, order.case_id, follow_up, now)


async def was_brought_to_attention(order: Order, kind: Attention) -> bool:
    """Whether this finding about the order was reported before, by any process."""
    noted = await details_of("order", order.id, _ATTENTION)
    return any(each.get("kind") == kind for each in noted)


async def note_on_case(desk: DeskContext, case_id: CaseId, follow_up: Phrase, now: datetime) -> None:
    """Append a follow-up record of the desk to a case; if the case is live, its subscribers get the
    change.
    """
    view = (await load_cases(EVERYTHING, [case_id])).get(case_id)
    if view is None:
        return
    before = replace(view, symbols=await symbols_of(view.case.account_id))
    noted = await note_by_desk(desk, view.case, follow_up, now)
    after = replace(before, case=replace(noted, version=noted.version + 1))
    await save_case(after.case)
    if after.case.live:
        await outbox.append([case_event(desk, before, after, now)])


async def bring_account_to_attention(
    desk: DeskContext,
    account_id: AccountId,
    finding: Finding,
    facts: Mapping[str, str],
    now: datetime,
    *,
    by: str,
) -> None:
    """Like `bring_to_attention`, for findings that no single order caused; recorded on every live case."""
    desk.attention[finding.kind] += 1
    log.warning("an account needs attention", kind=finding.kind, why=finding.why, account=account_id, **facts)
    detail = {"kind": finding.kind, "why": finding.why, **facts}
    await write_audit([entry(by, now, _ATTENTION, "account", account_id, detail)])
    for view in await live_cases_of([account_id]):
        follow_up = phrase(FollowUpCode.ACCOUNT_NEEDS_ATTENTION, finding=finding.phrase)
        await note_on_case(desk, view.case.id, follow_up, now)
