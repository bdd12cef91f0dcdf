"""The plan to liquidate a case of stock recovery, for the preview and for its execution."""

from collections.abc import Sequence
from datetime import datetime

from desk.context import DeskContext
from desk.liquidation.liquidation_command import LiquidateCase
from domain.case import Case
from domain.ids import RecoveryId, Symbol
from domain.liquidation_plan import Plan
from domain.recovery_plan import plan_recovery
from domain.refusals import Refusal
from domain.sellable import OpenOrder, Pricing
from domain.stock_recovery import Recovery
from models.book import AccountBook
from models.stock_recovery import open_recoveries_of


async def plan_case_recovery(
    desk: DeskContext,
    case: Case,
    account: AccountBook,
    open_orders: Sequence[OpenOrder],
    item: LiquidateCase,
    now: datetime,
) -> Plan | Refusal:
    """The plan for the case's open recoveries, or for the requested ones."""
    known = await open_recoveries_of([case.account_id])
    served = _served([each for each in known if each.case_id == case.id], item.recoveries)
    pricing = Pricing(item.plan, desk.policy.plans, now, desk.market_hours(now))
    return plan_recovery(account.book, open_orders, served, pricing)


def _served(recoveries: Sequence[Recovery], requested: Sequence[RecoveryId]) -> list[Recovery]:
    """The requested recoveries, and older ones of the same stock, for which a cover counts first."""
    if not requested:
        return list(recoveries)
    last: dict[Symbol, int] = {
        each.symbol: place for place, each in enumerate(recoveries) if each.id in requested
    }
    return [each for place, each in enumerate(recoveries) if place <= last.get(each.symbol, -1)]
