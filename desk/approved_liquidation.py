"""Carry out a liquidation that a second person approved: planned anew, on the prices of this moment."""

from datetime import datetime

from desk.desk import Desk
from desk.executed import Executed
from desk.four_eyes import differences, facts_after
from desk.liquidate import APPROVED_LIQUIDATIONS, liquidate_approved
from domain.approval import Approval
from domain.principal import Principal
from domain.refusals import Refusal
from models.codec import loads


async def execute_liquidation(
    desk: Desk, approver: Principal, approval: Approval, now: datetime
) -> Executed | Refusal:
    """Record the orders in the maker's name; what came out otherwise than asked."""
    command = APPROVED_LIQUIDATIONS.from_text(approval.command)
    made = await liquidate_approved(desk, approver, approval, command, now)
    if isinstance(made, Refusal):
        return made
    return Executed(differences(loads(approval.after), facts_after(made)))
