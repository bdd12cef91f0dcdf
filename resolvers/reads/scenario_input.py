"""The scenario of a what-if query: shocks of prices and of FX rates."""

from decimal import Decimal

import strawberry

from domain.ids import Symbol
from domain.market import InstrumentKind
from domain.money import ONE, Currency
from domain.what_if import Scenario
from resolvers.kit.errors import BAD_USER_INPUT, ApiError

SHOCKS_MAX = 200


@strawberry.input(
    description="A change of prices. Name symbols, a market or a kind; without any of them it applies to "
    "every instrument. If several shocks concern an instrument, only the most specific applies: first by "
    "symbol, then by market, then by kind, last the one for every instrument. An unknown name is refused "
    "with BAD_USER_INPUT."
)
class PriceShockInput:
    """To domain.what_if.Scenario."""

    factor: Decimal = strawberry.field(
        description="The relative change, a fraction above -1: -0.30 lowers every price by 30 percent."
    )
    symbols: list[str] | None = strawberry.field(
        default=None,
        description="The symbols of the instruments to shock. Not allowed together with market or kind.",
    )
    market: str | None = strawberry.field(
        default=None,
        description="The market whose instruments are shocked, such as XHKG. Not allowed together with "
        "symbols or kind.",
    )
    kind: InstrumentKind | None = strawberry.field(
        default=None,
        description="The kind of instruments to shock. Not allowed together with symbols or market.",
    )


@strawberry.input(description="A change of a currency's rate into all other currencies.")
class CurrencyShockInput:
    """To domain.what_if.Scenario."""

    currency: str = strawberry.field(description="The currency, as an ISO 4217 code.")
    factor: Decimal = strawberry.field(
        description="The relative change, a fraction above -1: 0.05 raises the currency by 5 percent."
    )


@strawberry.input(description="A scenario of changed prices and FX rates. Positions stay as they are.")
class ScenarioInput:
    """To domain.what_if.Scenario."""

    prices: list[PriceShockInput] = strawberry.field(
        default_factory=list,
        description="The price shocks, no two for the same target. A scenario may "
        "have at most 200 shocks of prices and currencies together; each symbol of a price shock "
        "counts as one.",
    )
    currencies: list[CurrencyShockInput] = strawberry.field(
        default_factory=list,
        description="The currency shocks, each currency once. They count for the limit of 200 shocks too.",
    )

    def scenario(self) -> Scenario:
        """The scenario for the domain; raises ApiError for invalid input."""
        named = [shock for each in self.prices for shock in _named(each)]
        rates = [(Currency(each.currency), each.factor) for each in self.currencies]
        shocks = [*named, *(("currency", *rate) for rate in rates)]
        if len(shocks) > SHOCKS_MAX:
            raise ApiError(BAD_USER_INPUT, f"A scenario may have at most {SHOCKS_MAX} shocks.")
        if len({(about, key) for about, key, _ in shocks}) != len(shocks):
            raise ApiError(BAD_USER_INPUT, "A scenario may have only one shock for the same target.")
        if any(factor <= -ONE for _, _, factor in shocks):
            raise ApiError(BAD_USER_INPUT, "The factor of a shock must be a fraction above -1.")
        return Scenario(
            everything=next((factor for about, _, factor in named if about == "everything"), Decimal(0)),
            kinds={InstrumentKind(key): factor for about, key, factor in named if about == "kind"},
            markets={key: factor for about, key, factor in named if about == "market"},
            symbols={Symbol(key): factor for about, key, factor in named if about == "symbol"},
            currencies=dict(rates),
        )


def _named(shock: PriceShockInput) -> list[tuple[str, str, Decimal]]:
    given = [shock.symbols is not None, shock.market is not None, shock.kind is not None]
    if sum(given) > 1:
        raise ApiError(
            BAD_USER_INPUT, "A price shock must name symbols, or a market, or a kind, not several of these."
        )
    if shock.symbols is not None:
        return [("symbol", symbol, shock.factor) for symbol in shock.symbols]
    if shock.market is not None:
        return [("market", shock.market, shock.factor)]
    if shock.kind is not None:
        return [("kind", shock.kind.value, shock.factor)]
    return [("everything", "", shock.factor)]
