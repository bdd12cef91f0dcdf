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
        description="Whether a price, an FX rate or a statement on which the figures depend is missing or "
        "too old. Meanwhile the desk sells nothing automatically."
    )
    unvalued: list[str] = strawberry.field(
        description="Symbols without a price and currencies without an FX rate. Long positions and cash "
        "among them count as 0, short positions at their average cost."
    )
    cash: Decimal = strawberry.field(
        description="The ledger cash of all currencies, converted and summed; negative for a debit."
    )
    long_market_value: Decimal = strawberry.field(description="The market value of the long positions.")
    short_market_value: Decimal = strawberry.field(
        description="The market value of the short positions: 0 or negative."
    )
    dead_market_value: Decimal = strawberry.field(
        description="The market value of positions that count as worthless collateral: delisted, or "
        "suspended for longer than `GATEWAY_SUSPENDED_DEAD_AFTER_DAYS`."
    )
    equity: Decimal = strawberry.field(description="Cash plus long and short market value.")
    liquid_net_assets: Decimal = strawberry.field(description="Equity less dead market value.")
    initial_margin: Decimal = strawberry.field(
        description="The margin required to open positions. No more is lent while liquid net assets are at "
        "or below it."
    )
    maintenance_margin: Decimal = strawberry.field(
        description="The margin required to keep positions. A case opens while liquid net assets are below "
        "it."
    )
    margin_call_margin: Decimal = strawberry.field(
        description="The margin that ends a case: the amount to collect brings liquid net assets up to it."
    )
    force_close_margin: Decimal = strawberry.field(
        description="The force-close margin: the desk may sell at once while liquid net assets are below it."
    )
    net_asset_ratio: Decimal | None = strawberry.field(
        description="Liquid net assets divided by the gross market value of the positions that are not "
        "dead, or by themselves if they are larger; rounded to four digits. Null if the divisor is 0."
    )
    debt: Decimal = strawberry.field(description="Negative cash as a positive number; 0 if there is none.")
    over_financing: Decimal = strawberry.field(description="The part of the debt above the financing limit.")
    accrued_interest: Decimal = strawberry.field(
        description="The interest accrued and not yet charged, of all currencies."
    )
    outstanding_margin: Decimal = strawberry.field(
        description="The margin still owed from earlier calls, as the book of record states it."
    )
    trading_limit: Decimal = strawberry.field(
        description="A limit granted to the client that lowers the amount."
    )
    amount: Decimal = strawberry.field(
        description="The amount to collect: the larger of (margin-call margin - liquid net assets + "
        "accrued interest + outstanding margin - trading limit) and over-financing, at least 0. For a cash "
        "account, and an intraday account that has to be flat: accrued interest + outstanding margin - "
        "trading limit - cash, at least 0. The risk setting AMOUNT_RULE can switch parts off."
    )
    advances_stopped: bool = strawberry.field(
        description="Whether the account may borrow no more, because liquid net assets are at most the "
        "initial margin. The desk does not place clients' own orders: the system that does has to check "
        "this field."
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
