"""Accounts that the desk cannot judge: the list, and a person's word that one is complete enough."""

from datetime import datetime
from typing import Annotated

import strawberry

from desk.command import Done
from desk.statements.accept_incomplete import AcceptIncomplete, accept_incomplete
from domain.doubt import DoubtReason
from domain.events import AccountReference
from domain.ids import AccountId
from domain.refusals import RefusalCode
from models.unwatched import UnwatchedAccount as Row
from models.unwatched import UnwatchedFilter as Selection
from models.unwatched import count_unwatched, page_unwatched
from resolvers.kit.arguments import INPUT, After, First
from resolvers.kit.context import Info, RequestInfo, reader
from resolvers.kit.inputs import KEY, check_key, check_many, check_text
from resolvers.kit.node import filter_id
from resolvers.kit.pagination import Connection, Pager
from resolvers.kit.search import each_once
from resolvers.types.client import Account, load_account
from resolvers.types.doubt import AccountDoubt, doubts_of

SUBJECTS_MAX = 100


@strawberry.type(description="An account that the desk cannot judge by itself at present.")
class UnwatchedAccount:
    """From models.unwatched.UnwatchedAccount."""

    since: datetime = strawberry.field(description="When the oldest reason that the filter matches began.")
    reference: strawberry.Private[AccountReference]

    @strawberry.field(description="The account.")
    async def account(self, info: Info) -> Account:
        """Batched."""
        return await load_account(info, self.reference.account_id)

    @strawberry.field(description="Every reason, the oldest first, also those that the filter does not name.")
    async def doubts(self, info: Info) -> list[AccountDoubt]:
        """Batched."""
        stored = await info.context.loaders.doubts.load(self.reference.account_id)
        return doubts_of(stored)


@strawberry.input(description="Filter for unwatched accounts. Omitted fields match everything.")
class UnwatchedFilter:
    """To models.unwatched.UnwatchedFilter."""

    reason: list[DoubtReason] | None = strawberry.field(
        default=None, description="Accounts with one of these reasons."
    )
    account_no: str | None = strawberry.field(default=None, description="The account with this number.")

    def selection(self) -> Selection:
        """For the database."""
        return Selection(each_once(self.reason), self.account_no)


@strawberry.type
class UnwatchedQueries:
    """The root field."""

    @strawberry.field(
        description="Accounts that the desk cannot judge, the longest first: a price or rate is missing that "
        "decides, a statement could not be stored, or the desk failed. For each of them no case opens or "
        "closes by itself, and nothing is sold by itself."
    )
    async def unwatched(
        self,
        info: Info,
        filter: Annotated[UnwatchedFilter | None, strawberry.argument(description="Filter.")] = None,
        first: First = 50,
        after: After = None,
    ) -> Connection[UnwatchedAccount]:
        """A keyset page."""
        context = reader(info)
        wanted = (filter or UnwatchedFilter()).selection()
        pager: Pager[Row] = Pager(("unwatched", wanted), "ts", context.api.page_size_max)
        request = pager.request(first, after)
        page = await page_unwatched(context.audience, wanted, request)
        return pager.connection(
            page,
            request,
            lambda row: (row.since, row.account.account_id),
            lambda row: UnwatchedAccount(since=row.since, reference=row.account),
            lambda: count_unwatched(context.audience, wanted),
        )


@strawberry.input(description="Accept that an account is incomplete: the desk judges it on what it holds.")
class AcceptIncompleteInput:
    """To desk.statements.accept_incomplete.AcceptIncomplete."""

    idempotency_key: str = strawberry.field(description=KEY)
    account_id: strawberry.ID = strawberry.field(description="The account.")
    subjects: list[str] = strawberry.field(
        description="The subjects of its INCOMPLETE doubts that you accept, 1 to 100, as `unwatched` shows "
        "them. Other doubts stay."
    )
    reason: str = strawberry.field(description="Reason, 1 to 1000 characters, recorded in the audit trail.")

    def command(self) -> AcceptIncomplete:
        """For the desk; raises ApiError."""
        check_key(self.idempotency_key)
        check_text("reason", self.reason, at_least=1)
        check_many("subjects", self.subjects, SUBJECTS_MAX)
        account_id = AccountId(filter_id("Account", self.account_id))
        return AcceptIncomplete(self.idempotency_key, account_id, tuple(self.subjects), self.reason)


@strawberry.type(description="The doubts were removed, and the desk judges the account again.")
class IncompleteAccepted:
    """From desk.command.Done."""

    account_id: strawberry.Private[AccountId]

    @strawberry.field(description="The account, with the doubts that are left.")
    async def account(self, info: Info) -> Account:
        """Batched."""
        return await load_account(info, self.account_id)


@strawberry.type(description="Nothing was accepted.")
class AcceptIncompleteRefused:
    """From desk.command.Refused."""

    code: RefusalCode = strawberry.field(description="The reason as a code.")
    message: str = strawberry.field(description="The reason in words, and how to proceed.")


AcceptIncompleteResult = Annotated[
    IncompleteAccepted | AcceptIncompleteRefused,
    strawberry.union("AcceptIncompleteResult", description="The outcome of acceptIncomplete."),
]


@strawberry.type(description="The answer of acceptIncomplete.")
class AcceptIncompletePayload:
    """One result."""

    result: AcceptIncompleteResult = strawberry.field(description="The outcome.")


@strawberry.type
class UnwatchedMutations:
    """The command."""

    @strawberry.mutation(
        description="Accept that the desk does not hold everything that was stated about an account, so that "
        "it opens and closes cases and sells by itself again. Needs RISK_WARNING_FULL."
    )
    async def accept_incomplete(
        self, info: RequestInfo, input: Annotated[AcceptIncompleteInput, INPUT]
    ) -> AcceptIncompletePayload:
        """Permission and record are the desk's."""
        command = input.command()
        outcome = await accept_incomplete(info.context.api.desk, info.context.principal, command)
        if isinstance(outcome, Done):
            return AcceptIncompletePayload(result=IncompleteAccepted(account_id=command.account_id))
        refused = AcceptIncompleteRefused(code=outcome.code, message=outcome.message)
        return AcceptIncompletePayload(result=refused)
