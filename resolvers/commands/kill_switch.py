"""Kill switches: the list and the command."""

from typing import Annotated

import strawberry

from desk.four_eyes.kill_switch import SetKillSwitch, set_kill_switch
from desk.outcomes import Done, Outcome, approval_id_of
from domain.ids import AccountId, ClientId, KillSwitchId
from domain.kill_switch import EVERYTHING_FROZEN, Frozen, KillSwitch, KillSwitchScope
from domain.refusals import RefusalCode
from models.kill_switch import count_switches, page_switches
from resolvers.kit.arguments import INPUT, After, Before, First, Last, PageArguments
from resolvers.kit.context import Info, RequestInfo, reader
from resolvers.kit.errors import BAD_USER_INPUT, ApiError, restored
from resolvers.kit.inputs import KEY, check_key, check_text
from resolvers.kit.node import filter_id
from resolvers.kit.pagination import Connection, Pager
from resolvers.types.approval import ApprovalRequest, load_approval
from resolvers.types.kill_switch import KillSwitchNode, kill_switch_of
from resolvers.types.refusal import AnyRefusal, RefusalDetails


@strawberry.type(description="The kill switch is in the requested state.")
class KillSwitchSet:
    """From desk.outcomes.Done."""

    switch_id: strawberry.Private[KillSwitchId]

    @strawberry.field(description="The switch as it is now.")
    async def kill_switch(self, info: Info) -> KillSwitchNode:
        """Batched."""
        row = restored(await info.context.loaders.kill_switches.load(self.switch_id))
        return kill_switch_of(row)


@strawberry.type(description="The command was refused; the kill switch is unchanged.")
class KillSwitchRefused(AnyRefusal):
    """From desk.outcomes.Refused."""

    code: RefusalCode = strawberry.field(
        description="The reason as a code. APPROVAL_REQUIRED is the normal answer to a request to switch "
        "off: `approval` is the request that a second person has to approve."
    )

    @strawberry.field(
        description="The approval request, with APPROVAL_REQUIRED and APPROVAL_PENDING; otherwise null."
    )
    async def approval(self, info: Info) -> ApprovalRequest | None:
        """Batched."""
        return await load_approval(info, self.details.approval_id)


KillSwitchResult = Annotated[
    KillSwitchSet | KillSwitchRefused,
    strawberry.union("KillSwitchResult", description="The outcome of setKillSwitch."),
]


@strawberry.type(description="The payload of setKillSwitch.")
class KillSwitchPayload:
    """One result."""

    result: KillSwitchResult = strawberry.field(description="The outcome of the command.")


@strawberry.input(
    description="The kill switch to set: of an account, of a client, or without accountId and clientId of "
    "the whole desk."
)
class SetKillSwitchInput:
    """To desk.four_eyes.kill_switch.SetKillSwitch."""

    idempotency_key: str = strawberry.field(description=KEY)
    on: bool = strawberry.field(
        description="True: switch it on at once. False: request to switch it off, which needs a second "
        "person's approval."
    )
    account_id: strawberry.ID | None = strawberry.field(
        default=None, description="The account to freeze, by global id. Not allowed together with clientId."
    )
    client_id: strawberry.ID | None = strawberry.field(
        default=None, description="The client to freeze, by global id. Not allowed together with accountId."
    )
    reason: str = strawberry.field(
        description="The reason, 1 to 1000 characters, kept with the switch and with the orders it cancels."
    )

    def about(self) -> Frozen:
        """The accounts to freeze; raises ApiError."""
        if self.account_id is not None and self.client_id is not None:
            raise ApiError(BAD_USER_INPUT, "Give either accountId or clientId, not both.")
        if self.account_id is not None:
            return Frozen(KillSwitchScope.ACCOUNT, AccountId(filter_id("Account", self.account_id)))
        if self.client_id is not None:
            return Frozen(KillSwitchScope.CLIENT, ClientId(filter_id("Client", self.client_id)))
        return EVERYTHING_FROZEN


@strawberry.type
class KillSwitchQueries:
    """The root field that reads kill switches."""

    @strawberry.field(description="Kill switches that are or were on, newest first.")
    async def kill_switches(
        self,
        info: Info,
        on: Annotated[
            bool | None,
            strawberry.argument(
                description="True: switches that are on. False: switches that are off. Omitted: both."
            ),
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[KillSwitchNode]:
        """A keyset page."""
        context = reader(info)
        pager: Pager[KillSwitch] = Pager(("killSwitches", on), "ts", context.api.page_size_max)
        request = pager.request(PageArguments(first, after, last, before))
        return await pager.connection(
            request,
            lambda at: page_switches(context.audience, on, at),
            lambda switch: (switch.since, switch.id),
            kill_switch_of,
            lambda: count_switches(context.audience, on),
        )


@strawberry.type
class KillSwitchMutations:
    """The root field that sets kill switches."""

    @strawberry.mutation(
        description="Switch a kill switch on, or request to switch it off. While it is on, no order is "
        "sent, QUEUED orders are cancelled, and liquidations are refused with FROZEN; orders at the venue "
        "stay open and can be cancelled. Switching on requires any permission except "
        "RISK_WARNING_READ_ONLY and AUDITOR, and access to all accounts that are frozen. Switching off "
        "needs two persons, one with RISK_APPROVER and one with RISK_SETTING_FULL: one requests it here "
        "and receives APPROVAL_REQUIRED, the other calls approve."
    )
    async def set_kill_switch(
        self, info: RequestInfo, input: Annotated[SetKillSwitchInput, INPUT]
    ) -> KillSwitchPayload:
        """The desk checks the permission, locks and keeps the record."""
        check_key(input.idempotency_key)
        check_text("reason", input.reason, at_least=1)
        command = SetKillSwitch(input.idempotency_key, input.about(), input.on, input.reason)
        outcome = await set_kill_switch(info.context.api.desk, info.context.principal, command)
        return KillSwitchPayload(result=_result(outcome))


def _result(outcome: Outcome) -> KillSwitchSet | KillSwitchRefused:
    if isinstance(outcome, Done):
        return KillSwitchSet(switch_id=KillSwitchId(outcome.id))
    details = RefusalDetails(approval_id=approval_id_of(outcome))
    return KillSwitchRefused(code=outcome.code, message=outcome.message, details=details)
