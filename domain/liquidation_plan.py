"""What a liquidation plan is asked with, what limits it, and what it says."""

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
from domain.money import ZERO, Currency
from domain.order import OrderSide, OrderType, TimeInForce, TradingSession
from domain.order_caps import NO_CAPS, OrderCaps, tighter
from domain.price_collar import PriceCollar
from domain.refusals import Refusal, RefusalCode


@dataclass(frozen=True, slots=True)
class LegRequest:
    """One position that the operator wants closed: `quantity` units, or None for as many as cure the call.

    `limit_price` None: the quote. In the instrument's currency.
    """

    symbol: Symbol
    quantity: Decimal | None = None
    limit_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What is asked for. With `legs` exactly these are closed, in this order, and the policy is not used."""

    policy: LiquidationPolicy = LiquidationPolicy.MIN_TURNOVER
    legs: tuple[LegRequest, ...] | None = None
    keep: frozenset[Symbol] = frozenset()
    """Never to be touched; naming one of them in `legs` is refused."""
    order_type: OrderType = OrderType.LIMIT
    session: TradingSession = TradingSession.REGULAR
    time_in_force: TimeInForce = TimeInForce.DAY
    target: LiquidationTarget = LiquidationTarget.MARGIN_CALL
    price_band: Decimal = ZERO
    """By which fraction limit prices are worse than the quote, so that they trade in a moving market."""
    caps: OrderCaps = NO_CAPS
    """Stricter than the desk's, or without effect."""
    override: bool = False
    """Close the quantities named in `legs` even though nothing is left to collect, or stock covers calls."""


@dataclass(frozen=True, slots=True)
class PlanLimits:
    """What the planner may not exceed."""

    max_quote_age: timedelta = timedelta(seconds=60)
    price_band: Decimal = Decimal("0.05")
    """By which fraction the limits of a plan may be worse than the quote; the collar holds besides."""
    collar: PriceCollar = field(default_factory=PriceCollar)
    """How far from the mark any order may be priced."""
    max_adv_share: Decimal | None = None
    max_slice_notional: Mapping[Currency, Decimal] = field(default_factory=dict)
    """By base currency of the account; a currency that is not named has no such cap."""

    def caps(self, asked: OrderCaps, currency: Currency) -> OrderCaps:
        """What holds for one order."""
        return OrderCaps(
            tighter(asked.adv_share, self.max_adv_share),
            tighter(asked.slice_notional, self.max_slice_notional.get(currency)),
        )


@dataclass(frozen=True, slots=True)
class PlannedLeg:
    """One order to place. Price, limit and fee are in the instrument's currency."""

    instrument: Instrument
    side: OrderSide
    quantity: Decimal
    price: Decimal
    """What it is reckoned at: the limit price, but not better than the far side of the quote; for a market
    order the quote."""
    limit_price: Decimal | None
    """None for a market order."""
    fee: Decimal
    base_notional: Decimal
    """In base currency, rounded to its minor unit."""
    reduction: Decimal
    """Of the amount to collect, after the legs before it; negative if a cover raises it."""
    quote: Quote
    market: MarketState = MarketState.OPEN
    """Whether its market is in session; where it is not, the order waits for that."""


@dataclass(frozen=True, slots=True)
class Uncurable:
    """A position that the plan cannot use, in whole or for what a lot or a cap leaves, and why."""

    symbol: Symbol
    code: RefusalCode
    remaining: Decimal = ZERO
    """Units that stay, long or short."""


@dataclass(frozen=True, slots=True)
class Plan:
    """At least one leg. Together they lower the amount, unless the request overrides.

    Amounts are in base currency, whole minor units.
    """

    legs: tuple[PlannedLeg, ...]
    amount_before: Decimal
    """To be collected now, open orders not counted."""
    uncovered_before: Decimal
    """What remains of it when the open orders fill: what the plan is sized to."""
    amount_after: Decimal
    """What remains when the legs fill as well."""
    estimated_reduction: Decimal
    """uncovered_before - amount_after, the sum over the legs."""
    notional: Decimal
    uncurable: tuple[Uncurable, ...] = ()
    short_of_target: Decimal = ZERO
    """What then still lacks to the target of the request, the amount included."""
    unknown_volume: tuple[Symbol, ...] = ()
    """Positions whose volume the request asks to go by, and nobody knows: last, and without that cap."""
    second_person: tuple[str, ...] = ()
    """Why it takes a second person whatever it trades: each is the end of a sentence."""

    def __post_init__(self) -> None:
        if not self.legs:
            raise ValueError("a plan has at least one leg")

    @property
    def cures(self) -> bool:
        """Nothing is left to collect afterwards."""
        return not self.amount_after


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a plan may be at most to be carried out, in the account's base currency; None: not looked at."""

    notional_at_most: Decimal | None = None
    amount_after_at_most: Decimal | None = None

    def exceeded_by(self, plan: Plan) -> Refusal | None:
        """Why the plan is not the one that was expected."""
        checks = (
            ("trade", plan.notional, self.notional_at_most),
            ("leave to collect", plan.amount_after, self.amount_after_at_most),
        )
        for what, found, most in checks:
            if most is not None and found > most:
                return Refusal(
                    RefusalCode.EXPECTATION_EXCEEDED,
                    f"The plan of this moment would {what} {plain(found)}, more than the {plain(most)} "
                    "expected: nothing was placed. Look at the new plan, and liquidate again.",
                )
        return None


NO_EXPECTATION = Expectation()


@dataclass(frozen=True, slots=True)
class NoPlan(Refusal):
    """No position can be closed, or closing what can be would not help; each position with its reason."""

    uncurable: tuple[Uncurable, ...] = ()
