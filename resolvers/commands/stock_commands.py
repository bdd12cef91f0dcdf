"""Commands on stock: record a recall, and recover stock."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

import strawberry

from desk import outcomes
from desk.liquidation.recover_stock import RecoverOne, RecoverStock, recover_stock
from desk.outcomes import Done
from desk.stock_recovery.recall_stock import RecallStock, recall_stock
from domain.case import AlertType
from domain.ids import AccountId, OrderId, RecoveryId, Symbol
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
from resolvers.kit.arguments import INPUT, After, Before, First, Last, PageArguments
from resolvers.kit.context import Info, RequestInfo
from resolvers.kit.errors import BAD_USER_INPUT, ApiError, restored
from resolvers.kit.inputs import KEY, check_key, check_many, check_text
from resolvers.kit.node import global_id, type_and_id
from resolvers.kit.pagination import Connection
from resolvers.types.approval import ApprovalRequest, load_approval
from resolvers.types.case import Case, load_case
from resolvers.types.order import Order, order_of
from resolvers.types.refusal import AnyRefusal, RefusalDetails
from resolvers.types.stock_recovery import ShortRecovery, short_recoveries_page
from resolvers.types.uncurable import UncurablePosition


@strawberry.input(
    description="A recall of stock: by its lender, or because stock that was sold short cannot be borrowed."
)
class RecallStockInput:
    """To desk.stock_recovery.recall_stock.RecallStock."""

    idempotency_key: str = strawberry.field(description=KEY)
    symbol: str = strawberry.field(description="The symbol of the stock.")
    quantity: Decimal = strawberry.field(
        description="The recalled quantity in units, above 0. The part that is not a whole lot, or more "
        "than accounts are short of, stays unallocated."
    )
    due_at: datetime = strawberry.field(
        description="The time until which the stock has to be returned. It has to be in the future."
    )
    cause: RecallCause = strawberry.field(
        default=RecallCause.RECALLED, description="The reason for the recall, as a code."
    )
    rule: AllocationRule = strawberry.field(
        default=AllocationRule.PRO_RATA,
        description="The rule that divides the quantity among the accounts that are short.",
    )
    reason: str = strawberry.field(
        default="", description="The reason in words, at most 1000 characters, shown with every recovery."
    )


@strawberry.type(description="The recall was recorded and allocated to accounts within your scope.")
class StockRecalled:
    """From models.stock_recovery.StockRecall."""

    recall_id: strawberry.ID = strawberry.field(
        description="The id of the recall, for the filter of shortRecoveries."
    )
    quantity: Decimal = strawberry.field(description="The recalled quantity, in units.")
    allocated: Decimal = strawberry.field(
        description="The quantity, in units, that accounts have to return: the sum of their shares."
    )
    unallocated: Decimal = strawberry.field(
        description="The part of the quantity that no account was asked to return, in units: less than a "
        "lot, or more than accounts are short of after earlier recalls. Accounts in leftOut do not count."
    )
    recall: strawberry.Private[StockRecall]

    @strawberry.field(
        description="The numbers of accounts that are short of the stock but have no share, because their "
        "stored data is damaged; `unwatched` shows the damage. When the data is restored, recall the rest "
        "of the stock again."
    )
    async def left_out(self) -> list[str]:
        """As recorded in the audit trail."""
        noted = await details_of("stockRecall", self.recall.id, "recallStock")
        ids = [AccountId(each) for detail in noted for each in detail.get("leftOut", ())]
        numbers = [await account_no_of(each) for each in ids]
        return sorted(number for number in numbers if number is not None)

    @strawberry.field(description="The shares as they are now, newest first.")
    async def recoveries(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[ShortRecovery]:
        """A keyset page."""
        selection = RecoveryFilter(
            AlertType.SHORT_RECALL, status=tuple(RecoveryStatus), recall_id=self.recall.id
        )
        return await short_recoveries_page(info.context, selection, PageArguments(first, after, last, before))


@strawberry.type(description="The command was refused; no recall was recorded.")
class RecallRefused(AnyRefusal):
    """From desk.outcomes.Refused."""


RecallStockResult = Annotated[
    StockRecalled | RecallRefused,
    strawberry.union("RecallStockResult", description="The outcome of recallStock."),
]


@strawberry.type(description="The payload of recallStock.")
class RecallStockPayload:
    """One result."""

    result: RecallStockResult = strawberry.field(description="The outcome of the command.")


@strawberry.input(description="A stock recovery to carry out.")
class RecoverStockItemInput:
    """To desk.liquidation.recover_stock.RecoverOne."""

    recovery_id: strawberry.ID = strawberry.field(
        description="The global id of a CoveredOptionShortfall or a ShortRecovery. Older recalls of the "
        "same stock from the same account are recovered together with it, because purchases count for them "
        "first."
    )
    expected_version: int | None = strawberry.field(
        default=None,
        description="The version of the recovery's case that your decision is based on. If the case "
        "has changed since, the command is refused with VERSION_CONFLICT. Omitted: any version is "
        "accepted.",
    )
    legs: list[LiquidationLegInput] | None = strawberry.field(
        default=None,
        description="The only positions to close, at most 100 (`GATEWAY_MAX_LEGS`), each with its largest "
        "quantity and its limit price. Omitted: the fewest whole lots or contracts that recover the stock.",
    )


@strawberry.input(
    description="The stock recoveries to carry out, by covering shorts or buying back written calls."
)
class RecoverStockInput:
    """To desk.liquidation.recover_stock.RecoverStock."""

    idempotency_key: str = strawberry.field(description=KEY)
    recoveries: list[RecoverStockItemInput] = strawberry.field(
        description="The 1 to 200 recoveries to carry out (`GATEWAY_LIQUIDATE_MAX_CASES`), without "
        "duplicates."
    )
    order_type: OrderType = strawberry.field(
        default=OrderType.LIMIT, description="The way in which the orders are priced."
    )
    session: TradingSession = strawberry.field(
        default=TradingSession.REGULAR, description="The sessions in which the orders may trade."
    )
    time_in_force: TimeInForce = strawberry.field(
        default=TimeInForce.DAY, description="The time for which the orders stay working."
    )
    reason: str | None = strawberry.field(
        default=None, description="The reason, at most 1000 characters, recorded in the audit trail."
    )
    price_band: Decimal | None = strawberry.field(
        default=None, description="The price band, as in LiquidateCaseInput."
    )
    max_adv_share: Decimal | None = strawberry.field(
        default=None, description="The cap on one order by average daily volume, as in LiquidateCaseInput."
    )
    max_slice_notional: Decimal | None = strawberry.field(
        default=None, description="The cap on the value of one order, as in LiquidateCaseInput."
    )


@strawberry.type(description="The orders were recorded and will be sent to the venue.")
class StockRecoveryStarted:
    """From desk.outcomes.LiquidationStarted."""

    recovery_id: strawberry.ID = strawberry.field(description="The id of the recovery, from the input.")
    uncurable: list[UncurablePosition] = strawberry.field(
        description="The positions that could not be used, each with its reason."
    )
    outcome: strawberry.Private[outcomes.LiquidationStarted]

    @strawberry.field(description="The case as it is now, with all its recoveries.")
    async def case(self, info: Info) -> Case:
        """Batched over the answers."""
        return restored(await load_case(info, self.outcome.case_id))

    @strawberry.field(description="The orders as they are now. Recoveries of one case share them.")
    async def orders(self, info: Info) -> list[Order]:
        """Batched over the answers."""
        ids: tuple[OrderId, ...] = self.outcome.order_ids
        views = await info.context.loaders.orders.load_many(ids)
        return [order_of(view) for view in views if view is not None]


@strawberry.type(description="The recovery was refused; nothing was done for it.")
class StockRecoveryRefused(AnyRefusal):
    """From desk.outcomes.NotDone."""

    recovery_id: strawberry.ID = strawberry.field(description="The id of the recovery, from the input.")

    @strawberry.field(
        description="The approval request, with APPROVAL_REQUIRED and APPROVAL_PENDING; otherwise null."
    )
    async def approval(self, info: Info) -> ApprovalRequest | None:
        """Batched over the answers."""
        return await load_approval(info, self.details.approval_id)


RecoverStockResult = Annotated[
    StockRecoveryStarted | StockRecoveryRefused,
    strawberry.union("RecoverStockResult", description="The outcome for one recovery of a batch."),
]


@strawberry.type(description="The payload of recoverStock.")
class RecoverStockPayload:
    """One result per recovery."""

    results: list[RecoverStockResult] = strawberry.field(
        description="One result per recovery, in the order of the input."
    )


@strawberry.type
class StockMutations:
    """Root fields that record recalls and recover stock."""

    @strawberry.mutation(
        description="Record a recall of stock, and allocate it in whole lots to the accounts within your "
        "scope that are short of it. The shares do not exceed the recalled quantity, nor what an account "
        "is short of beyond its earlier recalls. Each account with a share gets a case of alert type "
        "SHORT_RECALL. Requires RISK_WARNING_OPERATOR or RISK_WARNING_FULL."
    )
    async def recall_stock(
        self, info: RequestInfo, input: Annotated[RecallStockInput, INPUT]
    ) -> RecallStockPayload:
        """The desk checks the permission, locks and keeps the record."""
        check_key(input.idempotency_key)
        check_text("reason", input.reason)
        if input.quantity <= 0:
            raise ApiError(BAD_USER_INPUT, "quantity must be above 0.")
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
        description="Recover stock by covering short positions or buying back written calls. Each recovery "
        "is decided on its own, and buys only the quantity that open orders leave outstanding. It "
        "liquidates the case of the recovery, with the same rules as liquidate. Requires "
        "RISK_WARNING_FULL."
    )
    async def recover_stock(
        self, info: RequestInfo, input: Annotated[RecoverStockInput, INPUT]
    ) -> RecoverStockPayload:
        """The desk checks the permission, locks, plans and keeps the record."""
        context = info.context
        asked = [item.recovery_id for item in input.recoveries]
        check_key(input.idempotency_key)
        check_text("reason", input.reason)
        check_many("recoveries", asked, context.api.desk.policy.max_cases_per_batch)
        command = RecoverStock(
            input.idempotency_key,
            tuple(_one(item, input, context.api.legs_max) for item in input.recoveries),
            input.reason,
        )
        recovered = await recover_stock(context.api.desk, context.principal, command)
        return RecoverStockPayload(results=[_result(*each) for each in zip(asked, recovered, strict=True)])


_RECOVERIES = ("CoveredOptionShortfall", "ShortRecovery")


def _one(item: RecoverStockItemInput, input: RecoverStockInput, legs_max: int) -> RecoverOne:
    named, legs = type_and_id(item.recovery_id), item.legs
    if legs is not None and not 1 <= len(legs) <= legs_max:
        raise ApiError(BAD_USER_INPUT, f"legs must have 1 to {legs_max} items, or be omitted.")
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
        message = "No such recovery exists within your scope."
        return StockRecoveryRefused(recovery_id=asked, code=RefusalCode.NOT_FOUND, message=message)
    if not isinstance(outcome, outcomes.LiquidationStarted):
        return StockRecoveryRefused(
            recovery_id=asked,
            code=outcome.code,
            message=outcome.message,
            details=RefusalDetails(approval_id=outcomes.approval_id_of(outcome)),
        )
    return StockRecoveryStarted(
        recovery_id=asked,
        uncurable=[
            UncurablePosition(symbol=each.symbol, reason=each.code, remaining_quantity=each.remaining)
            for each in outcome.uncurable
        ],
        outcome=outcome,
    )
