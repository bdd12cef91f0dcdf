"""Positions that a plan cannot use, with the reasons."""

from collections.abc import Sequence
from decimal import Decimal

import strawberry

from desk import outcomes
from domain import liquidation_plan
from domain.refusals import RefusalCode


@strawberry.type(
    description="A position that a plan cannot use, in whole or for the part that a lot or a cap leaves."
)
class UncurablePosition:
    """From domain.liquidation_plan.Uncurable."""

    symbol: str = strawberry.field(description="The symbol of the instrument.")
    reason: RefusalCode = strawberry.field(description="The reason as a code.")
    remaining_quantity: Decimal | None = strawberry.field(
        description="The units that the plan leaves; in a stock recovery only as far as they are still "
        "needed. Null in answers given by earlier versions of the desk."
    )


def uncurable_of(
    positions: Sequence[liquidation_plan.Uncurable] | Sequence[outcomes.Uncurable],
) -> list[UncurablePosition]:
    """The GraphQL objects."""
    return [
        UncurablePosition(symbol=each.symbol, reason=each.code, remaining_quantity=each.remaining)
        for each in positions
    ]
