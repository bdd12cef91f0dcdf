"""Margin figures of an account."""

from datetime import datetime
from decimal import Decimal

import strawberry

from domain import margin
from domain.margin import RiskLevel


@strawberry.type(
    description="The margin figures of one account at a moment, exact and in the account's base currency. "
    "Only the amount is rounded, half up to whole minor units; the rounded amount decides whether it is 0."
)
class MarginFigures:
    """From domain.margin.MarginFigures."""

    as_of: datetime = strawberry.field(description="The time at which the figures were computed.")
    stale: bool = strawberry.field(
        description="Whether a price, an FX rate or a statement behind the figures is missing or too old. "
        "Automatic liquidation waits meanwhile."
    )
    unvalued: list[str] = strawberry.field(
        description="Symbols without a price and currencies without a rate. Long positions and cash among "
        "them count as 0, short positions at their average cost."
    )
    cash: Decimal = strawberry.field(description="Ledger cash of all currencies; negative for a debit.")
    long_market_value: Decimal = strawberry.field(description="The market value of the long positions.")
    short_market_value: Decimal = strawberry.field(
        description="The market value of the short positions: 0 or negative."
    )
    dead_market_value: Decimal = strawberry.field(
        description="The market value of delisted and long-suspended positions."
    )
    equity: Decimal = strawberry.field(description="Cash plus long and short market value.")
    liquid_net_assets: Decimal = strawberry.field(description="Equity less dead market value.")
    initial_margin: Decimal = strawberry.field(
        description="The margin required to open positions. Nothing more is lent while liquid net assets "
        "are at or below it."
    )
    maintenance_margin: Decimal = strawberry.field(
        description="The margin required to keep positions. A case opens while liquid net assets are below "
        "it."
    )
    margin_call_margin: Decimal = strawberry.field(
        description="The margin to which a case is cured: the amount to collect leads back to it."
    )
    force_close_margin: Decimal = strawberry.field(
        description="The force-close margin: the desk may sell at once while liquid net assets are below it."
    )
    net_asset_ratio: Decimal | None = strawberry.field(
        description="Liquid net assets divided by the larger of themselves and the gross market value of "
        "live positions, to four digits; null if the divisor is 0."
    )
    debt: Decimal = strawberry.field(description="Negative cash as a positive number; 0 if there is none.")
    over_financing: Decimal = strawberry.field(description="The debt above the financing limit.")
    accrued_interest: Decimal = strawberry.field(description="Interest accrued and not yet charged.")
    outstanding_margin: Decimal = strawberry.field(description="Margin owed from earlier calls.")
    trading_limit: Decimal = strawberry.field(
        description="A limit granted to the client that lowers the amount."
    )
    amount: Decimal = strawberry.field(
        description="The amount to collect: the larger of (margin-call margin - liquid net assets + accrued "
        "interest + outstanding margin - trading limit) and over-financing, at least 0. The amount rule can "
        "switch parts off."
    )
    advances_stopped: bool = strawberry.field(
        description="Whether nothing more may be lent, because liquid net assets are at most the initial "
        "margin. The desk places no client orders: the system that does has to check this."
    )
    risk_level: RiskLevel = strawberry.field(description="The risk level, as the client sees it.")


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
