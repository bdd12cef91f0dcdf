"""The input and payload of liquidate."""

from dataclasses import replace
from decimal import Decimal
from typing import Annotated

import strawberry

from desk import outcomes
from desk.liquidation.liquidation_command import LiquidateCase
from domain import liquidation_plan
from domain.ids import CaseId
from resolvers.commands.liquidation_preview import LiquidationPreview, preview_of
from resolvers.commands.plan_inputs import LiquidateCaseInput, plan_request
from resolvers.kit.context import Info
from resolvers.kit.errors import BAD_USER_INPUT, ApiError, restored
from resolvers.kit.inputs import KEY
from resolvers.kit.node import filter_id
from resolvers.types.approval import ApprovalRequest, load_approval
from resolvers.types.case import Case, load_case
from resolvers.types.order import Order, order_of
from resolvers.types.refusal import OTHER_TYPE, AnyRefusal, RefusalDetails
from resolvers.types.uncurable import UncurablePosition, uncurable_of


@strawberry.input(description="The cases to liquidate, each with its own plan.")
class LiquidateInput:
    """To desk.liquidation.liquidation_command.Liquidate."""

    idempotency_key: str = strawberry.field(description=KEY)
    cases: list[LiquidateCaseInput] = strawberry.field(
        description="The 1 to 200 cases to liquidate (`GATEWAY_LIQUIDATE_MAX_CASES`), without duplicates."
    )
    reason: str | None = strawberry.field(
        default=None,
        description="The reason, at most 1000 characters, recorded in the audit trail. "
        "Required if a case has `override`.",
    )


@strawberry.type(
    description="The liquidation is recorded. The desk sends its orders to the venue "
    "afterwards: see orderEvents."
)
class LiquidationStarted:
    """From desk.outcomes.LiquidationStarted."""

    estimated_reduction: Decimal = strawberry.field(
        description="The planned reduction of the amount to collect by these orders, in the account's base "
        "currency."
    )
    amount_after: Decimal = strawberry.field(
        description="The amount that is left to collect if all open orders fill as planned, in the "
        "account's base currency."
    )
    uncurable: list[UncurablePosition] = strawberry.field(
        description="The positions that the planner could not use, each with its reason."
    )
    short_of_target: Decimal = strawberry.field(
        description="The amount that is then still missing to reach the target, in the account's base "
        "currency; 0 if the target is reached."
    )
    volume_unknown: list[str] = strawberry.field(
        description="Symbols whose average daily volume is not known although a policy or cap needs it. "
        "MOST_LIQUID_FIRST uses them last, and caps by volume do not apply to them."
    )
    outcome: strawberry.Private[outcomes.LiquidationStarted]

    @strawberry.field(description="The case as it is now.")
    async def case(self, info: Info) -> Case:
        """Batched over the answers."""
        return restored(await load_case(info, self.outcome.case_id))

    @strawberry.field(description="The orders as they are now, in the order of the plan.")
    async def orders(self, info: Info) -> list[Order]:
        """Batched over the answers."""
        views = await info.context.loaders.orders.load_many(self.outcome.order_ids)
        return [order_of(view) for view in views if view is not None]


@strawberry.type(description="The liquidation was refused; nothing was done for this case.")
class LiquidationRefused(AnyRefusal):
    """From desk.outcomes.NotDone."""

    case_id: strawberry.ID = strawberry.field(description="The id of the case, from the input.")
    exceeding: strawberry.Private[liquidation_plan.Plan | None]

    @strawberry.field(
        description="The current plan, which was not placed, with EXPECTATION_EXCEEDED; otherwise null."
    )
    def plan(self, info: Info) -> LiquidationPreview | None:
        """In the form of the preview."""
        return preview_of(self.exceeding, info.context.api.desk) if self.exceeding else None

    @strawberry.field(
        description="The case as it is now; null if you may not see it.",
        deprecation_reason=OTHER_TYPE.format("case"),
    )
    async def case(self, info: Info) -> Case | None:
        """Batched over the answers."""
        return await load_case(info, self.details.case_id)

    @strawberry.field(
        description="The approval request, with APPROVAL_REQUIRED and APPROVAL_PENDING; otherwise null."
    )
    async def approval(self, info: Info) -> ApprovalRequest | None:
        """Batched over the answers."""
        return await load_approval(info, self.details.approval_id)


LiquidateResult = Annotated[
    LiquidationStarted | LiquidationRefused,
    strawberry.union("LiquidateResult", description="The outcome for one case of a batch."),
]


@strawberry.type(description="The payload of liquidate.")
class LiquidatePayload:
    """One result per case."""

    results: list[LiquidateResult] = strawberry.field(
        description="One result per case, in the order of the input."
    )


def command_item(item: LiquidateCaseInput, legs_max: int) -> LiquidateCase:
    """One case of the command for the desk."""
    request = plan_request(item, item.session, item.time_in_force, legs_max)
    if item.override:
        if not item.legs or any(leg.quantity is None for leg in item.legs):
            raise ApiError(BAD_USER_INPUT, "override needs legs, and a quantity in each leg.")
        request = replace(request, override=True)
    expected = item.expected.expectation() if item.expected else liquidation_plan.NO_EXPECTATION
    case_id = CaseId(filter_id("Case", item.case_id))
    return LiquidateCase(case_id, item.expected_version, request, expected=expected)


def liquidate_result(
    asked: strawberry.ID, outcome: outcomes.LiquidationOutcome
) -> LiquidationStarted | LiquidationRefused:
    """The GraphQL object."""
    if isinstance(outcome, outcomes.LiquidationStarted):
        return LiquidationStarted(
            estimated_reduction=outcome.estimated_reduction,
            amount_after=outcome.amount_after,
            uncurable=uncurable_of(outcome.uncurable),
            short_of_target=outcome.short_of_target,
            volume_unknown=list(outcome.unknown_volume),
            outcome=outcome,
        )
    seen = CaseId(filter_id("Case", asked)) if outcomes.is_seen(outcome) else None
    return LiquidationRefused(
        case_id=asked,
        code=outcome.code,
        message=outcome.message,
        details=RefusalDetails(case_id=seen, approval_id=outcomes.approval_id_of(outcome)),
        exceeding=outcome.plan if isinstance(outcome, outcomes.ExpectationExceeded) else None,
    )
