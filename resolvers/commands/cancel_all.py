"""The mutation that cancels all open orders of a selection."""

from typing import Annotated

import strawberry

from desk.orders import cancel_all as desk_cancel
from desk.outcomes import Refused
from resolvers.commands.cancel import CancelResult, cancel_result
from resolvers.kit.arguments import INPUT
from resolvers.kit.context import RequestInfo
from resolvers.kit.errors import BAD_USER_INPUT, ApiError
from resolvers.kit.inputs import KEY, check_key, check_text
from resolvers.kit.node import global_id
from resolvers.types.order import OrderFilter
from resolvers.types.refusal import AnyRefusal

NAMES_NOTHING = (
    "filter must name a case, a client, an account or a symbol. To stop the whole desk, use setKillSwitch."
)


@strawberry.input(description="The selection of open orders to cancel.")
class CancelAllInput:
    """To desk.orders.cancel_all.CancelAll."""

    idempotency_key: str = strawberry.field(
        description=f"{KEY} A repeated request concerns the orders that were open at the first one."
    )
    filter: OrderFilter = strawberry.field(
        description="The orders to cancel. The filter must name a case, a client, an account or a symbol; "
        "its other fields narrow the selection."
    )
    reason: str | None = strawberry.field(
        default=None,
        description="The reason, at most 1000 characters, kept with each order and recorded "
        "in the audit trail.",
    )


@strawberry.type(description="The cancels are recorded. Each open order of the selection has its own result.")
class CancelsRequested:
    """From desk.orders.cancel_all.CancelsRequested."""

    results: list[CancelResult] = strawberry.field(
        description="One result per open order, those with an earlier cancel request last. Empty if no "
        "order is open."
    )
    remaining: int = strawberry.field(
        description="The number of open orders in the selection beyond the limit of one command "
        "(`GATEWAY_CANCEL_MAX_ORDERS`), which were not cancelled. Send another command with a new key for "
        "them."
    )


@strawberry.type(description="The command was refused; no cancel was requested.")
class CancelAllRefused(AnyRefusal):
    """From domain.refusals.Refusal."""


CancelAllResult = Annotated[
    CancelsRequested | CancelAllRefused,
    strawberry.union("CancelAllResult", description="The outcome of cancelAll."),
]


@strawberry.type(description="The payload of cancelAll.")
class CancelAllPayload:
    """One result."""

    result: CancelAllResult = strawberry.field(description="The outcome of the command.")


@strawberry.type
class CancelAllMutations:
    """The root field that cancels a selection."""

    @strawberry.mutation(
        description="Request the cancel of all open orders of a case, a client, an account or an "
        "instrument. Each order is decided on its own, as in cancel. This does not prevent new orders: use "
        "setKillSwitch for that. Requires RISK_WARNING_OPERATOR, RISK_WARNING_FULL or RISK_APPROVER."
    )
    async def cancel_all(
        self, info: RequestInfo, input: Annotated[CancelAllInput, INPUT]
    ) -> CancelAllPayload:
        """The desk checks the permission, selects, locks and keeps the record."""
        check_key(input.idempotency_key)
        check_text("reason", input.reason)
        selection = input.filter.selection()
        if not (selection.case_id or selection.client_id or selection.account_no or selection.symbol):
            raise ApiError(BAD_USER_INPUT, NAMES_NOTHING)
        command = desk_cancel.CancelAll(input.idempotency_key, selection, input.reason)
        context = info.context
        return CancelAllPayload(
            result=_result(await desk_cancel.cancel_all(context.api.desk, context.principal, command))
        )


def _result(outcome: desk_cancel.CancelsRequested | Refused) -> CancelsRequested | CancelAllRefused:
    if isinstance(outcome, Refused):
        return CancelAllRefused(code=outcome.code, message=outcome.message)
    results = [cancel_result(global_id("Order", id_), each) for id_, each in outcome.outcomes.items()]
    return CancelsRequested(results=results, remaining=outcome.remaining)
