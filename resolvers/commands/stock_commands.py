"""Commands on stock: recording a recall, and bringing stock back."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

import strawberry

from desk import outcomes
from desk.command import Done
from desk.liquidation.recover_stock import RecoverOne, RecoverStock, recover_stock
from desk.stock_recovery.recall_stock import RecallStock, recall_stock
from domain.case import AlertType
from domain.ids import AccountId, ApprovalId, OrderId, RecoveryId, Symbol
from domain.liquidation_plan import PlanRequest
from domain.money import total
from domain.order import OrderType, TimeInForce, TradingSession
from domain.recall_allocation import AllocationRule
from domain.refusals import RefusalCode
from domain.stock_recovery import RecallCause, RecoveryStatus
from models.audit import details_of
from models.holding import account_no_of
from models.stock_recovery import RecoveryFilter, StockRecall, load_recall
from resolvers.commands.plan_inputs import LiquidationLegInput, band_of, caps_of
from resolvers.kit.arguments import INPUT, After, First
from resolvers.kit.context import Info, RequestInfo
from resolvers.kit.errors import BAD_USER_INPUT, ApiError, restored
from resolvers.kit.inputs import KEY, VERSION, check_key, check_many, check_text
from resolvers.kit.node import global_id, type_and_id
from resolvers.kit.pagination import Connection
from resolvers.types.approval import ApprovalRequest, load_approval
from resolvers.types.case import Case, load_case
from resolvers.types.order import Order, order_of
from resolvers.types.stock_recovery import ShortRecovery, short_recoveries_page
from resolvers.types.uncurable import UncurablePosition


@strawberry.input(description="A lender wants stock back, or stock that was sold short cannot be borrowed.")
class RecallStockInput:
    """To desk.stock_recovery.recall_stock.RecallStock."""

    idempotency_key: str = strawberry.field(description=KEY)
    symbol: str = strawberry.field(description="The stock.")
    quantity: Decimal = strawberry.field(
        description="Units, above zero. What is no whole lot, or more than is short, stays unallocated."
    )
    due_at: datetime = strawberry.field(description="When it has to be back; a time to come.")
    cause: RecallCause = strawberry.field(default=RecallCause.RECALLED, description="Why.")
    rule: AllocationRule = strawberry.field(
        default=AllocationRule.PRO_RATA, description="Which of the clients that are short give it back."
    )
    reason: str = strawberry.field(default="", description="Why, in words; shown with every recovery.")


@strawberry.type(description="The recall was recorded, and allocated to the accounts within your scope.")
class StockRecalled:
    """From models.stock_recovery.StockRecall."""

    recall_id: strawberry.ID = strawberry.field(description="Filter shortRecoveries by it.")
    quantity: Decimal = strawberry.field(description="What was recalled.")
    allocated: Decimal = strawberry.field(
        description="What accounts have to give back: the sum of the shares."
    )
    unallocated: Decimal = strawberry.field(
        description="The rest: no whole lot, or nobody is short of it that was not recalled already, "
        "accounts in leftOut aside."
    )
    recall: strawberry.Private[StockRecall]

    @strawberry.field(
        description="The numbers of accounts that are short of it and were asked for nothing, since stored "
        "data of theirs is damaged: recall it from them when that is mended. unwatched says what it is."
    )
    async def left_out(self) -> list[str]:
        """As the audit noted it."""
        noted = await details_of("stockRecall", self.recall.id, "recallStock")
        ids = [AccountId(each) for detail in noted for each in detail.get("leftOut", ())]
        numbers = [await account_no_of(each) for each in ids]
        return sorted(number for number in numbers if number is not None)

    @strawberry.field(description="The shares as they are now, newest first.")
    async def recoveries(
        self,
        info: Info,
        first: First = 50,
        after: After = None,
    ) -> Connection[ShortRecovery]:
        """A keyset page."""
        wanted = RecoveryFilter(
            AlertType.SHORT_RECALL, status=tuple(RecoveryStatus), recall_id=self.recall.id
        )
        return await short_recoveries_page(info.context, wanted, first, after)


@strawberry.type(description="Nothing was recalled.")
class RecallRefused:
    """From desk.command.Refused."""

    code: RefusalCode = strawberry.field(description="Why.")
    message: str = strawberry.field(description="Why, in words, and what to do about it.")


RecallStockResult = Annotated[
    StockRecalled | RecallRefused,
    strawberry.union("RecallStockResult", description="What became of a recall."),
]


@strawberry.type(description="The answer of recallStock.")
class RecallStockPayload:
    """One result."""

    result: RecallStockResult = strawberry.field(description="What became of it.")


@strawberry.input(description="One recovery to serve.")
class RecoverStockItemInput:
    """To desk.liquidation.recover_stock.RecoverOne."""

    recovery_id: strawberry.ID = strawberry.field(
        description="A CoveredOptionShortfall or a ShortRecovery. Older recalls of the same stock from the "
        "same account are served with it, since a cover counts for them first."
    )
    expected_version: int | None = strawberry.field(default=None, description=f"Of its case. {VERSION}")
    legs: list[LiquidationLegInput] | None = strawberry.field(
        default=None,
        description="Left out: the fewest whole lots or contracts. Given: only these positions, with the "
        "most to close of each and its limit price.",
    )


@strawberry.input(description="Bring stock back: buy to cover, or buy written calls back.")
class RecoverStockInput:
    """To desk.liquidation.recover_stock.RecoverStock."""

    idempotency_key: str = strawberry.field(description=KEY)
    recoveries: list[RecoverStockItemInput] = strawberry.field(description="1 to 200, each once.")
    order_type: OrderType = strawberry.field(default=OrderType.LIMIT, description="How orders are priced.")
    session: TradingSession = strawberry.field(
        default=TradingSession.REGULAR, description="When orders may trade."
    )
    time_in_force: TimeInForce = strawberry.field(
        default=TimeInForce.DAY, description="How long orders live."
    )
    reason: str | None = strawberry.field(default=None, description="Kept for the auditor.")
    price_band: Decimal | None = strawberry.field(default=None, description="As in liquidate.")
    max_adv_share: Decimal | None = strawberry.field(default=None, description="As in liquidate.")
    max_slice_notional: Decimal | None = strawberry.field(default=None, description="As in liquidate.")


@strawberry.type(description="Orders were recorded; they are on their way to the venue.")
class StockRecoveryStarted:
    """From desk.outcomes.LiquidationStarted."""

    recovery_id: strawberry.ID = strawberry.field(description="As asked.")
    uncurable: list[UncurablePosition] = strawberry.field(description="What could not be used.")
    outcome: strawberry.Private[outcomes.LiquidationStarted]

    @strawberry.field(description="The case as it is now, with all its recoveries.")
    async def case(self, info: Info) -> Case:
        """Batched over the answers."""
        return restored(await load_case(info, self.outcome.case_id))

    @strawberry.field(description="The orders as they are now; recoveries of one case share them.")
    async def orders(self, info: Info) -> list[Order]:
        """Batched over the answers."""
        ids: tuple[OrderId, ...] = self.outcome.order_ids
        views = await info.context.loaders.orders.load_many(ids)
        return [order_of(view) for view in views if view is not None]


@strawberry.type(description="Nothing was done for this recovery.")
class StockRecoveryRefused:
    """From desk.outcomes.LiquidationRefused."""

    recovery_id: strawberry.ID = strawberry.field(description="As asked.")
    code: RefusalCode = strawberry.field(description="Why.")
    message: str = strawberry.field(description="Why, in words, and what to do about it.")
    approval_id: strawberry.Private[ApprovalId | None] = None

    @strawberry.field(description="With APPROVAL_REQUIRED and APPROVAL_PENDING: the request.")
    async def approval(self, info: Info) -> ApprovalRequest | None:
        """Batched over the answers."""
        return await load_approval(info, self.approval_id)


RecoverStockResult = Annotated[
    StockRecoveryStarted | StockRecoveryRefused,
    strawberry.union("RecoverStockResult", description="What became of one recovery of a batch."),
]


@strawberry.type(description="The answer of recoverStock.")
class RecoverStockPayload:
    """One result per recovery."""

    results: list[RecoverStockResult] = strawberry.field(description="One per recovery, in the order asked.")


@strawberry.type
class StockMutations:
    """Recalls, and what brings stock back."""

    @strawberry.mutation(
        description="Record that stock is recalled, and allocate it to accounts within your scope that are "
        "short of it: whole lots, never more than was recalled, never more than an account is short of and "
        "was not asked for before. Each gets a case of its own. Needs RISK_WARNING_OPERATOR or "
        "RISK_WARNING_FULL."
    )
    async def recall_stock(
        self, info: RequestInfo, input: Annotated[RecallStockInput, INPUT]
    ) -> RecallStockPayload:
        """Permission, locks and record are the desk's."""
        check_key(input.idempotency_key)
        check_text("reason", input.reason)
        if input.quantity <= 0:
            raise ApiError(BAD_USER_INPUT, "quantity must be above zero.")
        command = RecallStock(
            idempotency_key=input.idempotency_key,
            symbol=Symbol(input.symbol),
            quantity=input.quantity,
            due_at=input.due_at,
            cause=input.cause,
            rule=input.rule,
            reason=input.reason,
        )
        outcome = await recall_stock(info.context.api.desk, info.context.principal, command)
        if isinstance(outcome, Done):
            return RecallStockPayload(result=await _recalled(outcome.id))
        return RecallStockPayload(result=RecallRefused(code=outcome.code, message=outcome.message))

    @strawberry.mutation(
        description="Bring stock back, each recovery on its own: cover the short, or buy back the written "
        "call; only what is outstanding after the open orders, and never more than is short. It liquidates "
        "the recovery's case, as liquidate would. Needs RISK_WARNING_FULL."
    )
    async def recover_stock(
        self, info: RequestInfo, input: Annotated[RecoverStockInput, INPUT]
    ) -> RecoverStockPayload:
        """Permission, lock, plan and record are the desk's."""
        context = info.context
        asked = [item.recovery_id for item in input.recoveries]
        check_key(input.idempotency_key)
        check_text("reason", input.reason)
        check_many("recoveries", asked, context.api.desk.rules.max_cases_per_batch)
        command = RecoverStock(
            input.idempotency_key,
            tuple(_one(item, input, context.api.legs_max) for item in input.recoveries),
            input.reason,
        )
        found = await recover_stock(context.api.desk, context.principal, command)
        return RecoverStockPayload(results=[_result(*each) for each in zip(asked, found, strict=True)])


_RECOVERIES = ("CoveredOptionShortfall", "ShortRecovery")


def _one(item: RecoverStockItemInput, input: RecoverStockInput, legs_max: int) -> RecoverOne:
    named, legs = type_and_id(item.recovery_id), item.legs
    if legs is not None and not 1 <= len(legs) <= legs_max:
        raise ApiError(BAD_USER_INPUT, f"legs must be 1 to {legs_max}, or left out.")
    request = PlanRequest(
        legs=None if legs is None else tuple(leg.request() for leg in legs),
        order_type=input.order_type,
        session=input.session,
        time_in_force=input.time_in_force,
        price_band=band_of(input.price_band),
        caps=caps_of(input.max_adv_share, input.max_slice_notional),
    )
    id_ = named[1] if named is not None and named[0] in _RECOVERIES else "-"
    return RecoverOne(RecoveryId(id_), item.expected_version, request)


async def _recalled(recall_id: str) -> StockRecalled:
    recall = await load_recall(recall_id)
    assert recall is not None, "a recall that was recorded is there"
    return StockRecalled(
        recall_id=global_id("StockRecall", recall.id),
        quantity=recall.quantity,
        allocated=recall.allocated,
        unallocated=total([recall.quantity, recall.allocated.copy_negate()]),
        recall=recall,
    )


def _result(
    asked: strawberry.ID, outcome: outcomes.LiquidationOutcome | None
) -> StockRecoveryStarted | StockRecoveryRefused:
    if outcome is None:
        message = "There is no such recovery."
        return StockRecoveryRefused(recovery_id=asked, code=RefusalCode.NOT_FOUND, message=message)
    if isinstance(outcome, outcomes.LiquidationRefused):
        return StockRecoveryRefused(
            recovery_id=asked,
            code=outcome.code,
            message=outcome.message,
            approval_id=outcome.approval_id,
        )
    return StockRecoveryStarted(
        recovery_id=asked,
        uncurable=[
            UncurablePosition(symbol=each.symbol, reason=each.code, remaining_quantity=each.remaining)
            for each in outcome.uncurable
        ],
        outcome=outcome,
    )
