"""Positions that a plan cannot use, with the reasons."""

from collections.abc import Sequence
from decimal import Decimal

import strawberry

from desk import outcomes
from domain import liquidation_plan
from domain.refusals import RefusalCode


@strawberry.type(
    description="A position that a plan cannot use: the whole position, or the rest that a lot size or a "
    "cap leaves over."
)
class UncurablePosition:
    """From domain.liquidation_plan.Uncurable."""

    symbol: str = strawberry.field(description="The symbol of the instrument.")
    reason: RefusalCode = strawberry.field(description="The reason as a code.")
    remaining_quantity: Decimal | None = strawberry.field(
        description="The units that the plan does not use; in a stock recovery only those that are still "
        "needed. Null in an answer that an earlier version of the desk gave and that is repeated for its "
        "idempotency key."
    )


def uncurable_of(
    positions: Sequence[liquidation_plan.Uncurable] | Sequence[outcomes.Uncurable],
) -> list[UncurablePosition]:
    """The GraphQL objects."""
    return [
        UncurablePosition(symbol=each.symbol, reason=each.code, remaining_quantity=each.remaining)
        for each in positions
    ]
