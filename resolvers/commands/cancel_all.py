"""The mutation that cancels all open orders of a selection."""

from typing import Annotated

import strawberry

from desk.orders import cancel_all as desk_cancel
from domain.refusals import Refusal, RefusalCode
from resolvers.commands.cancel import CancelResult, cancel_result
from resolvers.kit.arguments import INPUT
from resolvers.kit.context import RequestInfo
from resolvers.kit.errors import BAD_USER_INPUT, ApiError
from resolvers.kit.inputs import KEY, check_key, check_text
from resolvers.kit.node import global_id
from resolvers.types.order import OrderFilter

NAMES_NOTHING = (
    "filter must name a case, a client, an account or a symbol; setKillSwitch is what stops the whole desk."
)


@strawberry.input(description="Ask for the cancel of all open orders of a selection.")
class CancelAllInput:
    """To desk.orders.cancel_all.CancelAll."""

    idempotency_key: str = strawberry.field(
        description=f"{KEY} The same request again speaks of the orders that were open when it first came."
    )
    filter: OrderFilter = strawberry.field(
        description="Whose: it names a case, a client, an account or a symbol; the rest of it narrows that."
    )
    reason: str | None = strawberry.field(
        default=None, description="Kept with each order and for the auditor."
    )


@strawberry.type(description="The open orders of the selection, and what became of each request.")
class CancelsRequested:
    """From desk.orders.cancel_all.CancelsRequested."""

    results: list[CancelResult] = strawberry.field(
        description="One per open order; those whose cancel had been asked for before come last. Empty: "
        "nothing is open."
    )
    remaining: int = strawberry.field(
        description="Open orders of the selection beyond these, for which nobody has asked yet: one command "
        "takes as many as cancel. Send another, with a new key."
    )


@strawberry.type(description="Nothing was done.")
class CancelAllRefused:
    """From domain.refusals.Refusal."""

    code: RefusalCode = strawberry.field(description="Why.")
    message: str = strawberry.field(description="Why, in words, and what to do about it.")


CancelAllResult = Annotated[
    CancelsRequested | CancelAllRefused,
    strawberry.union("CancelAllResult", description="What became of a cancelAll."),
]


@strawberry.type(description="The answer of cancelAll.")
class CancelAllPayload:
    """One result."""

    result: CancelAllResult = strawberry.field(description="What became of it.")


@strawberry.type
class CancelAllMutations:
    """Part of the mutation root."""

    @strawberry.mutation(
        description="Ask for the cancel of every order that is open now of a case, a client, an account or "
        "an instrument, each on its own, as cancel does. It does not keep the desk from placing new ones: "
        "setKillSwitch does. Needs RISK_WARNING_OPERATOR, RISK_WARNING_FULL or RISK_APPROVER."
    )
    async def cancel_all(
        self, info: RequestInfo, input: Annotated[CancelAllInput, INPUT]
    ) -> CancelAllPayload:
        """Permission, choice, lock and record are the desk's."""
        check_key(input.idempotency_key)
        check_text("reason", input.reason)
        wanted = input.filter.selection()
        if not (wanted.case_id or wanted.client_id or wanted.account_no or wanted.symbol):
            raise ApiError(BAD_USER_INPUT, NAMES_NOTHING)
        command = desk_cancel.CancelAll(input.idempotency_key, wanted, input.reason)
        context = info.context
        return CancelAllPayload(
            result=_result(await desk_cancel.cancel_all(context.api.desk, context.principal, command))
        )


def _result(made: desk_cancel.CancelsRequested | Refusal) -> CancelsRequested | CancelAllRefused:
    if isinstance(made, Refusal):
        return CancelAllRefused(code=made.code, message=made.message)
    results = [cancel_result(global_id("Order", each.order_id), each) for each in made.outcomes]
    return CancelsRequested(results=results, remaining=made.remaining)
