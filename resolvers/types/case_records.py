"""Records beside a case: follow-up records and deadline changes."""

from datetime import datetime
from typing import Annotated

import strawberry

from domain import case_records as records
from domain.ids import CaseId
from domain.message import Language
from domain.phrase import FollowUpCode
from models.case_records import page_deadline_changes, page_follow_ups
from models.sql.where import Page, PageRequest
from resolvers.kit.arguments import PageArguments
from resolvers.kit.context import Info
from resolvers.kit.node import Node, global_id
from resolvers.kit.pagination import Connection, Pager


@strawberry.type(
    description="A follow-up record of a case: a note by an operator or by the desk. It is "
    "never changed or removed."
)
class FollowUp(Node):
    """From domain.case_records.FollowUp."""

    at: datetime = strawberry.field(description="The time at which the record was written.")
    by: str = strawberry.field(
        description='The subject of the author; "system" if the desk wrote the record.'
    )
    by_desk: bool = strawberry.field(
        description="Whether the desk wrote the record, about something that it did, or about why it did "
        "not act."
    )
    code: FollowUpCode | None = strawberry.field(
        description=(
            "The subject of a record that the desk wrote. Null for a record by an operator, and for a "
            "record that an earlier version of the desk stored as text only."
        )
    )
    record: strawberry.Private[records.FollowUp]

    @strawberry.field(
        description=(
            "The text of the record. If `code` is set, the text is in the requested language, otherwise as "
            "it was written."
        )
    )
    def text(
        self,
        language: Annotated[
            Language, strawberry.argument(description="The language of records with a code.")
        ] = Language.ENGLISH,
    ) -> str:
        return self.record.text(language)


@strawberry.type(description="A change of a case's deadline.")
class DeadlineChange:
    """From domain.case_records.DeadlineChange."""

    at: datetime = strawberry.field(description="The time of the change.")
    by: str = strawberry.field(
        description='The subject of the operator who moved the deadline or requested the move; "system" if '
        "the desk moved it."
    )
    approved_by: str | None = strawberry.field(
        description="The subject of the second person who approved the change; null if no approval was "
        "required."
    )
    kind: records.DeadlineChangeKind = strawberry.field(description="The cause of the change.")
    before: datetime = strawberry.field(description="The deadline before the change.")
    after: datetime = strawberry.field(description="The deadline after the change.")
    reason: str = strawberry.field(description="The reason for the change of the deadline.")


async def follow_ups_page(info: Info, case_id: CaseId, asked: PageArguments) -> Connection[FollowUp]:
    """A page, newest first."""
    context = info.context
    pager: Pager[records.FollowUp] = Pager(("followUps", case_id), "ts", context.api.page_size_max)
    request = pager.request(asked)

    async def count() -> int:
        return await context.loaders.follow_up_counts.load(case_id) or 0

    async def load(at: PageRequest) -> Page[records.FollowUp]:
        """The first pages of many cases by one statement."""
        if at.is_first:
            return await context.loaders.follow_ups_of.load((case_id, at.size))
        return await page_follow_ups(context.audience, case_id, at)

    return await pager.connection(
        request,
        load,
        lambda row: (row.at, row.id),
        follow_up_of,
        count,
    )


async def deadline_changes_page(
    info: Info, case_id: CaseId, asked: PageArguments
) -> Connection[DeadlineChange]:
    """A page, newest first."""
    context = info.context
    pager: Pager[records.DeadlineChange] = Pager(
        ("deadlineChanges", case_id), "ts", context.api.page_size_max
    )
    request = pager.request(asked)

    async def count() -> int:
        return await context.loaders.deadline_change_counts.load(case_id) or 0

    async def load(at: PageRequest) -> Page[records.DeadlineChange]:
        """The first pages of many cases by one statement."""
        if at.is_first:
            return await context.loaders.deadline_changes_of.load((case_id, at.size))
        return await page_deadline_changes(context.audience, case_id, at)

    return await pager.connection(
        request,
        load,
        lambda row: (row.at, row.id),
        _deadline_change_of,
        count,
    )


def follow_up_of(record: records.FollowUp) -> FollowUp:
    """The GraphQL object."""
    return FollowUp(
        id=global_id("FollowUp", record.id),
        at=record.at,
        by=record.author,
        by_desk=record.by_desk,
        code=None if record.phrase is None else FollowUpCode(record.phrase.code),
        record=record,
    )


def _deadline_change_of(record: records.DeadlineChange) -> DeadlineChange:
    return DeadlineChange(
        at=record.at,
        by=record.author,
        approved_by=record.approved_by,
        kind=record.kind,
        before=record.before,
        after=record.after,
        reason=record.reason,
    )
