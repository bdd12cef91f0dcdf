"""Accounts that the desk cannot judge: the list, and the command that accepts an incomplete account."""

from datetime import datetime
from typing import Annotated

import strawberry

from desk.outcomes import Done
from desk.statements.accept_incomplete import AcceptIncomplete, accept_incomplete
from domain.doubt import DoubtReason
from domain.events import AccountReference
from domain.ids import AccountId
from models.unwatched import UnwatchedAccount as Row
from models.unwatched import UnwatchedFilter as Selection
from models.unwatched import count_unwatched, page_unwatched
from resolvers.kit.arguments import INPUT, After, Before, First, Last, PageArguments
from resolvers.kit.context import Info, RequestInfo, reader
from resolvers.kit.inputs import KEY, check_key, check_many, check_text
from resolvers.kit.node import filter_id
from resolvers.kit.pagination import Connection, Pager
from resolvers.kit.search import unique
from resolvers.types.client import Account, load_account
from resolvers.types.doubt import AccountDoubt, doubts_of
from resolvers.types.refusal import AnyRefusal

SUBJECTS_MAX = 100


@strawberry.type(description="An account that the desk cannot judge by itself now.")
class UnwatchedAccount:
    """From models.unwatched.UnwatchedAccount."""

    since: datetime = strawberry.field(
        description="The time at which the oldest doubt that matches the filter began."
    )
    reference: strawberry.Private[AccountReference]

    @strawberry.field(description="The account that is not judged.")
    async def account(self, info: Info) -> Account:
        """Batched."""
        return await load_account(info, self.reference.account_id)

    @strawberry.field(
        description="All doubts about the account, oldest first, including those that do not match the "
        "filter."
    )
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
        """The filter for the database."""
        return Selection(unique(self.reason), self.account_no)


@strawberry.type
class UnwatchedQueries:
    """The root field of unwatched accounts."""

    @strawberry.field(
        description="Accounts that the desk cannot judge, the longest unjudged first: a price or rate that "
        "decides is missing, a statement could not be stored, or the desk failed. For these accounts no "
        "case opens or closes automatically, and nothing is sold automatically."
    )
    async def unwatched(
        self,
        info: Info,
        filter: Annotated[
            UnwatchedFilter | None, strawberry.argument(description="Filter for unwatched accounts.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[UnwatchedAccount]:
        """A keyset page."""
        context = reader(info)
        selection = (filter or UnwatchedFilter()).selection()
        pager: Pager[Row] = Pager(("unwatched", selection), "ts", context.api.page_size_max)
        request = pager.request(PageArguments(first, after, last, before))
        return await pager.connection(
            request,
            lambda at: page_unwatched(context.audience, selection, at),
            lambda row: (row.since, row.account.account_id),
            lambda row: UnwatchedAccount(since=row.since, reference=row.account),
            lambda: count_unwatched(context.audience, selection),
        )


@strawberry.input(description="An incomplete account that the desk is to judge on the data that it has.")
class AcceptIncompleteInput:
    """To desk.statements.accept_incomplete.AcceptIncomplete."""

    idempotency_key: str = strawberry.field(description=KEY)
    account_id: strawberry.ID = strawberry.field(description="The incomplete account, by global id.")
    subjects: list[str] = strawberry.field(
        description="The subjects of the account's INCOMPLETE doubts to accept, 1 to 100, as `unwatched` "
        "shows them. Other doubts remain."
    )
    reason: str = strawberry.field(description="Reason, 1 to 1000 characters, recorded in the audit trail.")

    def command(self) -> AcceptIncomplete:
        """The command for the desk; raises ApiError."""
        check_key(self.idempotency_key)
        check_text("reason", self.reason, at_least=1)
        check_many("subjects", self.subjects, SUBJECTS_MAX)
        account_id = AccountId(filter_id("Account", self.account_id))
        return AcceptIncomplete(self.idempotency_key, account_id, tuple(self.subjects), self.reason)


@strawberry.type(description="The named doubts are removed, and the desk judges the account again.")
class IncompleteAccepted:
    """From desk.outcomes.Done."""

    account_id: strawberry.Private[AccountId]

    @strawberry.field(description="The account, with its remaining doubts.")
    async def account(self, info: Info) -> Account:
        """Batched."""
        return await load_account(info, self.account_id)


@strawberry.type(description="The command was refused; no doubt was accepted.")
class AcceptIncompleteRefused(AnyRefusal):
    """From desk.outcomes.Refused."""


AcceptIncompleteResult = Annotated[
    IncompleteAccepted | AcceptIncompleteRefused,
    strawberry.union("AcceptIncompleteResult", description="The outcome of acceptIncomplete."),
]


@strawberry.type(description="The payload of acceptIncomplete.")
class AcceptIncompletePayload:
    """One result."""

    result: AcceptIncompleteResult = strawberry.field(description="The outcome of the command.")


@strawberry.type
class UnwatchedMutations:
    """The command that accepts an incomplete account."""

    @strawberry.mutation(
        description="Accept that the desk could not store everything that the book of record stated about "
        "an account. The desk then judges the account on the data that it has, opens and closes its cases, "
        "and sells automatically. Requires RISK_WARNING_FULL."
    )
    async def accept_incomplete(
        self, info: RequestInfo, input: Annotated[AcceptIncompleteInput, INPUT]
    ) -> AcceptIncompletePayload:
        """The desk checks the permission and keeps the record."""
        command = input.command()
        outcome = await accept_incomplete(info.context.api.desk, info.context.principal, command)
        if isinstance(outcome, Done):
            return AcceptIncompletePayload(result=IncompleteAccepted(account_id=command.account_id))
        refused = AcceptIncompleteRefused(code=outcome.code, message=outcome.message)
        return AcceptIncompletePayload(result=refused)
