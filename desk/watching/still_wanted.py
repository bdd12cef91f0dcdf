"""What somebody had set is not done with where the desk itself calls off what it ordered for it.

An automatic liquidation that was to sell all at once is over when its orders are recorded. Where they are
called off because the shortfall is cured, it waits as one that was cured before its time would: should the
shortfall come back before the case is closed, what was set still stands.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from desk.desk import Desk
from desk.follow_up import note
from domain.case import AutoLiquidation, AutoLiquidationTrigger, Case
from domain.order import Order, OrderType
from domain.principal import SYSTEM
from domain.refusals import RefusalCode

_TEXT = (
    "What automatic liquidation had ordered is called off, for the shortfall is cured; it goes on should that"
    " not last until the case is closed."
)


async def still_wanted(desk: Desk, case: Case, called_off: Sequence[Order], now: datetime) -> Case:
    """The case with its automatic liquidation set again, if that had ordered some of what is called off."""
    # By the rules of intraday accounts the desk orders at the market, and sees to it by itself.
    own = [each for each in called_off if each.placed_by == SYSTEM and each.type is OrderType.LIMIT]
    if not own or case.auto_liquidation is not None:
        return case
    began = own[-1].created_at
    trigger = AutoLiquidationTrigger.FIXED_TIME
    if began >= case.deadline:
        trigger = AutoLiquidationTrigger.DEADLINE
    again = now + desk.rules.cases.auto_liquidation_retry
    auto = AutoLiquidation(began, trigger, RefusalCode.NOTHING_TO_COLLECT, again)
    noted = await note(desk, case, SYSTEM, _TEXT, now)
    return replace(noted, auto_liquidation=auto, version=case.version + 1)
