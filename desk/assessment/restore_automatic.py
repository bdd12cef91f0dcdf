"""Restore an automatic liquidation when the desk itself cancels the orders that it placed.

An automatic liquidation that sells everything at once is finished when its orders are recorded. If they are
cancelled because the shortfall is cured, the setting is restored and held: if the shortfall returns before
the case is closed, the liquidation continues.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from desk.assessment.case_event import case_event
from desk.context import DeskContext
from desk.follow_up import note_by_desk
from domain.case import AutoLiquidation, AutoLiquidationTrigger, Case, CaseTrigger, decide
from domain.order import Order, OrderType
from domain.phrase import FollowUpCode, Phrase, phrase
from domain.principal import SYSTEM
from domain.refusals import Refusal, RefusalCode
from models import outbox
from models.case import live_cases_of, save_case
from models.holding import symbols_of


async def restore_automatic(
    desk: DeskContext, case: Case, called_off: Sequence[Order], now: datetime
) -> Case:
    """The case with its automatic liquidation restored, if that had placed some of the cancelled orders."""
    own = [each for each in called_off if _of_automatic(each)]
    if not own or case.auto_liquidation is not None:
        return case
    auto = _set_again(desk, case, own[-1], RefusalCode.NOTHING_TO_COLLECT, now)
    noted = await note_by_desk(desk, case, phrase(FollowUpCode.AUTO_LIQUIDATION_KEPT_AFTER_CURE), now)
    return replace(noted, auto_liquidation=auto, version=case.version + 1)


async def restore_automatic_after_excess(desk: DeskContext, order: Order, now: datetime) -> None:
    """Restore the automatic liquidation that placed an order which is cancelled as too large."""
    # As after a slice, the next plan waits until these orders have ended.
    await _go_on(
        desk, order, RefusalCode.CAPPED, phrase(FollowUpCode.AUTO_LIQUIDATION_KEPT_AFTER_EXCESS), now
    )


async def restore_automatic_after_collar(desk: DeskContext, order: Order, now: datetime) -> None:
    """Restore the automatic liquidation whose order was beyond the price collar before it was sent."""
    await _go_on(
        desk, order, RefusalCode.PRICE_COLLAR, phrase(FollowUpCode.AUTO_LIQUIDATION_KEPT_AFTER_COLLAR), now
    )


async def _go_on(
    desk: DeskContext, order: Order, held: RefusalCode, follow_up: Phrase, now: datetime
) -> None:
    views = await live_cases_of([order.account_id])
    view = next((each for each in views if each.case.id == order.case_id), None)
    if view is None or view.case.auto_liquidation is not None or not _of_automatic(order):
        return
    edited = decide(view.case, CaseTrigger.EDITED, now)
    assert not isinstance(edited, Refusal), "a live case can be edited"
    auto = _set_again(desk, view.case, order, held, now)
    noted = await note_by_desk(desk, edited, follow_up, now)
    before = replace(view, symbols=await symbols_of(order.account_id))
    after = replace(before, case=replace(noted, auto_liquidation=auto))
    await save_case(after.case)
    await outbox.append([case_event(desk, before, after, now)])


def _of_automatic(order: Order) -> bool:
    # For intraday accounts the rules themselves order market liquidation; there is no setting to restore.
    return order.placed_by == SYSTEM and order.type is OrderType.LIMIT


def _set_again(
    desk: DeskContext, case: Case, order: Order, held: RefusalCode, now: datetime
) -> AutoLiquidation:
    trigger = AutoLiquidationTrigger.FIXED_TIME
    if order.created_at >= case.deadline:
        trigger = AutoLiquidationTrigger.DEADLINE
    again = now + desk.policy.cases.auto_liquidation_retry
    return AutoLiquidation(order.created_at, trigger, held, again, order.ordered_alone_by)
