"""The root of mutations. A business refusal is an answer; only an invalid request is an error."""

from collections.abc import Sequence
from typing import Annotated

import strawberry

from desk.liquidation.liquidate import liquidate
from desk.liquidation.liquidation_command import Liquidate
from desk.orders.cancel import Cancel, cancel
from domain.ids import OrderId
from resolvers.commands.approvals import ApprovalMutations
from resolvers.commands.cancel import CancelInput, CancelPayload, cancel_result
from resolvers.commands.cancel_all import CancelAllMutations
from resolvers.commands.case_commands import CaseMutations
from resolvers.commands.case_work import CaseWorkMutations
from resolvers.commands.kill_switch import KillSwitchMutations
from resolvers.commands.liquidation import LiquidateInput, LiquidatePayload, command_item, liquidate_result
from resolvers.commands.message_commands import MessageMutations
from resolvers.commands.settings import SettingMutations
from resolvers.commands.stock_commands import StockMutations
from resolvers.commands.webhook import WebhookMutations
from resolvers.commands.webhook_secret import WebhookSecretMutations
from resolvers.kit.arguments import INPUT
from resolvers.kit.context import RequestContext, RequestInfo
from resolvers.kit.errors import BAD_USER_INPUT, ApiError
from resolvers.kit.inputs import check_key, check_many, check_text
from resolvers.kit.known_names import check_symbols
from resolvers.kit.node import filter_id
from resolvers.types.market_days import MarketDayMutations
from resolvers.types.unwatched import UnwatchedMutations


@strawberry.type(description="The root of all mutations.")
class Mutation(
    CaseMutations,
    CaseWorkMutations,
    MarketDayMutations,
    ApprovalMutations,
    KillSwitchMutations,
    SettingMutations,
    StockMutations,
    UnwatchedMutations,
    CancelAllMutations,
    MessageMutations,
    WebhookMutations,
    WebhookSecretMutations,
):
    """One method per root field; a class for each subject holds the fields of that subject."""

    @strawberry.mutation(
        description="Plan the liquidation of cases at the current prices and record its orders. Each case "
        "is decided on its own and has its own result. The desk sends the orders to the venue afterwards: "
        "see orderEvents. Requires RISK_WARNING_FULL; a large or unusual liquidation also needs a second "
        "person's approval."
    )
    async def liquidate(self, info: RequestInfo, input: Annotated[LiquidateInput, INPUT]) -> LiquidatePayload:
        """The desk checks the permission, locks, plans and keeps the record."""
        context = info.context
        ids = [item.case_id for item in input.cases]
        _check(input.idempotency_key, input.reason, ids, context.api.desk.policy.max_cases_per_batch, "cases")
        items = tuple(command_item(item, context.api.legs_max) for item in input.cases)
        if any(item.plan.override for item in items) and not (input.reason or "").strip():
            raise ApiError(BAD_USER_INPUT, "override needs a reason.")
        await check_symbols({symbol for item in items for symbol in item.plan.keep})
        command = Liquidate(input.idempotency_key, items, input.reason)
        outcomes = await liquidate(context.api.desk, context.principal, command)
        return LiquidatePayload(
            results=[liquidate_result(id_, outcome) for id_, outcome in zip(ids, outcomes, strict=True)]
        )

    @strawberry.mutation(
        description="Request the cancel of orders. Each order is decided on its own and has its own "
        "result. An order is cancelled only when the venue has confirmed it: see orderEvents. Requires "
        "RISK_WARNING_OPERATOR, RISK_WARNING_FULL or RISK_APPROVER."
    )
    async def cancel(self, info: RequestInfo, input: Annotated[CancelInput, INPUT]) -> CancelPayload:
        """The desk checks the permission, locks and keeps the record."""
        context: RequestContext = info.context
        ids = input.order_ids
        _check(
            input.idempotency_key, input.reason, ids, context.api.desk.policy.max_orders_per_batch, "orderIds"
        )
        order_ids = tuple(OrderId(filter_id("Order", id_)) for id_ in ids)
        command = Cancel(input.idempotency_key, order_ids, input.reason)
        outcomes = await cancel(context.api.desk, context.principal, command)
        return CancelPayload(
            results=[cancel_result(id_, outcome) for id_, outcome in zip(ids, outcomes, strict=True)]
        )


def _check(key: str, reason: str | None, ids: Sequence[str], most: int, name: str) -> None:
    check_key(key)
    check_text("reason", reason)
    check_many(name, ids, most)
