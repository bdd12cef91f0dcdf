"""Margin figures."""

from datetime import datetime
from decimal import Decimal

import strawberry

from domain import margin
from domain.margin import RiskLevel


@strawberry.type(
    description="The margin figures of one account at a moment: exact money in the account's base currency. "
    "Only the amount is rounded, half up to whole minor units, which is what decides whether it is 0."
)
class MarginFigures:
    """From domain.margin.MarginFigures."""

    as_of: datetime = strawberry.field(description="When they were computed.")
    stale: bool = strawberry.field(
        description="A price, an FX rate or a statement behind them is missing or older than allowed; "
        "automatic liquidation waits."
    )
    unvalued: list[str] = strawberry.field(
        description="Symbols without a price and currencies without a rate: of these a long position and "
        "money count 0, a short position its average cost."
    )
    cash: Decimal = strawberry.field(description="Ledger cash of every currency, debit negative.")
    long_market_value: Decimal = strawberry.field(description="Of the long positions.")
    short_market_value: Decimal = strawberry.field(description="Of the short positions: 0 or below.")
    dead_market_value: Decimal = strawberry.field(description="Of delisted and long-suspended positions.")
    equity: Decimal = strawberry.field(description="Cash, long and short market value.")
    liquid_net_assets: Decimal = strawberry.field(description="Equity less dead market value.")
    initial_margin: Decimal = strawberry.field(description="Required to open positions.")
    maintenance_margin: Decimal = strawberry.field(description="Below it a case opens.")
    margin_call_margin: Decimal = strawberry.field(description="What a case is cured to.")
    force_close_margin: Decimal = strawberry.field(description="Below it the desk may sell at once.")
    net_asset_ratio: Decimal | None = strawberry.field(
        description="Liquid net assets over the larger of themselves and the gross live positions, to four "
        "digits; null when the denominator is zero."
    )
    debt: Decimal = strawberry.field(description="Negative cash, as a positive number.")
    over_financing: Decimal = strawberry.field(description="Debt above the financing limit.")
    accrued_interest: Decimal = strawberry.field(description="Not yet charged.")
    outstanding_margin: Decimal = strawberry.field(description="Owed from earlier calls.")
    trading_limit: Decimal = strawberry.field(description="Granted, and counted against the amount.")
    amount: Decimal = strawberry.field(
        description="To be collected: the larger of (call margin - net assets + interest + outstanding "
        "margin - trading limit) and over-financing, not below 0; parts can be switched off."
    )
    advances_stopped: bool = strawberry.field(
        description="Nothing more is to be lent: liquid net assets do not exceed the initial margin. The "
        "desk places no client orders: whoever does has to ask."
    )
    risk_level: RiskLevel = strawberry.field(description="What the client sees.")


def figures_of(figures: margin.MarginFigures) -> MarginFigures:
    """The GraphQL object."""
    return MarginFigures(
        as_of=figures.as_of,
        stale=figures.stale,
        unvalued=list(figures.unvalued),
        cash=figures.cash,
        long_market_value=figures.long_market_value,
        short_market_value=figures.short_market_value,
        dead_market_value=figures.dead_market_value,
        equity=figures.equity,
        liquid_net_assets=figures.liquid_net_assets,
        initial_margin=figures.initial_margin,
        maintenance_margin=figures.maintenance_margin,
        margin_call_margin=figures.margin_call_margin,
        force_close_margin=figures.force_close_margin,
        net_asset_ratio=figures.net_asset_ratio,
        debt=figures.debt,
        over_financing=figures.over_financing,
        accrued_interest=figures.accrued_interest,
        outstanding_margin=figures.outstanding_margin,
        trading_limit=figures.trading_limit,
        amount=figures.amount,
        advances_stopped=figures.advances_stopped,
        risk_level=figures.risk_level,
    )
