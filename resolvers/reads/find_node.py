"""The `node` field: how an object of each type is found by its id."""

import strawberry

from domain.ids import AccountId, ApprovalId, CaseId, ClientId, KillSwitchId, OrderId, Symbol
from domain.message import MessageId
from domain.webhook import WebhookId
from models.case_records import follow_ups_of
from resolvers.commands.settings import find_setting
from resolvers.commands.webhook import find_webhook
from resolvers.kit.context import ReadContext, RequestContext
from resolvers.kit.node import Node, type_and_id
from resolvers.types.approval import approval_of
from resolvers.types.audit import find_audit_entry
from resolvers.types.case import Case, case_of
from resolvers.types.case_records import follow_up_of
from resolvers.types.client import Account, Client, account_of, client_of, position_of
from resolvers.types.kill_switch import kill_switch_of
from resolvers.types.market_days import find_market_day
from resolvers.types.message import message_of
from resolvers.types.order import Order, order_of
from resolvers.types.snapshot import find_snapshot
from resolvers.types.stock_recovery import find_short_recovery, find_shortfall


async def find_node(context: ReadContext, id: strawberry.ID) -> Node | None:
    """The object, by the type that the id contains; None if it does not exist within the caller's scope."""
    named = type_and_id(id)
    finder = _FINDERS.get(named[0]) if named else None
    return await finder(context, named[1]) if finder and named else None


async def _find_case(context: ReadContext, id_: str) -> Case | None:
    view = await context.loaders.cases.load(CaseId(id_))
    return case_of(view, context.api.desk.clock()) if view else None


async def find_client(context: ReadContext, id_: str) -> Client | None:
    row = await context.loaders.clients.load(ClientId(id_))
    return client_of(row, context) if row else None


async def find_account(context: ReadContext, id_: str) -> Account | None:
    row = await context.loaders.accounts.load(AccountId(id_))
    return account_of(row) if row else None


async def find_order(context: ReadContext, id_: str) -> Order | None:
    view = await context.loaders.orders.load(OrderId(id_))
    return order_of(view) if view else None


async def _find_position(context: ReadContext, id_: str) -> Node | None:
    account_id, _, symbol = id_.partition(":")
    loaded = await context.loaders.books.load(AccountId(account_id))
    held = loaded.book.book.holding(Symbol(symbol)) if loaded else None
    return position_of(AccountId(account_id), held, loaded) if held and loaded else None


async def _find_approval(context: ReadContext, id_: str) -> Node | None:
    view = await context.loaders.approvals.load(ApprovalId(id_))
    return approval_of(view, context) if view else None


async def _find_message(context: ReadContext, id_: str) -> Node | None:
    message = await context.loaders.messages.load(MessageId(id_))
    return message_of(message, context) if message else None


async def _find_webhook(context: ReadContext, id_: str) -> Node | None:
    assert isinstance(context, RequestContext), "node is asked for in requests only"
    return await find_webhook(context, WebhookId(id_))


async def _find_kill_switch(context: ReadContext, id_: str) -> Node | None:
    switch = await context.loaders.kill_switches.load(KillSwitchId(id_))
    return kill_switch_of(switch) if switch else None


async def _find_follow_up(context: ReadContext, id_: str) -> Node | None:
    record = (await follow_ups_of(context.audience, [id_])).get(id_)
    return follow_up_of(record) if record else None


_FINDERS = {
    "KillSwitch": _find_kill_switch,
    "Message": _find_message,
    "Webhook": _find_webhook,
    "ApprovalRequest": _find_approval,
    "Case": _find_case,
    "Client": find_client,
    "Account": find_account,
    "AuditEntry": find_audit_entry,
    "Order": find_order,
    "Position": _find_position,
    "Snapshot": find_snapshot,
    "FollowUp": _find_follow_up,
    "MarketDay": find_market_day,
    "CoveredOptionShortfall": find_shortfall,
    "ShortRecovery": find_short_recovery,
    "RiskSetting": find_setting,
}
