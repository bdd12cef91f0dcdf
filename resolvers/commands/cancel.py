"""Inputs and answers of cancel."""

from typing import Annotated

import strawberry

from desk import outcomes
from domain.ids import OrderId
from domain.refusals import RefusalCode
from resolvers.kit.context import Info
from resolvers.kit.errors import restored
from resolvers.types.order import Order, order_of


@strawberry.input(description="Ask for the cancel of orders.")
class CancelInput:
    """To desk.orders.cancel.Cancel."""

    idempotency_key: str = strawberry.field(description="As in liquidate.")
    order_ids: list[strawberry.ID] = strawberry.field(description="1 to 200 orders, each once.")
    reason: str | None = strawberry.field(
        default=None, description="Kept with the order and for the auditor."
    )


@strawberry.type(
    description="The venue was, or will be, asked; the order is CANCELED only when the venue says so."
)
class CancelRequested:
    """From desk.outcomes.CancelRequested."""

    already_pending: bool = strawberry.field(description="Somebody had asked before.")
    order_id: strawberry.Private[OrderId]

    @strawberry.field(description="The order as it is now.")
    async def order(self, info: Info) -> Order:
        """Batched over the answers."""
        view = restored(await info.context.loaders.orders.load(self.order_id))
        return order_of(view)


@strawberry.type(description="Nothing was done for this order.")
class CancelRefused:
    """From desk.outcomes.CancelRefused."""

    order_id: strawberry.ID = strawberry.field(description="As asked.")
    code: RefusalCode = strawberry.field(description="Why.")
    message: str = strawberry.field(description="Why, in words, and what to do about it.")
    seen: strawberry.Private[OrderId | None]

    @strawberry.field(description="The order as it is now; null where you may not see it.")
    async def order(self, info: Info) -> Order | None:
        """Batched over the answers."""
        view = await info.context.loaders.orders.load(self.seen) if self.seen else None
        return order_of(view) if view else None


CancelResult = Annotated[
    CancelRequested | CancelRefused,
    strawberry.union("CancelResult", description="What became of one order of a batch."),
]


@strawberry.type(description="The answer of cancel.")
class CancelPayload:
    """One result per order."""

    results: list[CancelResult] = strawberry.field(description="One per order, in the order asked.")


def cancel_result(asked: strawberry.ID, outcome: outcomes.CancelOutcome) -> CancelRequested | CancelRefused:
    """The GraphQL object."""
    if isinstance(outcome, outcomes.CancelRequested):
        return CancelRequested(already_pending=outcome.already_pending, order_id=outcome.order_id)
    return CancelRefused(
        order_id=asked,
        code=outcome.code,
        message=outcome.message,
        seen=outcome.order_id if outcome.order_seen else None,
    )
