"""Messages to clients."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from domain import message
from domain.ids import CaseId
from domain.message import Channel, Language, MessageStatus, MessageTemplate
from models.message import page_messages
from resolvers.kit.context import Info, ReadContext, personal
from resolvers.kit.errors import restored
from resolvers.kit.node import Node, global_id
from resolvers.kit.pagination import Connection, Pager

if TYPE_CHECKING:
    from resolvers.types.case import Case


@strawberry.type(description="A value that was put into the text of a message.")
class MessageParameter:
    """One entry of domain.message.Message.parameters."""

    name: str = strawberry.field(description="The name of the placeholder.")
    value: str = strawberry.field(description="The value as the client reads it.")


_PERSONAL = frozenset({"client_name", "text"})


@strawberry.type(
    description="A message to a client, sent at least once: after a crash the service may get it again, "
    "with the same id to know it by."
)
class Message(Node):
    """From domain.message.Message."""

    channel: Channel = strawberry.field(description="How it is sent.")
    template: MessageTemplate = strawberry.field(description="What it says.")
    language: Language = strawberry.field(description="What it is written in.")
    title: str = strawberry.field(description='Its subject; "***" for who may not see personal data.')
    body: str = strawberry.field(description='Its text; "***" for who may not see personal data.')
    recipient: str | None = strawberry.field(
        description='The address; "***" for who may not see personal data; null: there was none.'
    )
    status: MessageStatus = strawberry.field(description="Where it stands.")
    automatic: bool = strawberry.field(description="The desk sent it by itself.")
    placed_by: str = strawberry.field(description="Who sent it.")
    created_at: datetime = strawberry.field(description="When it was written.")
    earliest_at: datetime = strawberry.field(description="Not sent before: the end of quiet hours.")
    latest_at: datetime = strawberry.field(description="Not sent after.")
    attempts: int = strawberry.field(description="How often it was tried.")
    next_attempt_at: datetime | None = strawberry.field(description="When it is tried next; null: never.")
    settled_at: datetime | None = strawberry.field(description="When it was sent or given up.")
    reason: str | None = strawberry.field(description="Why it is not sent yet, or never was.")
    figures_as_of: datetime | None = strawberry.field(
        description="Since when at the latest the amount in it holds; null: it tells no amount."
    )
    parameters: list[MessageParameter] = strawberry.field(
        description="What was put into the template, without the client's name and a person's own text."
    )
    earlier_bodies: list[str] = strawberry.field(
        description="Texts of earlier attempts that may have gone out with other figures, the oldest first; "
        '"***" without the right to personal data.'
    )
    case_id: strawberry.Private[CaseId]

    @strawberry.field(description="The case that it is about.")
    async def case(self, info: Info) -> Annotated["Case", strawberry.lazy("resolvers.types.case")]:
        """Batched."""
        from resolvers.types.case import load_case

        return restored(await load_case(info, self.case_id))


def message_of(row: message.Message, context: ReadContext) -> Message:
    """The GraphQL object, as the audience may see it; it is noted who is shown."""
    context.clients_shown.add(row.client_id)
    audience = context.audience
    waits = row.status is MessageStatus.QUEUED
    return Message(
        id=global_id("Message", row.id),
        channel=row.channel,
        template=row.template,
        language=row.language,
        title=personal(row.title, audience) or "",
        body=personal(row.body, audience) or "",
        recipient=personal(row.recipient, audience),
        status=row.status,
        automatic=row.automatic,
        placed_by=row.placed_by,
        created_at=row.created_at,
        earliest_at=row.earliest_at,
        latest_at=row.latest_at,
        attempts=row.attempts,
        next_attempt_at=row.next_attempt_at if waits else None,
        settled_at=row.settled_at,
        reason=row.reason,
        figures_as_of=row.figures_as_of,
        parameters=[
            MessageParameter(name=name, value=value)
            for name, value in sorted(row.parameters.items())
            if name not in _PERSONAL
        ],
        earlier_bodies=[personal(body, audience) or "" for body in row.earlier_bodies],
        case_id=row.case_id,
    )


async def messages_page(info: Info, case_id: CaseId, first: int, after: str | None) -> Connection[Message]:
    """A page of a case's messages, newest first; the first pages of many cases are one statement."""
    context = info.context
    pager: Pager[message.Message] = Pager(("messages", case_id), "ts", context.api.page_size_max)
    request = pager.request(first, after)

    async def count() -> int:
        return await context.loaders.message_counts.load(case_id) or 0

    if after is None:
        page = await context.loaders.messages_of.load((case_id, first))
    else:
        page = await page_messages(context.audience, case_id, request)
    return pager.connection(
        page,
        request,
        lambda row: (row.created_at, row.id),
        lambda row: message_of(row, context),
        count,
    )
