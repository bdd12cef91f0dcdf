"""Kill switches."""

from datetime import datetime
from typing import Annotated

import strawberry

from desk.command import Done, Outcome
from desk.four_eyes.kill_switch import SetKillSwitch, set_kill_switch
from domain.ids import AccountId, ApprovalId, ClientId, KillSwitchId
from domain.kill_switch import EVERYTHING_FROZEN, Frozen, KillSwitch, KillSwitchScope
from domain.refusals import RefusalCode
from models.kill_switch import count_switches, page_switches
from resolvers.kit.arguments import INPUT, After, First
from resolvers.kit.context import Info, RequestInfo, reader
from resolvers.kit.errors import BAD_USER_INPUT, ApiError, restored
from resolvers.kit.inputs import KEY, check_key, check_text
from resolvers.kit.node import Node, filter_id, global_id
from resolvers.kit.pagination import Connection, Pager
from resolvers.types.approval import ApprovalRequest, load_approval
from resolvers.types.client import Account, Client, account_of, client_of


@strawberry.type(name="KillSwitch", description="One time that a kill switch was on: no order left then.")
class KillSwitchNode(Node):
    """From domain.kill_switch.KillSwitch."""

    scope: KillSwitchScope = strawberry.field(description="What was frozen.")
    on: bool = strawberry.field(description="It still is.")
    set_by: str = strawberry.field(description="Who switched it on.")
    reason: str = strawberry.field(description="Why, in their words.")
    since: datetime = strawberry.field(description="When it was switched on.")
    ended_at: datetime | None = strawberry.field(description="When it was switched off; null while it is on.")
    ended_by: list[str] = strawberry.field(description="The two who switched it off, who asked first.")
    frozen: strawberry.Private[Frozen]

    @strawberry.field(description="The account, of a switch of an account.")
    async def account(self, info: Info) -> Account | None:
        """Batched."""
        account_id = self.frozen.account_id
        row = await info.context.loaders.accounts.load(account_id) if account_id else None
        return account_of(row) if row else None

    @strawberry.field(description="The client, of a switch of a client.")
    async def client(self, info: Info) -> Client | None:
        """Batched."""
        client_id = self.frozen.client_id
        row = await info.context.loaders.clients.load(client_id) if client_id else None
        return client_of(row, info.context) if row else None


@strawberry.type(description="The kill switch is as wanted.")
class KillSwitchSet:
    """From desk.command.Done."""

    switch_id: strawberry.Private[KillSwitchId]

    @strawberry.field(description="The switch as it is now.")
    async def kill_switch(self, info: Info) -> KillSwitchNode:
        """Batched."""
        found = restored(await info.context.loaders.kill_switches.load(self.switch_id))
        return kill_switch_of(found)


@strawberry.type(description="The kill switch is as it was.")
class KillSwitchRefused:
    """From desk.command.Refused."""

    code: RefusalCode = strawberry.field(description="Why; APPROVAL_REQUIRED for the end of one.")
    message: str = strawberry.field(description="Why, in words, and what to do about it.")
    approval_id: strawberry.Private[ApprovalId | None]

    @strawberry.field(description="With APPROVAL_REQUIRED and APPROVAL_PENDING: the request.")
    async def approval(self, info: Info) -> ApprovalRequest | None:
        """Batched."""
        return await load_approval(info, self.approval_id)


KillSwitchResult = Annotated[
    KillSwitchSet | KillSwitchRefused,
    strawberry.union("KillSwitchResult", description="What became of the wish."),
]


@strawberry.type(description="The answer of setKillSwitch.")
class KillSwitchPayload:
    """One result."""

    result: KillSwitchResult = strawberry.field(description="What became of it.")


@strawberry.input(description="Switch a kill switch on, or ask for its end. Without an id: the whole desk's.")
class SetKillSwitchInput:
    """To desk.four_eyes.kill_switch.SetKillSwitch."""

    idempotency_key: str = strawberry.field(description=KEY)
    on: bool = strawberry.field(description="True: at once. False: asks for the end, which another approves.")
    account_id: strawberry.ID | None = strawberry.field(default=None, description="Of this account.")
    client_id: strawberry.ID | None = strawberry.field(default=None, description="Of this client.")
    reason: str = strawberry.field(description="1 to 1000 characters; kept with the orders it cancels.")

    def about(self) -> Frozen:
        """What is to be frozen; raises ApiError."""
        if self.account_id is not None and self.client_id is not None:
            raise ApiError(BAD_USER_INPUT, "Name an account or a client, not both.")
        if self.account_id is not None:
            return Frozen(KillSwitchScope.ACCOUNT, AccountId(filter_id("Account", self.account_id)))
        if self.client_id is not None:
            return Frozen(KillSwitchScope.CLIENT, ClientId(filter_id("Client", self.client_id)))
        return EVERYTHING_FROZEN


@strawberry.type
class KillSwitchQueries:
    """Looking at kill switches."""

    @strawberry.field(description="Kill switches that are or were on, newest first.")
    async def kill_switches(
        self,
        info: Info,
        on: Annotated[
            bool | None, strawberry.argument(description="Those that are on, or those that ended.")
        ] = None,
        first: First = 50,
        after: After = None,
    ) -> Connection[KillSwitchNode]:
        """A keyset page."""
        context = reader(info)
        pager: Pager[KillSwitch] = Pager(("killSwitches", on), "ts", context.api.page_size_max)
        request = pager.request(first, after)
        return pager.connection(
            await page_switches(context.audience, on, request),
            request,
            lambda switch: (switch.since, switch.id),
            kill_switch_of,
            lambda: count_switches(context.audience, on),
        )


@strawberry.type
class KillSwitchMutations:
    """Setting kill switches."""

    @strawberry.mutation(
        description="Switch a kill switch on: no order leaves from now on, what is queued is cancelled, "
        "liquidations are refused with FROZEN; orders that the venue has stay, and can be cancelled. Whoever "
        "may act may do so. Off takes two, RISK_APPROVER and RISK_SETTING_FULL: one asks here and is "
        "answered APPROVAL_REQUIRED, the other approves."
    )
    async def set_kill_switch(
        self, info: RequestInfo, input: Annotated[SetKillSwitchInput, INPUT]
    ) -> KillSwitchPayload:
        """Permission, locks and record are the desk's."""
        check_key(input.idempotency_key)
        check_text("reason", input.reason, at_least=1)
        command = SetKillSwitch(input.idempotency_key, input.about(), input.on, input.reason)
        outcome = await set_kill_switch(info.context.api.desk, info.context.principal, command)
        return KillSwitchPayload(result=_result(outcome))


def _result(outcome: Outcome) -> KillSwitchSet | KillSwitchRefused:
    if isinstance(outcome, Done):
        return KillSwitchSet(switch_id=KillSwitchId(outcome.id))
    return KillSwitchRefused(code=outcome.code, message=outcome.message, approval_id=outcome.approval_id)


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
