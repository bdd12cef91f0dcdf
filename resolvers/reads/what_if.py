"""The what-if query of one account: its figures, calls and plan under a scenario."""

import strawberry

from desk.assessment.due_calls import due_calls
from desk.monitoring.undecided import undecided as find_undecided
from domain.amount_formula import LiquidationTarget
from domain.case import AlertType
from domain.ids import AccountId, CaseId
from domain.judgement import judge
from domain.liquidation import plan
from domain.liquidation_plan import PlanRequest
from domain.liquidation_policy import LiquidationPolicy
from domain.margin import compute_figures
from domain.refusals import Refusal
from domain.what_if import shocked
from resolvers.commands.liquidation_preview import (
    LiquidationPreview,
    PreviewBasis,
    preview_of,
    refused_preview,
)
from resolvers.kit.context import Info, ReadContext
from resolvers.kit.errors import BAD_USER_INPUT, ApiError
from resolvers.kit.known_names import check_scenario
from resolvers.kit.loaders import BookAndOrders
from resolvers.kit.node import filter_id
from resolvers.reads.scenario_input import ScenarioInput
from resolvers.types import undecided
from resolvers.types.client import Account, load_account
from resolvers.types.figures import MarginFigures, figures_of
from resolvers.types.undecided import UndecidedReason, reasons_of


@strawberry.input(description="A scenario for one account. Give either accountId or caseId.")
class WhatIfInput:
    """Takes one of account_id and case_id."""

    scenario: ScenarioInput = strawberry.field(description="The scenario to apply.")
    account_id: strawberry.ID | None = strawberry.field(
        default=None, description="The account, by global id. Not allowed together with caseId."
    )
    case_id: strawberry.ID | None = strawberry.field(
        default=None, description="A case of the account, by global id. Not allowed together with accountId."
    )
    policy: LiquidationPolicy = strawberry.field(
        default=LiquidationPolicy.MIN_TURNOVER, description="The order in which the plan selects positions."
    )
    target: LiquidationTarget = strawberry.field(
        default=LiquidationTarget.MARGIN_CALL, description="The level up to which the plan sells."
    )


@strawberry.type(
    description="An account as it is now and as it would be under a scenario. Nothing is stored."
)
class WhatIf:
    """From domain.what_if."""

    before: MarginFigures = strawberry.field(description="The margin figures at the last prices.")
    after: MarginFigures = strawberry.field(
        description="The margin figures at the prices and rates of the scenario."
    )
    calls: list[AlertType] = strawberry.field(
        description="The alert types of margin calls that the figures under the scenario demand and no "
        "exemption suppresses."
    )
    undecided_calls: list[AlertType] = strawberry.field(description=undecided.CALLS)
    undecided_reasons: list[UndecidedReason] = strawberry.field(description=undecided.REASONS)
    plan: LiquidationPreview = strawberry.field(
        description="The liquidation plan at the prices of the scenario, which counts on the account's "
        "open orders."
    )
    account_id: strawberry.Private[AccountId]

    @strawberry.field(description="The account of the figures.")
    async def account(self, info: Info) -> Account:
        """Batched."""
        return await load_account(info, self.account_id)


async def what_if(context: ReadContext, asked: WhatIfInput) -> WhatIf | None:
    """None if no such account exists within the caller's scope."""
    if (asked.account_id is None) is (asked.case_id is None):
        raise ApiError(BAD_USER_INPUT, "Give either accountId or caseId.")
    scenario = asked.scenario.scenario()
    await check_scenario(scenario)
    loaded = await _book(context, asked)
    if loaded is None:
        return None
    desk = context.api.desk
    now, max_age = desk.clock(), desk.policy.max_price_age
    account, before = loaded.book, loaded.book.book
    after = shocked(before, scenario)
    figures = compute_figures(after, now, max_age)
    request = PlanRequest(policy=asked.policy, target=asked.target)
    orders = loaded.open_orders(desk, now, after)
    made = plan(after, orders, request, desk.policy.plans, now, desk.market_hours(now))
    judgement = judge(after, figures, desk.policy.judgement)
    open_ = find_undecided(account, judgement, figures, now)
    return WhatIf(
        before=figures_of(compute_figures(before, now, max_age)),
        after=figures_of(figures),
        calls=sorted(due_calls(account, judgement, figures, now)),
        undecided_calls=list(open_.calls),
        undecided_reasons=reasons_of(open_.reasons),
        plan=(
            refused_preview(made, figures.amount, target=asked.target, as_of=now)
            if isinstance(made, Refusal)
            else preview_of(made, desk, basis=PreviewBasis(now, (after, orders)))
        ),
        account_id=account.account.account_id,
    )


async def _book(context: ReadContext, asked: WhatIfInput) -> BookAndOrders | None:
    if asked.account_id is not None:
        return await context.loaders.books.load(AccountId(filter_id("Account", asked.account_id)))
    view = await context.loaders.cases.load(CaseId(filter_id("Case", asked.case_id or "")))
    return await context.loaders.books.load(view.case.account_id) if view else None
