"""What a liquidation is asked with, as liquidate and its preview both take it."""

from decimal import Decimal

import strawberry

from domain.amount_formula import LiquidationTarget
from domain.ids import Symbol
from domain.liquidation_plan import Expectation, LegRequest, PlanRequest
from domain.liquidation_policy import LiquidationPolicy
from domain.money import ONE, ZERO
from domain.order import OrderType, TimeInForce, TradingSession
from domain.order_caps import OrderCaps
from resolvers.kit.errors import BAD_USER_INPUT, ApiError


@strawberry.input(description="One position to close.")
class LiquidationLegInput:
    """To domain.liquidation_plan.LegRequest."""

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


@strawberry.input(
    description="What the plan of the moment may be at most, in the account's base currency. Where it is "
    "more, nothing is placed, and the answer is EXPECTATION_EXCEEDED with that plan."
)
class ExpectedPlanInput:
    """To domain.liquidation_plan.Expectation."""

    notional_at_most: Decimal | None = strawberry.field(
        default=None, description="The most that may be traded, such as the notional that the preview showed."
    )
    amount_after_at_most: Decimal | None = strawberry.field(
        default=None, description="The most that may be left to collect."
    )

    def expectation(self) -> Expectation:
        """For the desk."""
        for name, most in (
            ("notionalAtMost", self.notional_at_most),
            ("amountAfterAtMost", self.amount_after_at_most),
        ):
            if most is not None and most < 0:
                raise ApiError(BAD_USER_INPUT, f"expected.{name} must not be negative.")
        return Expectation(self.notional_at_most, self.amount_after_at_most)


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
    expected: ExpectedPlanInput | None = strawberry.field(
        default=None, description="What you have seen: a plan that goes beyond it is not carried out."
    )


@strawberry.input(description="What a liquidation would do.")
class LiquidationPreviewInput:
    """To domain.liquidation_plan.PlanRequest."""

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
