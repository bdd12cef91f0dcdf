"""What `liquidate` would do with several cases now, case after case. Changes nothing.

What an earlier case of the request would order counts for a later one as if it had been placed: for the same
account as open orders, and against the limit of one person over a day.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal, Inexact

from desk.command import TOO_LARGE, UNREADABLE, fault_message
from desk.context import DeskContext
from desk.liquidation.liquidation_command import LiquidateCase
from desk.liquidation.one_person_limit import OrdersOfDay, alone_today, load_rates, with_orders_of
from desk.liquidation.plan_liquidation import PlannedCase, ReadAhead, fresh, in_the_way, plan_now, read_ahead
from domain.events import CaseView
from domain.ids import AccountId
from domain.liquidation_plan import Plan
from domain.market_hours import MarketState
from domain.money import AmountTooLarge
from domain.principal import Principal
from domain.refusals import Refusal, RefusalCode
from domain.sellable import OpenOrder, OrderCover
from models.case import load_cases
from models.sql.database import unreadable_rows
from models.sql.pace import Pace
from models.sql.unreadable import UnreadableRow

READ_TOGETHER_CASES = 50
"""As many as `liquidate` reads at once."""
_UNKNOWN_VERSION = 0
"""Of a book that was not read ahead, so that it is read now."""


@dataclass(frozen=True, slots=True)
class PreviewedCase:
    """The answer for one case."""

    item: LiquidateCase
    made: Plan | Refusal
    view: CaseView | None = None
    """None: no such case is within the caller's scope, or it cannot be read."""
    read: ReadAhead | None = None
    """What the plan was made on; None: the account was not read."""
    held: Refusal | None = None
    """Why the plan would not be placed at once: it needs a second person, or waits for resting orders."""


async def preview_liquidation(
    desk: DeskContext, principal: Principal, items: Sequence[LiquidateCase], now: datetime
) -> list[PreviewedCase]:
    """One answer per case, in the order given."""
    alone = await alone_today(desk, principal.subject, await load_rates(), now)
    request = _Request(desk, principal, len(items), now, alone)
    previewed: list[PreviewedCase] = []
    for start in range(0, len(items), READ_TOGETHER_CASES):
        previewed += await request.some(items[start : start + READ_TOGETHER_CASES])
    return previewed


@dataclass(slots=True)
class _Request:
    """Remembers what the earlier cases would have ordered."""

    desk: DeskContext
    principal: Principal
    cases: int
    now: datetime
    alone: Decimal | None
    """As from `alone_today`, with the orders of earlier cases."""
    accounts: dict[AccountId, ReadAhead] = field(default_factory=dict)
    """With the orders of earlier cases."""
    pace: Pace = field(default_factory=Pace)

    async def some(self, items: Sequence[LiquidateCase]) -> list[PreviewedCase]:
        """Cases that are read together."""
        views = await load_cases(self.principal.audience, [item.case_id for item in items])
        ahead = await read_ahead(self.desk, self.principal, items)
        previewed: list[PreviewedCase] = []
        for item in items:
            await self.pace.turn()
            previewed.append(await self._one(item, views.get(item.case_id), ahead))
        return previewed

    async def _one(
        self, item: LiquidateCase, view: CaseView | None, ahead: Mapping[AccountId, ReadAhead]
    ) -> PreviewedCase:
        found: list[PreviewedCase] = []

        async def preview() -> None:
            found.append(await self._previewed(item, view, ahead))

        fault = await self.desk.attempt(preview)
        return found[0] if fault is None else PreviewedCase(item, _refusal_of(item, fault), view)

    async def _previewed(
        self, item: LiquidateCase, view: CaseView | None, ahead: Mapping[AccountId, ReadAhead]
    ) -> PreviewedCase:
        if view is None:
            # A case that cannot be read is missing among the others, and raises alone.
            view = (await load_cases(self.principal.audience, [item.case_id], strict=True)).get(item.case_id)
        if view is None:
            missing = Refusal(RefusalCode.NOT_FOUND, "No such case exists within your scope.")
            return PreviewedCase(item, missing)
        account_id = view.case.account_id
        read = self.accounts.get(account_id) or ahead.get(account_id)
        if read is None:
            read = await fresh(self.desk, view, _UNKNOWN_VERSION, {}, self.now)
        made = await plan_now(self.desk, view, item, read, self.now)
        if isinstance(made, Refusal):
            return PreviewedCase(item, made, view, read)
        ordered = OrdersOfDay(read.recent, self.alone)
        held = await in_the_way(self.desk, PlannedCase(item, view, read, made), ordered, self.cases, self.now)
        if held is None:
            self._assume(view, read, made, ordered)
        return PreviewedCase(item, made, view, read, held)

    def _assume(self, view: CaseView, read: ReadAhead, plan: Plan, ordered: OrdersOfDay) -> None:
        """That the plan was placed."""
        ordered = with_orders_of(self.desk, ordered, plan, view.account.base_currency)
        self.alone = ordered.alone
        self.accounts[view.case.account_id] = replace(
            read, recent=ordered.account, assumed=(*read.assumed, *_open_orders(plan))
        )


def _open_orders(plan: Plan) -> list[OpenOrder]:
    """The orders of a plan as the planner would see them right after they were placed."""
    return [
        OpenOrder(
            leg.instrument.symbol,
            leg.side,
            leg.quantity,
            leg.limit_price,
            OrderCover.COUNTS if leg.market is MarketState.OPEN else OrderCover.WAITS_FOR_MARKET,
            leg.price,
        )
        for leg in plan.legs
    ]


def _refusal_of(item: LiquidateCase, fault: Exception) -> Refusal:
    """As `liquidate` answers for a case at which it fails."""
    if isinstance(fault, UnreadableRow):
        unreadable_rows().note(fault)
        return Refusal(RefusalCode.UNREADABLE, UNREADABLE)
    if isinstance(fault, AmountTooLarge | Inexact):
        return Refusal(RefusalCode.TOO_LARGE, TOO_LARGE)
    return Refusal(RefusalCode.DESK_FAULT, fault_message(item.case_id, fault))
