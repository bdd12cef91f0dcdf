"""Liquidation plans: the request, the limits and the result."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from domain.amount_formula import LiquidationTarget
from domain.canonical import plain
from domain.ids import Symbol
from domain.liquidation_policy import LiquidationPolicy
from domain.market import Instrument, Quote
from domain.market_hours import MarketState
from domain.money import ZERO, Currency, total
from domain.order import OrderSide, OrderType, TimeInForce, TradingSession
from domain.order_caps import NO_CAPS, OrderCaps, tighter
from domain.price_collar import PriceCollar
from domain.refusals import Refusal, RefusalCode


@dataclass(frozen=True, slots=True)
class LegRequest:
    """One position that the operator wants to close: `quantity` units, or None for as many as cure the call.

    `limit_price` is in the instrument's currency; None: the quote.
    """

    symbol: Symbol
    quantity: Decimal | None = None
    limit_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """The request for a plan. With `legs`, exactly these are closed, in this order, and the policy is not
    used.
    """

    policy: LiquidationPolicy = LiquidationPolicy.MIN_TURNOVER
    legs: tuple[LegRequest, ...] | None = None
    keep: frozenset[Symbol] = frozenset()
    """Positions that must not be closed; naming one of them in `legs` is refused."""
    order_type: OrderType = OrderType.LIMIT
    session: TradingSession = TradingSession.REGULAR
    time_in_force: TimeInForce = TimeInForce.DAY
    target: LiquidationTarget = LiquidationTarget.MARGIN_CALL
    price_band: Decimal = ZERO
    """The fraction by which limit prices are worse than the quote, so that they trade in a moving market."""
    caps: OrderCaps = NO_CAPS
    """Caps of the request; only those stricter than the desk's have an effect."""
    override: bool = False
    """Close the quantities in `legs` even if nothing is left to collect, or stock covers calls."""


@dataclass(frozen=True, slots=True)
class PlanPolicy:
    """Limits that the planner must not exceed."""

    max_quote_age: timedelta = timedelta(seconds=60)
    price_band: Decimal = Decimal("0.05")
    """The largest fraction by which limits of a plan may be worse than the quote; the collar applies as well.
    """
    collar: PriceCollar = field(default_factory=PriceCollar)
    """How far from the mark an order may be priced."""
    max_adv_share: Decimal | None = None
    max_slice_notional: Mapping[Currency, Decimal] = field(default_factory=dict)
    """By base currency of the account; a currency that is not named has no such cap."""

    def caps(self, requested: OrderCaps, currency: Currency) -> OrderCaps:
        """The caps for one order."""
        return OrderCaps(
            tighter(requested.adv_share, self.max_adv_share),
            tighter(requested.slice_notional, self.max_slice_notional.get(currency)),
        )


@dataclass(frozen=True, slots=True)
class PlannedLeg:
    """One order to place. Price, limit and fee are in the instrument's currency."""

    instrument: Instrument
    side: OrderSide
    quantity: Decimal
    price: Decimal
    """The price at which the leg is valued: the limit price, but not better than the far side of the quote;
    for a market order the quote.
    """
    limit_price: Decimal | None
    """None for a market order."""
    fee: Decimal
    base_notional: Decimal
    """In base currency, rounded to its minor unit."""
    reduction: Decimal
    """The reduction of the amount to collect, after the legs before it; negative if a cover raises the
    amount.
    """
    quote: Quote
    market: MarketState = MarketState.OPEN
    """Whether its market is in session; if not, the order waits for it."""


@dataclass(frozen=True, slots=True)
class Uncurable:
    """A position that the plan cannot use, wholly or in part (for a lot or a cap), with the reason."""

    symbol: Symbol
    code: RefusalCode
    remaining: Decimal = ZERO
    """Units that stay, long or short."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan of at least one leg. The legs lower the amount, unless the request has an override.

    Amounts are in base currency, in whole minor units.
    """

    legs: tuple[PlannedLeg, ...]
    amount_before: Decimal
    """The amount to collect now, without open orders."""
    uncovered_before: Decimal
    """The rest of it when the open orders fill, to which the plan is sized."""
    amount_after: Decimal
    """The rest when the legs fill as well."""
    estimated_reduction: Decimal
    """uncovered_before - amount_after, the sum over the legs."""
    notional: Decimal
    uncurable: tuple[Uncurable, ...] = ()
    short_of_target: Decimal = ZERO
    """The remaining shortfall to the target of the request, including the amount."""
    unknown_volume: tuple[Symbol, ...] = ()
    """Positions of unknown volume, for a request with a volume cap: they come last, without that cap."""
    second_person: tuple[str, ...] = ()
    """Why it requires a second person regardless of its size: each is the end of a sentence."""
    counts_waiting: bool = False
    """Whether it counts on open orders that wait for their market too, since a leg may have to wait."""

    def __post_init__(self) -> None:
        if not self.legs:
            raise ValueError("a plan has at least one leg")

    @property
    def in_flight_relief(self) -> Decimal:
        """The reduction of the amount by the open orders that it counts on; negative if they raise it."""
        return total([self.amount_before, self.uncovered_before.copy_negate()])

    @property
    def cures(self) -> bool:
        """Whether nothing is left to collect afterwards."""
        return not self.amount_after


@dataclass(frozen=True, slots=True)
class Expectation:
    """The most that a plan may do to be executed, in the account's base currency; None: not checked."""

    notional_at_most: Decimal | None = None
    amount_after_at_most: Decimal | None = None

    def exceeded_by(self, plan: Plan) -> Refusal | None:
        """The refusal if the plan exceeds the expectation."""
        checks = (
            ("trade", plan.notional, self.notional_at_most),
            ("leave to collect", plan.amount_after, self.amount_after_at_most),
        )
        for what, planned, most in checks:
            if most is not None and planned > most:
                return Refusal(
                    RefusalCode.EXPECTATION_EXCEEDED,
                    f"The plan would now {what} {plain(planned)}, more than the expected {plain(most)}: "
                    "no order was placed. Review the new plan, and liquidate again.",
                )
        return None


NO_EXPECTATION = Expectation()


@dataclass(frozen=True, slots=True)
class NoPlan(Refusal):
    """No position can be closed, or closing would not help; each position with its reason."""

    uncurable: tuple[Uncurable, ...] = ()
