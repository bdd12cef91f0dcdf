"""The plan inputs that liquidate and its preview share."""

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
from resolvers.kit.inputs import ANY_VERSION


@strawberry.input(description="A position to close.")
class LiquidationLegInput:
    """To domain.liquidation_plan.LegRequest."""

    symbol: str = strawberry.field(description="The symbol of the instrument.")
    quantity: Decimal | None = strawberry.field(
        default=None,
        description="The quantity in units, a whole number of lots. Omitted: just enough to "
        "reach the target.",
    )
    limit_price: Decimal | None = strawberry.field(
        default=None,
        description="The limit price per unit, in the instrument's currency. Omitted: the "
        "bid for a sale, the ask for a cover, each made worse by the price band. Not allowed with the "
        "order type MARKET.",
    )

    def request(self) -> LegRequest:
        """The leg for the planner."""
        return LegRequest(Symbol(self.symbol), self.quantity, self.limit_price)


@strawberry.input(
    description="The limits that the plan at the time of execution may not exceed, in the account's base "
    "currency. If it exceeds them, nothing is placed and the refusal EXPECTATION_EXCEEDED contains that "
    "plan."
)
class ExpectedPlanInput:
    """To domain.liquidation_plan.Expectation."""

    notional_at_most: Decimal | None = strawberry.field(
        default=None,
        description="The largest total value to trade, such as the `notional` of the preview. Omitted: no "
        "limit.",
    )
    amount_after_at_most: Decimal | None = strawberry.field(
        default=None,
        description="The largest amount that may be left to collect, such as the "
        "`amountAfter` of the preview. Omitted: no limit.",
    )

    def expectation(self) -> Expectation:
        """The expectation for the desk."""
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

    case_id: strawberry.ID = strawberry.field(description="The case, by global id.")
    expected_version: int | None = strawberry.field(
        default=None,
        description=ANY_VERSION,
    )
    legs: list[LiquidationLegInput] | None = strawberry.field(
        default=None,
        description="The positions to close, exactly these and in this order, at most 100 "
        "(`GATEWAY_MAX_LEGS`). Omitted: the planner selects positions by `policy`, just enough to reach "
        "`target`.",
    )
    policy: LiquidationPolicy = strawberry.field(
        default=LiquidationPolicy.MIN_TURNOVER,
        description="The order in which the planner selects positions. Has no effect if `legs` are given.",
    )
    keep: list[str] | None = strawberry.field(
        default=None,
        description="Symbols of positions that must not be traded, at most 100 (`GATEWAY_MAX_LEGS`). "
        "Omitted: none. An unknown symbol is refused with BAD_USER_INPUT.",
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
    override: bool = strawberry.field(
        default=False,
        description="Whether to sell although nothing is left to collect, or although the stock covers "
        "written calls. Requires `legs` with quantities, a reason, and a second person's approval. The "
        "desk does not cancel such orders when the case is cured.",
    )
    target: LiquidationTarget = strawberry.field(
        default=LiquidationTarget.MARGIN_CALL, description="The level up to which the planner sells."
    )
    price_band: Decimal | None = strawberry.field(
        default=None,
        description="The fraction by which the planner's limit prices are worse than the quote, so that "
        "orders trade while the market moves: bid * (1 - band) for a sale, ask * (1 + band) for a cover. "
        "At most `GATEWAY_PRICE_BAND`, otherwise refused with PRICE_OUTSIDE_BAND. Omitted: 0.",
    )
    max_adv_share: Decimal | None = strawberry.field(
        default=None,
        description="The largest share of an instrument's average daily volume, above 0 and at most 1, for "
        "one order together with the account's open orders in the instrument. Omitted: only the desk's own "
        "cap (`GATEWAY_ORDER_ADV_SHARE_MAX`), which always applies.",
    )
    max_slice_notional: Decimal | None = strawberry.field(
        default=None,
        description="The largest value of one order, above 0, in the account's base currency. The rest is "
        "`uncurable` as CAPPED: liquidate again for the next slice. Omitted: only the desk's own cap "
        "(`GATEWAY_ORDER_NOTIONAL_MAX`), which always applies.",
    )
    expected: ExpectedPlanInput | None = strawberry.field(
        default=None,
        description="The limits that the plan may not exceed; otherwise nothing is placed and the refusal "
        "is EXPECTATION_EXCEEDED. Omitted: no limits.",
    )


@strawberry.input(
    description="The liquidation to preview. Each field means the same as in LiquidateCaseInput."
)
class LiquidationPreviewInput:
    """To domain.liquidation_plan.PlanRequest."""

    case_id: strawberry.ID = strawberry.field(description="The case, by global id.")
    legs: list[LiquidationLegInput] | None = strawberry.field(
        default=None, description="The positions to close, as in LiquidateCaseInput."
    )
    policy: LiquidationPolicy = strawberry.field(
        default=LiquidationPolicy.MIN_TURNOVER,
        description="The order in which the planner selects positions, as in LiquidateCaseInput.",
    )
    keep: list[str] | None = strawberry.field(
        default=None, description="Symbols of positions that must not be traded, as in LiquidateCaseInput."
    )
    order_type: OrderType = strawberry.field(
        default=OrderType.LIMIT,
        description="The way in which the orders are priced, as in LiquidateCaseInput.",
    )
    target: LiquidationTarget = strawberry.field(
        default=LiquidationTarget.MARGIN_CALL,
        description="The level up to which the planner sells, as in LiquidateCaseInput.",
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


def plan_request(
    asked: LiquidateCaseInput | LiquidationPreviewInput,
    session: TradingSession,
    time_in_force: TimeInForce,
    legs_max: int,
) -> PlanRequest:
    """The request for the planner; raises ApiError for invalid input."""
    legs, keep = asked.legs, asked.keep
    if legs is not None and not 1 <= len(legs) <= legs_max:
        raise ApiError(BAD_USER_INPUT, f"legs must have 1 to {legs_max} items, or be omitted.")
    if len(keep or ()) > legs_max:
        raise ApiError(BAD_USER_INPUT, f"keep must have at most {legs_max} symbols.")
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
    """The price band from the request, or 0. The desk checks how wide it may be."""
    if price_band is not None and price_band < 0:
        raise ApiError(BAD_USER_INPUT, "priceBand must not be negative.")
    return price_band or ZERO


def caps_of(max_adv_share: Decimal | None, max_slice_notional: Decimal | None) -> OrderCaps:
    """The caps from the request."""
    return OrderCaps(
        _positive("maxAdvShare", max_adv_share, most=ONE), _positive("maxSliceNotional", max_slice_notional)
    )


def _positive(name: str, value: Decimal | None, most: Decimal | None = None) -> Decimal | None:
    if value is not None and (value <= 0 or (most is not None and value > most)):
        raise ApiError(BAD_USER_INPUT, f"{name} must be above 0{f' and at most {most:f}' if most else ''}.")
    return value
