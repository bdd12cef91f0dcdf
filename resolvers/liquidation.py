"""Inputs and answers of liquidate and its preview."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Annotated

import strawberry

from desk import outcomes
from desk.desk import Desk
from desk.liquidation.liquidation_command import LiquidateCase
from domain import liquidation
from domain.ids import ApprovalId, CaseId, Symbol
from domain.liquidation import (
    LegRequest,
    LiquidationPolicy,
    LiquidationTarget,
    Plan,
    PlannedLeg,
    PlanRequest,
)
from domain.money import ONE, ZERO
from domain.order import OrderSide, OrderType, TimeInForce, TradingSession
from domain.order_caps import OrderCaps
from domain.refusals import Refusal, RefusalCode
from resolvers.approval import ApprovalRequest, load_approval
from resolvers.case import Case, case_of
from resolvers.context import Info
from resolvers.errors import BAD_USER_INPUT, ApiError
from resolvers.market import Instrument, Quote, instrument_of, quote_of
from resolvers.node import filter_id
from resolvers.order import Order, order_of


@strawberry.input(description="One position to close.")
class LiquidationLegInput:
    """To domain.liquidation.LegRequest."""

    symbol: str = strawberry.field(description="The instrument.")
    quantity: Decimal | None = strawberry.field(
        default=None, description="Units, whole lots; left out: just enough to cure."
    )
    limit_price: Decimal | None = strawberry.field(
        default=None, description="Left out: the bid for a sale, the ask for a cover."
    )

    def request(self) -> LegRequest:
        """For the planner."""
        return LegRequest(Symbol(self.symbol), self.quantity, self.limit_price)


@strawberry.input(description="The liquidation of one case.")
class LiquidateCaseInput:
    """To desk.liquidation.liquidation_command.LiquidateCase."""

    case_id: strawberry.ID = strawberry.field(description="The case.")
    expected_version: int | None = strawberry.field(
        default=None, description="The version you decided on; another one is refused with VERSION_CONFLICT."
    )
    legs: list[LiquidationLegInput] | None = strawberry.field(
        default=None,
        description="Left out: the planner picks by policy, just enough to cure. Given: exactly these.",
    )
    policy: LiquidationPolicy = strawberry.field(
        default=LiquidationPolicy.MIN_TURNOVER, description="How the planner picks."
    )
    keep: list[str] | None = strawberry.field(
        default=None, description="Symbols never to touch; one that the desk does not know is refused."
    )
    order_type: OrderType = strawberry.field(default=OrderType.LIMIT, description="How orders are priced.")
    session: TradingSession = strawberry.field(
        default=TradingSession.REGULAR, description="When orders may trade."
    )
    time_in_force: TimeInForce = strawberry.field(
        default=TimeInForce.DAY, description="How long orders live."
    )
    override: bool = strawberry.field(
        default=False,
        description="Sell the legs, each with a quantity, even though nothing is left to collect. It takes a "
        "reason and a second person, and the orders are not called off because the case is cured.",
    )
    target: LiquidationTarget = strawberry.field(
        default=LiquidationTarget.MARGIN_CALL, description="Up to where the planner sells."
    )
    price_band: Decimal | None = strawberry.field(
        default=None,
        description="By which fraction the planner's limits are worse than the quote: bid * (1 - band) or "
        "ask * (1 + band), so that orders trade in a moving market. At most the desk's own band.",
    )
    max_adv_share: Decimal | None = strawberry.field(
        default=None,
        description="The most of the average daily volume that one order and the account's open orders in it "
        "may be: above 0, at most 1. The desk's own cap holds besides.",
    )
    max_slice_notional: Decimal | None = strawberry.field(
        default=None,
        description="The most that one order may trade, in the account's base currency. The desk's own cap "
        "holds besides; liquidate again for the next slice.",
    )


@strawberry.input(description="Liquidate cases.")
class LiquidateInput:
    """To desk.liquidation.liquidation_command.Liquidate."""

    idempotency_key: str = strawberry.field(
        description="Chosen by the caller, 1 to 200 characters; the same key with the same content "
        "returns the first answer for ever, with other content IDEMPOTENCY_KEY_REUSED."
    )
    cases: list[LiquidateCaseInput] = strawberry.field(description="1 to 200 cases, each once.")
    reason: str | None = strawberry.field(default=None, description="Kept for the auditor.")


@strawberry.input(description="What a liquidation would do.")
class LiquidationPreviewInput:
    """To domain.liquidation.PlanRequest."""

    case_id: strawberry.ID = strawberry.field(description="The case.")
    legs: list[LiquidationLegInput] | None = strawberry.field(default=None, description="As in liquidate.")
    policy: LiquidationPolicy = strawberry.field(
        default=LiquidationPolicy.MIN_TURNOVER, description="As in liquidate."
    )
    keep: list[str] | None = strawberry.field(default=None, description="As in liquidate.")
    order_type: OrderType = strawberry.field(default=OrderType.LIMIT, description="As in liquidate.")
    target: LiquidationTarget = strawberry.field(
        default=LiquidationTarget.MARGIN_CALL, description="As in liquidate."
    )
    price_band: Decimal | None = strawberry.field(default=None, description="As in liquidate.")
    max_adv_share: Decimal | None = strawberry.field(default=None, description="As in liquidate.")
    max_slice_notional: Decimal | None = strawberry.field(default=None, description="As in liquidate.")


@strawberry.type(
    description="A position that cannot help to cure, in whole or for what a lot or a cap leaves."
)
class UncurablePosition:
    """From domain.liquidation.Uncurable."""

    symbol: str = strawberry.field(description="The instrument.")
    reason: RefusalCode = strawberry.field(description="Why.")
    remaining_quantity: Decimal | None = strawberry.field(
        description="Units that the plan leaves; null in answers from before this was told."
    )


@strawberry.type(description="The liquidation was recorded; its orders are on their way to the venue.")
class LiquidationStarted:
    """From desk.outcomes.LiquidationStarted."""

    estimated_reduction: Decimal = strawberry.field(description="Of the amount, by these orders, as planned.")
    amount_after: Decimal = strawberry.field(description="What is left when all open orders fill as planned.")
    uncurable: list[UncurablePosition] = strawberry.field(description="What the planner could not use.")
    short_of_target: Decimal = strawberry.field(
        description="What then lacks to the target: 0 where it is reached."
    )
    volume_unknown: list[str] = strawberry.field(
        description="Symbols whose volume was asked for and is not known: taken last, and not capped by it."
    )
    outcome: strawberry.Private[outcomes.LiquidationStarted]

    @strawberry.field(description="The case as it is now.")
    async def case(self, info: Info) -> Case:
        """Batched over the answers."""
        view = await info.context.loaders.cases.load(self.outcome.case_id)
        assert view is not None, "a case that was liquidated is visible"
        return case_of(view, info.context.api.desk.clock())

    @strawberry.field(description="The orders as they are now, in the order of the plan.")
    async def orders(self, info: Info) -> list[Order]:
        """Batched over the answers."""
        views = await info.context.loaders.orders.load_many(self.outcome.order_ids)
        return [order_of(view) for view in views if view is not None]


@strawberry.type(description="Nothing was done for this case.")
class LiquidationRefused:
    """From desk.outcomes.LiquidationRefused."""

    case_id: strawberry.ID = strawberry.field(description="As asked.")
    code: RefusalCode = strawberry.field(description="Why.")
    message: str = strawberry.field(description="Why, in words, and what to do about it.")
    seen: strawberry.Private[CaseId | None]
    approval_id: strawberry.Private[ApprovalId | None]

    @strawberry.field(description="The case as it is now; null where you may not see it.")
    async def case(self, info: Info) -> Case | None:
        """Batched over the answers."""
        view = await info.context.loaders.cases.load(self.seen) if self.seen else None
        return case_of(view, info.context.api.desk.clock()) if view else None

    @strawberry.field(description="With APPROVAL_REQUIRED and APPROVAL_PENDING: the request.")
    async def approval(self, info: Info) -> ApprovalRequest | None:
        """Batched over the answers."""
        return await load_approval(info, self.approval_id)


LiquidateResult = Annotated[
    LiquidationStarted | LiquidationRefused,
    strawberry.union("LiquidateResult", description="What became of one case of a batch."),
]


@strawberry.type(description="The answer of liquidate.")
class LiquidatePayload:
    """One result per case."""

    results: list[LiquidateResult] = strawberry.field(description="One per case, in the order asked.")


@strawberry.type(description="One order that a liquidation would place.")
class LiquidationLeg:
    """From domain.liquidation.PlannedLeg."""

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
    """From domain.liquidation.Plan, or a refusal."""

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


def plan_request(
    asked: LiquidateCaseInput | LiquidationPreviewInput,
    session: TradingSession,
    time_in_force: TimeInForce,
    legs_max: int,
) -> PlanRequest:
    """For the planner; raises ApiError for what makes no sense."""
    legs, keep = asked.legs, asked.keep
    if legs is not None and not 1 <= len(legs) <= legs_max:
        raise ApiError(BAD_USER_INPUT, f"legs must be 1 to {legs_max}, or left out.")
    if len(keep or ()) > legs_max:
        raise ApiError(BAD_USER_INPUT, f"keep must be at most {legs_max} symbols.")
    return PlanRequest(
        policy=asked.policy,
        legs=None if legs is None else tuple(leg.request() for leg in legs),
        keep=frozenset(Symbol(symbol) for symbol in keep or ()),
        order_type=asked.order_type,
        session=session,
        time_in_force=time_in_force,
        target=asked.target,
        price_band=band_of(asked.price_band),
        caps=caps_of(asked.max_adv_share, asked.max_slice_notional),
    )


def band_of(price_band: Decimal | None) -> Decimal:
    """As asked, or none. How wide it may be is the desk's to say."""
    if price_band is not None and price_band < 0:
        raise ApiError(BAD_USER_INPUT, "priceBand must not be negative.")
    return price_band or ZERO


def caps_of(max_adv_share: Decimal | None, max_slice_notional: Decimal | None) -> OrderCaps:
    """As asked."""
    return OrderCaps(
        _positive("maxAdvShare", max_adv_share, most=ONE), _positive("maxSliceNotional", max_slice_notional)
    )


def _positive(name: str, value: Decimal | None, most: Decimal | None = None) -> Decimal | None:
    if value is not None and (value <= 0 or (most is not None and value > most)):
        raise ApiError(BAD_USER_INPUT, f"{name} must be above 0{f' and at most {most:f}' if most else ''}.")
    return value


def command_item(item: LiquidateCaseInput, legs_max: int) -> LiquidateCase:
    """One case of the command."""
    request = plan_request(item, item.session, item.time_in_force, legs_max)
    if item.override:
        if not item.legs or any(leg.quantity is None for leg in item.legs):
            raise ApiError(BAD_USER_INPUT, "override needs legs, each with its quantity.")
        request = replace(request, override=True)
    return LiquidateCase(CaseId(filter_id("Case", item.case_id)), item.expected_version, request)


def liquidate_result(
    asked: strawberry.ID, outcome: outcomes.LiquidationOutcome
) -> LiquidationStarted | LiquidationRefused:
    """The GraphQL object."""
    if isinstance(outcome, outcomes.LiquidationStarted):
        return LiquidationStarted(
            estimated_reduction=outcome.estimated_reduction,
            amount_after=outcome.amount_after,
            uncurable=_uncurable(outcome.uncurable),
            short_of_target=outcome.short_of_target,
            volume_unknown=list(outcome.unknown_volume),
            outcome=outcome,
        )
    return LiquidationRefused(
        case_id=asked,
        code=outcome.code,
        message=outcome.message,
        seen=outcome.case_id if outcome.case_seen else None,
        approval_id=outcome.approval_id,
    )


def preview_of(planned: Plan, desk: Desk, takes_two: Refusal | None = None) -> LiquidationPreview:
    """The GraphQL object of a plan."""
    return LiquidationPreview(
        amount_before=planned.amount_before,
        amount_after=planned.amount_after,
        estimated_reduction=planned.estimated_reduction,
        notional=planned.notional,
        cures=planned.cures,
        legs=[_leg_of(leg, desk) for leg in planned.legs],
        uncurable=_uncurable(planned.uncurable),
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


def _uncurable(
    positions: Sequence[liquidation.Uncurable] | Sequence[outcomes.Uncurable],
) -> list[UncurablePosition]:
    return [
        UncurablePosition(symbol=each.symbol, reason=each.code, remaining_quantity=each.remaining)
        for each in positions
    ]


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
