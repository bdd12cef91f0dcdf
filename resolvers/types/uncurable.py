"""Positions that a plan cannot use, and why."""

from collections.abc import Sequence
from decimal import Decimal

import strawberry

from desk import outcomes
from domain import liquidation_plan
from domain.refusals import RefusalCode


@strawberry.type(
    description="A position that cannot help to cure, in whole or for what a lot or a cap leaves."
)
class UncurablePosition:
    """From domain.liquidation_plan.Uncurable."""

    symbol: str = strawberry.field(description="The instrument.")
    reason: RefusalCode = strawberry.field(description="Why.")
    remaining_quantity: Decimal | None = strawberry.field(
        description="Units that the plan leaves, of stock to be brought back as far as they are still "
        "needed; null in answers that an earlier version gave."
    )


def uncurable_of(
    positions: Sequence[liquidation_plan.Uncurable] | Sequence[outcomes.Uncurable],
) -> list[UncurablePosition]:
    """The GraphQL objects."""
    return [
        UncurablePosition(symbol=each.symbol, reason=each.code, remaining_quantity=each.remaining)
        for each in positions
    ]
