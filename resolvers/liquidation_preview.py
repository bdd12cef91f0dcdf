"""What a liquidation would do now, leg by leg."""

from decimal import Decimal

import strawberry

from desk.desk import Desk
from desk.liquidation.liquidation_command import LiquidateCase
from desk.liquidation.one_person_limit import load_lately
from desk.liquidation.plan_liquidation import ReadAhead, plan_now, second_person
from domain.ids import CaseId
from domain.liquidation_plan import Plan, PlannedLeg
from domain.order import OrderSide, TimeInForce, TradingSession
from domain.refusals import Refusal, RefusalCode
from resolvers.context import ReadContext
from resolvers.known_names import check_symbols
from resolvers.liquidation import UncurablePosition, uncurable_of
from resolvers.market import Instrument, Quote, instrument_of, quote_of
from resolvers.node import filter_id
from resolvers.plan_inputs import LiquidationPreviewInput, plan_request


@strawberry.type(description="One order that a liquidation would place.")
class LiquidationLeg:
    """From domain.liquidation_plan.PlannedLeg."""

    instrument: Instrument = strawberry.field(description="What it would trade.")
    side: OrderSide = strawberry.field(description="SELL closes a long, BUY covers a short.")
    quantity: Decimal = strawberry.field(description="Units.")
    price: Decimal = strawberry.field(description="What it is reckoned at, in the instrument's currency.")
    fee: Decimal = strawberry.field(description="In the instrument's currency.")
    base_notional: Decimal = strawberry.field(description="In the account's base currency.")
    reduction: Decimal = strawberry.field(description="Of the amount, after the legs before it.")
    quote: Quote = strawberry.field(description="The quote behind the price.")


@strawberry.type(description="Why there is no plan.")
class PreviewRefusal:
    """From domain.refusals.Refusal."""

    code: RefusalCode = strawberry.field(description="What liquidate would be refused with.")
    message: str = strawberry.field(description="Why, in words, and what to do about it.")


@strawberry.type(description="What a liquidation would do now. Amounts in the account's base currency.")
class LiquidationPreview:
    """From domain.liquidation_plan.Plan, or a refusal."""

    amount_before: Decimal = strawberry.field(description="To be collected now, open orders not counted.")
    amount_after: Decimal = strawberry.field(
        description="What would be left when all orders fill as planned."
    )
    estimated_reduction: Decimal = strawberry.field(
        description="By the legs, on the full formula, counted from what open orders leave uncovered."
    )
    notional: Decimal = strawberry.field(description="What would be traded.")
    cures: bool = strawberry.field(description="Nothing would be left to collect.")
    legs: list[LiquidationLeg] = strawberry.field(description="The orders, in the order of the plan.")
    uncurable: list[UncurablePosition] = strawberry.field(description="What the planner could not use.")
    short_of_target: Decimal = strawberry.field(
        description="What then lacks to the target: 0 where it is reached."
    )
    volume_unknown: list[str] = strawberry.field(
        description="Symbols whose volume was asked for and is not known: taken last, and not capped by it."
    )
    refusal: PreviewRefusal | None = strawberry.field(
        description="What liquidate would be refused with now: FROZEN, SWITCH_OFF ... Then there are no "
        "legs, except with APPROVAL_REQUIRED and APPROVAL_PENDING: these legs take a second person."
    )


async def liquidation_preview(context: ReadContext, input: LiquidationPreviewInput) -> LiquidationPreview:
    """The same plan that liquidate would make at this moment."""
    request = plan_request(input, TradingSession.REGULAR, TimeInForce.DAY, context.api.legs_max)
    await check_symbols(context, request.keep)
    view = await context.loaders.cases.load(CaseId(filter_id("Case", input.case_id)))
    if view is None:
        return refused_preview(Refusal(RefusalCode.NOT_FOUND, "There is no such case."), Decimal(0))
    desk, now = context.api.desk, context.api.desk.clock()
    loaded = await context.loaders.books.load(view.case.account_id)
    assert loaded is not None, "a case's account has a book"
    lately = (await load_lately([loaded.book], now))[view.case.account_id]
    item, read = LiquidateCase(view.case.id, None, request), ReadAhead(loaded.book, loaded.orders, lately)
    made = await plan_now(desk, view, item, read, now)
    if isinstance(made, Refusal):
        return refused_preview(made, view.case.figures.amount)
    return preview_of(made, desk, await second_person(desk, view, item, read, made))


def preview_of(planned: Plan, desk: Desk, takes_two: Refusal | None = None) -> LiquidationPreview:
    """The GraphQL object of a plan."""
    return LiquidationPreview(
        amount_before=planned.amount_before,
        amount_after=planned.amount_after,
        estimated_reduction=planned.estimated_reduction,
        notional=planned.notional,
        cures=planned.cures,
        legs=[_leg_of(leg, desk) for leg in planned.legs],
        uncurable=uncurable_of(planned.uncurable),
        short_of_target=planned.short_of_target,
        volume_unknown=list(planned.unknown_volume),
        refusal=PreviewRefusal(code=takes_two.code, message=takes_two.message) if takes_two else None,
    )


def refused_preview(refusal: Refusal, amount: Decimal) -> LiquidationPreview:
    """The GraphQL object where there is no plan."""
    return LiquidationPreview(
        amount_before=amount,
        amount_after=amount,
        estimated_reduction=Decimal(0),
        notional=Decimal(0),
        cures=refusal.code is RefusalCode.NOTHING_TO_COLLECT,
        legs=[],
        uncurable=[],
        short_of_target=amount,
        volume_unknown=[],
        refusal=PreviewRefusal(code=refusal.code, message=refusal.message),
    )


def _leg_of(leg: PlannedLeg, desk: Desk) -> LiquidationLeg:
    return LiquidationLeg(
        instrument=instrument_of(leg.instrument),
        side=leg.side,
        quantity=leg.quantity,
        price=leg.price,
        fee=leg.fee,
        base_notional=leg.base_notional,
        reduction=leg.reduction,
        quote=quote_of(leg.quote, desk),
    )
