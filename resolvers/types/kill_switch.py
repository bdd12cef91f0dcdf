"""Kill switches: the node."""

from datetime import datetime

import strawberry

from domain.kill_switch import Frozen, KillSwitch, KillSwitchScope
from resolvers.kit.context import Info
from resolvers.kit.node import Node, global_id
from resolvers.types.client import Account, Client, account_of, client_of


@strawberry.type(
    name="KillSwitch",
    description="A period in which a kill switch is or was on. Meanwhile the desk sends no order of the "
    "frozen accounts to a venue.",
)
class KillSwitchNode(Node):
    """From domain.kill_switch.KillSwitch."""

    scope: KillSwitchScope = strawberry.field(
        description="The scope of the switch: the whole desk, a client or an account."
    )
    on: bool = strawberry.field(description="Whether the switch is on now.")
    set_by: str = strawberry.field(description="The subject of the operator or service that switched it on.")
    reason: str = strawberry.field(description="The reason given when it was switched on.")
    since: datetime = strawberry.field(description="The time at which it was switched on.")
    ended_at: datetime | None = strawberry.field(
        description="The time at which it was switched off; null while it is on."
    )
    ended_by: list[str] = strawberry.field(
        description="The subjects of the maker and the checker who switched it off, in this order; empty "
        "while it is on."
    )
    frozen: strawberry.Private[Frozen]

    @strawberry.field(description="The frozen account, for scope ACCOUNT; otherwise null.")
    async def account(self, info: Info) -> Account | None:
        """Batched."""
        account_id = self.frozen.account_id
        row = await info.context.loaders.accounts.load(account_id) if account_id else None
        return account_of(row) if row else None

    @strawberry.field(description="The frozen client, for scope CLIENT; otherwise null.")
    async def client(self, info: Info) -> Client | None:
        """Batched."""
        client_id = self.frozen.client_id
        row = await info.context.loaders.clients.load(client_id) if client_id else None
        return client_of(row, info.context) if row else None


def kill_switch_of(switch: KillSwitch) -> KillSwitchNode:
    """The GraphQL object."""
    return KillSwitchNode(
        id=global_id("KillSwitch", switch.id),
        scope=switch.frozen.scope,
        on=switch.on,
        set_by=switch.set_by,
        reason=switch.reason,
        since=switch.since,
        ended_at=switch.ended_at,
        ended_by=list(switch.ended_by),
        frozen=switch.frozen,
    )
