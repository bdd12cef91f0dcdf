"""The input and payload of cancel."""

from typing import Annotated

import strawberry

from desk import outcomes
from domain.ids import OrderId
from resolvers.kit.context import Info
from resolvers.kit.errors import restored
from resolvers.kit.inputs import KEY
from resolvers.kit.node import filter_id
from resolvers.types.order import Order, load_order
from resolvers.types.refusal import OTHER_TYPE, AnyRefusal, RefusalDetails


@strawberry.input(description="The orders to cancel.")
class CancelInput:
    """To desk.orders.cancel.Cancel."""

    idempotency_key: str = strawberry.field(description=KEY)
    order_ids: list[strawberry.ID] = strawberry.field(
        description="The global ids of 1 to 200 orders (`GATEWAY_CANCEL_MAX_ORDERS`), without duplicates."
    )
    reason: str | None = strawberry.field(
        default=None,
        description="The reason, at most 1000 characters, kept with each order and recorded "
        "in the audit trail.",
    )


@strawberry.type(
    description="The cancel is recorded, and the desk requests it from the venue. The order is CANCELED "
    "only when the venue has confirmed it."
)
class CancelRequested:
    """From desk.outcomes.CancelRequested."""

    already_pending: bool = strawberry.field(
        description="Whether a cancel of this order had been requested before."
    )
    order_id: strawberry.Private[OrderId]

    @strawberry.field(description="The order as it is now.")
    async def order(self, info: Info) -> Order:
        """Batched over the answers."""
        return restored(await load_order(info, self.order_id))


@strawberry.type(description="The cancel was refused; the order is unchanged.")
class CancelRefused(AnyRefusal):
    """From desk.outcomes.Refused."""

    order_id: strawberry.ID = strawberry.field(description="The id of the order, from the input.")

    @strawberry.field(
        description="The order as it is now; null if you may not see it.",
        deprecation_reason=OTHER_TYPE.format("order"),
    )
    async def order(self, info: Info) -> Order | None:
        """Batched over the answers."""
        return await load_order(info, self.details.order_id)


CancelResult = Annotated[
    CancelRequested | CancelRefused,
    strawberry.union("CancelResult", description="The outcome for one order of a batch."),
]


@strawberry.type(description="The payload of cancel.")
class CancelPayload:
    """One result per order."""

    results: list[CancelResult] = strawberry.field(
        description="One result per order, in the order of the input."
    )


def cancel_result(asked: strawberry.ID, outcome: outcomes.CancelOutcome) -> CancelRequested | CancelRefused:
    """The GraphQL object."""
    if isinstance(outcome, outcomes.CancelRequested):
        return CancelRequested(already_pending=outcome.already_pending, order_id=outcome.order_id)
    details = RefusalDetails(order_id=OrderId(filter_id("Order", asked)) if outcome.seen else None)
    return CancelRefused(order_id=asked, code=outcome.code, message=outcome.message, details=details)
