"""Liquidations that require a second person: requested, and executed once approved.

On approval the liquidation is planned again at current prices, and the answer lists the differences.
"""

from dataclasses import replace
from datetime import datetime

from desk.context import DeskContext
from desk.four_eyes.executed import Executed
from desk.four_eyes.request_approval import ApprovalDraft, request_approval
from desk.liquidation.liquidation_command import (
    APPROVED_LIQUIDATIONS,
    ApprovedLiquidation,
    Liquidate,
)
from desk.liquidation.one_person_limit import (
    beyond_what_was_seen,
    differences,
    exceeds_approval,
    facts_after,
    facts_before,
)
from desk.liquidation.plan_liquidation import PlannedLiquidation, fresh, plan_expected
from desk.liquidation.record_liquidation import record_liquidation
from desk.liquidation.resting_orders import resting_orders, waits_for
from desk.outcomes import AwaitingApproval
from domain.approval import Approval, ApprovalKind
from domain.liquidation_plan import Plan
from domain.principal import Principal
from domain.refusals import Refusal, RefusalCode
from models.case import lock_case
from models.sql.codec import loads
from models.sql.unreadable import reading


async def request_second_person(
    desk: DeskContext, principal: Principal, planned: PlannedLiquidation, why: str, now: datetime
) -> AwaitingApproval | Refusal:
    """Create the approval request, in the caller's transaction; `why` is the end of a sentence."""
    item, command = planned.item, planned.command
    approved = ApprovedLiquidation(command.idempotency_key, replace(item, expected_version=None))
    draft = ApprovalDraft(
        kind=ApprovalKind.LIQUIDATION,
        entity="case",
        entity_id=item.case_id,
        account_id=planned.view.case.account_id,
        reason=command.reason,
        before=facts_before(planned.plan),
        after=facts_after(planned.plan),
        command=APPROVED_LIQUIDATIONS.to_text(approved),
    )
    return await request_approval(desk, principal, draft, why, now)


async def execute_liquidation(
    desk: DeskContext, approver: Principal, approval: Approval, now: datetime
) -> Executed | Refusal:
    """Record the orders on behalf of the maker; returns the differences from the request."""
    with reading("approval", approval.id):
        command, asked = APPROVED_LIQUIDATIONS.from_text(approval.command), loads(approval.after)
    plan = await _liquidate(desk, approver, approval, command, now)
    if isinstance(plan, Refusal):
        return plan
    return Executed(differences(asked, facts_after(plan)))


async def _liquidate(
    desk: DeskContext, approver: Principal, approval: Approval, approved: ApprovedLiquidation, now: datetime
) -> Plan | Refusal:
    """Plan again and record, in the caller's transaction; returns the recorded plan."""
    item = approved.item
    locked = await lock_case(approver.audience, item.case_id)
    if locked is None:
        return Refusal(RefusalCode.NOT_FOUND, "No such case exists within your scope.")
    view, book_version = locked
    read = await fresh(desk, view, book_version, {}, now)
    plan = await plan_expected(view, item, read, desk, now)
    if isinstance(plan, Refusal):
        return plan
    if resting := resting_orders(desk, view.case, read.book.book, read.orders, now):
        return waits_for(resting)
    requested = loads(approval.after)
    refused = item.expected.exceeded_by(plan)
    refused = refused or exceeds_approval(requested, plan, desk.policy.approval_growth)
    refused = refused or beyond_what_was_seen(requested, plan, desk.policy.plans.collar)
    if refused is not None:
        return refused
    command = Liquidate(approved.idempotency_key, (item,), approval.reason, approval)
    await record_liquidation(desk, approver, PlannedLiquidation(item, view, read, plan, command), now)
    return plan
