"""The preview of a liquidation, leg by leg."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache

import strawberry

from desk.context import DeskContext
from desk.liquidation.liquidation_command import LiquidateCase
from desk.liquidation.one_person_limit import OrdersOfDay, alone_today, load_recent_orders
from desk.liquidation.plan_liquidation import PlannedCase, ReadAhead, in_the_way, plan_now, planning_basis
from desk.liquidation.preview import PreviewedCase
from domain.amount_formula import LiquidationTarget
from domain.ids import CaseId
from domain.liquidation_plan import NoPlan, Plan, PlannedLeg
from domain.margin import Book
from domain.market_hours import MarketState
from domain.open_orders import order_cover
from domain.order import OrderSide, TimeInForce, TradingSession
from domain.plan_evidence import PlanEvidence, evidence_of
from domain.refusals import Refusal, RefusalCode
from domain.sellable import OpenOrder, OrderCover
from resolvers.commands.plan_inputs import LiquidationPreviewInput, plan_request
from resolvers.kit.context import ReadContext
from resolvers.kit.errors import in_scope
from resolvers.kit.known_names import check_symbols
from resolvers.kit.node import filter_id
from resolvers.types.figures import MarginFigures, figures_of
from resolvers.types.market import Instrument, Quote, instrument_of, quote_of
from resolvers.types.order import Order, order_of
from resolvers.types.refusal import AnyRefusal, RefusalDetails
from resolvers.types.uncurable import UncurablePosition, uncurable_of


@strawberry.type(description="An order that a liquidation would place.")
class LiquidationLeg:
    """From domain.liquidation_plan.PlannedLeg."""

    instrument: Instrument = strawberry.field(description="The instrument to trade.")
    side: OrderSide = strawberry.field(
        description="The side: SELL closes a long position, BUY covers a short one."
    )
    quantity: Decimal = strawberry.field(description="The quantity to trade, in units.")
    price: Decimal = strawberry.field(
        description="The price that the plan assumes, per unit in the instrument's currency."
    )
    fee: Decimal = strawberry.field(description="The expected trading fee, in the instrument's currency.")
    base_notional: Decimal = strawberry.field(
        description="The traded value (quantity times price and multiplier), in the account's base currency."
    )
    reduction: Decimal = strawberry.field(
        description="The reduction of the amount to collect by this leg, after the legs before it, in the "
        "account's base currency."
    )
    quote: Quote = strawberry.field(description="The quote on which the price is based.")
    limit_price: Decimal | None = strawberry.field(
        description="The limit price, valid for the instrument and in its currency; null for a market order."
    )
    market_open: bool = strawberry.field(
        description="Whether the market is in session by its calendar. If not, the order waits for the "
        "session, and other positions may be sold for the same amount in the meantime."
    )
    market_state: MarketState = strawberry.field(description="The state of the market by its calendar, now.")


@strawberry.type(description="The refusal that liquidate would return.")
class PreviewRefusal(AnyRefusal):
    """From domain.refusals.Refusal."""


@strawberry.type(description="An open order that does not reduce the amount still to be sold.")
class OrderNotCounted:
    """From domain.sellable.OrderCover."""

    order: Order = strawberry.field(description="The order that does not count.")
    reason: OrderCover = strawberry.field(description="The reason why the order does not count.")


@strawberry.type(
    description="The same plan with its last leg one lot smaller: what the plan would leave to collect if it "
    "sold less."
)
class OneLotLess:
    """From domain.plan_evidence.OneLotLess."""

    symbol: str = strawberry.field(description="The symbol of the last leg.")
    quantity: Decimal = strawberry.field(
        description="The quantity of the last leg then, in units; 0 if it has a single lot."
    )
    amount_after: Decimal = strawberry.field(
        description="The amount that would then be left to collect, in the account's base currency."
    )


@strawberry.type(
    description="The plan of a liquidation at this moment. Amounts are in the account's base currency."
)
class LiquidationPreview:
    """From domain.liquidation_plan.Plan, or a refusal."""

    as_of: datetime | None = strawberry.field(
        description="The time at which the plan was made; null for the plan of the refusal "
        "EXPECTATION_EXCEEDED."
    )
    amount_before: Decimal = strawberry.field(
        description="The amount to collect now, without counting open orders."
    )
    in_flight_relief: Decimal | None = strawberry.field(
        description="The reduction of the amount to collect by the open orders that the plan counts on, if "
        "they fill; negative if they raise it. Null without a plan."
    )
    amount_after: Decimal = strawberry.field(
        description="The amount that would be left to collect if all open orders and all legs fill as "
        "planned."
    )
    estimated_reduction: Decimal = strawberry.field(
        description="The reduction of the amount to collect by all legs, starting from the amount that "
        "open orders do not cover."
    )
    notional: Decimal = strawberry.field(description="The total traded value of the legs.")
    cures: bool = strawberry.field(
        description="Whether amountAfter is 0, so that the plan ends the shortfall."
    )
    legs: list[LiquidationLeg] = strawberry.field(
        description="The orders to place, in the order of the plan."
    )
    uncurable: list[UncurablePosition] = strawberry.field(
        description="The positions that the planner could not use, each with its reason."
    )
    short_of_target: Decimal = strawberry.field(
        description="The amount that would then still be missing to reach the target; 0 if the target is "
        "reached."
    )
    volume_unknown: list[str] = strawberry.field(
        description="Symbols whose average daily volume is not known although a policy or cap needs it. "
        "MOST_LIQUID_FIRST uses them last, and caps by volume do not apply to them."
    )
    orders_not_counted: list[OrderNotCounted] = strawberry.field(
        description="Open orders of the account that the plan does not count on. Those that rest away from "
        "the market have to be cancelled before the legs can be placed."
    )
    refusal: PreviewRefusal | None = strawberry.field(
        description="The refusal that liquidate would return now, such as FROZEN or SWITCH_OFF; null if it "
        "would accept the plan. With a refusal there are no legs, except with APPROVAL_REQUIRED and "
        "APPROVAL_PENDING (the legs need a second person's approval) and ORDERS_RESTING (the legs can be "
        "placed when the resting orders have ended)."
    )
    evidence: strawberry.Private[Callable[[], PlanEvidence | None]]

    @strawberry.field(
        description="The figures of the account if all open orders that the plan counts on and all legs "
        "fill as planned. Null without a plan, for a case of stock recovery, and for the plan of the "
        "refusal EXPECTATION_EXCEEDED."
    )
    def figures_after(self) -> MarginFigures | None:
        """Computed from the book of the plan, if it is selected."""
        evidence = self.evidence()
        return None if evidence is None else figures_of(evidence.figures_after)

    @strawberry.field(
        description="The proof that a plan that ends the shortfall sells no more than needed: with one lot "
        "less, something would be left to collect. Null where figuresAfter is null."
    )
    def one_lot_less(self) -> OneLotLess | None:
        """Computed from the book of the plan, if it is selected."""
        if (evidence := self.evidence()) is None:
            return None
        less = evidence.one_lot_less
        return OneLotLess(symbol=less.symbol, quantity=less.quantity, amount_after=less.amount_after)


async def liquidation_preview(
    context: ReadContext, person: str, input: LiquidationPreviewInput
) -> LiquidationPreview:
    """The same plan that liquidate would make at this moment."""
    desk, now = context.api.desk, context.api.desk.clock()
    request = plan_request(input, TradingSession.REGULAR, TimeInForce.DAY, context.api.legs_max)
    await check_symbols(request.keep)
    view = await context.loaders.cases.load(CaseId(filter_id("Case", input.case_id)))
    if view is None:
        missing = Refusal(RefusalCode.NOT_FOUND, "No such case exists within your scope.")
        return refused_preview(missing, Decimal(0), as_of=now)
    loaded = in_scope(await context.loaders.books.load(view.case.account_id))
    recent = (await load_recent_orders([loaded.book], now))[view.case.account_id]
    await context.pace.turn()
    item, read = LiquidateCase(view.case.id, None, request), ReadAhead(loaded.book, loaded.orders, recent)
    made = await plan_now(desk, view, item, read, now)
    held = None
    if not isinstance(made, Refusal):
        ordered = OrdersOfDay(recent, await alone_today(desk, person, recent.rates, now))
        held = await in_the_way(desk, PlannedCase(item, view, read, made), ordered, 1, now)
    return previewed_of(PreviewedCase(item, made, view, read, held), desk, now)


def previewed_of(previewed: PreviewedCase, desk: DeskContext, now: datetime) -> LiquidationPreview:
    """The GraphQL object of what liquidate would do with a case."""
    view, read, made = previewed.view, previewed.read, previewed.made
    case_id = None if view is None else view.case.id
    not_counted = () if read is None else _not_counted(desk, read, now)
    if isinstance(made, Refusal):
        amount = Decimal(0) if view is None else view.case.figures.amount
        return refused_preview(made, amount, not_counted, previewed.item.plan.target, case_id, now)
    assert view is not None, "a plan has a case"
    assert read is not None, "a plan has an account"
    refusal = None if previewed.held is None else _refusal_of(previewed.held, case_id)
    basis = PreviewBasis(now, None if view.case.is_recovery else planning_basis(desk, view, read, now))
    return preview_of(made, desk, refusal, not_counted, basis)


def _not_counted(desk: DeskContext, read: ReadAhead, now: datetime) -> list[OrderNotCounted]:
    book = read.book.book
    covers = [(view, order_cover(view.order, book, desk.cover_conditions(now))) for view in read.orders]
    return [
        OrderNotCounted(order=order_of(view), reason=cover)
        for view, cover in covers
        if cover is not OrderCover.COUNTS
    ]


@dataclass(frozen=True, slots=True)
class PreviewBasis:
    """When a plan was made, and of which book and open orders; None for a case of stock recovery."""

    at: datetime | None = None
    made_of: tuple[Book, Sequence[OpenOrder]] | None = None


NO_BASIS = PreviewBasis()
"""Of a plan that was made earlier."""


def preview_of(
    planned: Plan,
    desk: DeskContext,
    refusal: PreviewRefusal | None = None,
    not_counted: Sequence[OrderNotCounted] = (),
    basis: PreviewBasis = NO_BASIS,
) -> LiquidationPreview:
    """The GraphQL object of a plan."""

    @cache
    def evidence() -> PlanEvidence | None:
        if basis.at is None or basis.made_of is None:
            return None
        book, open_orders = basis.made_of
        return evidence_of(planned, book, open_orders, basis.at, desk.policy.max_price_age)

    return LiquidationPreview(
        as_of=basis.at,
        evidence=evidence,
        amount_before=planned.amount_before,
        in_flight_relief=planned.in_flight_relief,
        amount_after=planned.amount_after,
        estimated_reduction=planned.estimated_reduction,
        notional=planned.notional,
        cures=planned.cures,
        legs=[_leg_of(leg, desk) for leg in planned.legs],
        uncurable=uncurable_of(planned.uncurable),
        short_of_target=planned.short_of_target,
        volume_unknown=list(planned.unknown_volume),
        orders_not_counted=list(not_counted),
        refusal=refusal,
    )


def refused_preview(
    refusal: Refusal,
    amount: Decimal,
    not_counted: Sequence[OrderNotCounted] = (),
    target: LiquidationTarget = LiquidationTarget.MARGIN_CALL,
    case_id: CaseId | None = None,
    as_of: datetime | None = None,
) -> LiquidationPreview:
    """The GraphQL object without a plan. If open orders cover the amount, nothing is left to collect."""
    covered = refusal.code is RefusalCode.NOTHING_TO_COLLECT
    left = Decimal(0) if covered else amount
    return LiquidationPreview(
        as_of=as_of,
        evidence=lambda: None,
        amount_before=amount,
        in_flight_relief=None,
        amount_after=left,
        estimated_reduction=Decimal(0),
        notional=Decimal(0),
        cures=covered,
        legs=[],
        uncurable=uncurable_of(refusal.uncurable) if isinstance(refusal, NoPlan) else [],
        short_of_target=left if target is LiquidationTarget.MARGIN_CALL else amount,
        volume_unknown=[],
        orders_not_counted=list(not_counted),
        refusal=_refusal_of(refusal, case_id),
    )


def _refusal_of(refusal: Refusal, case_id: CaseId | None) -> PreviewRefusal:
    details = RefusalDetails(case_id=case_id)
    return PreviewRefusal(code=refusal.code, message=refusal.message, details=details)


def _leg_of(leg: PlannedLeg, desk: DeskContext) -> LiquidationLeg:
    return LiquidationLeg(
        instrument=instrument_of(leg.instrument),
        side=leg.side,
        quantity=leg.quantity,
        price=leg.price,
        fee=leg.fee,
        base_notional=leg.base_notional,
        reduction=leg.reduction,
        quote=quote_of(leg.quote, desk),
        limit_price=leg.limit_price,
        market_open=leg.market is MarketState.OPEN,
        market_state=leg.market,
    )
