"""Messages to clients."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from domain import message
from domain.ids import CaseId
from domain.message import Channel, Language, MessageStatus, MessageTemplate
from models.message import page_messages
from models.sql.where import Page, PageRequest
from resolvers.kit.arguments import PageArguments
from resolvers.kit.context import Info, ReadContext, personal
from resolvers.kit.errors import restored
from resolvers.kit.node import Node, global_id
from resolvers.kit.pagination import Connection, Pager

if TYPE_CHECKING:
    from resolvers.types.case import Case


@strawberry.type(description="A value that was inserted into the text of a message.")
class MessageParameter:
    """One entry of domain.message.Message.parameters."""

    name: str = strawberry.field(description="The name of the placeholder.")
    value: str = strawberry.field(description="The value as the client reads it.")


_PERSONAL = frozenset({"client_name", "text"})


@strawberry.type(
    description="A message to a client about a case. After a crash of the desk, the service of the channel "
    "may receive it a second time, with the same id."
)
class Message(Node):
    """From domain.message.Message."""

    channel: Channel = strawberry.field(description="The channel by which the message is sent.")
    template: MessageTemplate = strawberry.field(description="The template that the text comes from.")
    language: Language = strawberry.field(description="The language of the text.")
    title: str = strawberry.field(description='The subject line; "***" if you may not see personal data.')
    body: str = strawberry.field(
        description='The text of the message; "***" if you may not see personal data.'
    )
    recipient: str | None = strawberry.field(
        description='The client\'s address on the channel; "***" if you may not see personal data, null if '
        "the client had none."
    )
    status: MessageStatus = strawberry.field(description="The status of the message.")
    automatic: bool = strawberry.field(
        description="Whether the desk sent the message automatically, one for each trading day of a live "
        "case and after its end."
    )
    placed_by: str = strawberry.field(
        description='The subject of the operator or service that sent the message; "desk:messages" if it '
        "was sent automatically."
    )
    created_at: datetime = strawberry.field(description="The time at which the message was written.")
    earliest_at: datetime = strawberry.field(
        description="The earliest time at which the message may be sent: the end of the client's quiet "
        "hours, or the time at which it was written."
    )
    latest_at: datetime = strawberry.field(
        description="The latest time at which the message may be sent. After it the message is EXPIRED."
    )
    attempts: int = strawberry.field(description="The number of attempts made so far to send the message.")
    next_attempt_at: datetime | None = strawberry.field(
        description="The time of the next attempt; null if there will be none."
    )
    settled_at: datetime | None = strawberry.field(
        description="The time at which the message was SENT, FAILED or EXPIRED; null while it is QUEUED."
    )
    reason: str | None = strawberry.field(
        description="The reason why the message is not sent yet, or was never sent; null if there is none. "
        "For display."
    )
    figures_as_of: datetime | None = strawberry.field(
        description="The time of the figures behind the amount that the message states; null if it states "
        "no amount."
    )
    parameters: list[MessageParameter] = strawberry.field(
        description="The values inserted into the template, except the client's name and text that an "
        "operator wrote."
    )
    earlier_bodies: list[str] = strawberry.field(
        description="Other texts with which earlier attempts may have sent the message, because its "
        'figures changed in between; oldest first. "***" if you may not see personal data.'
    )
    case_id: strawberry.Private[CaseId]

    @strawberry.field(description="The case that the message is about.")
    async def case(self, info: Info) -> Annotated["Case", strawberry.lazy("resolvers.types.case")]:
        """Batched."""
        from resolvers.types.case import load_case

        return restored(await load_case(info, self.case_id))


def message_of(row: message.Message, context: ReadContext) -> Message:
    """The GraphQL object, masked as the audience requires; records that the client was shown."""
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


@strawberry.type(description="The message that sendMessage would send now.")
class PreviewedMessage:
    """From domain.message.Message, which is not stored."""

    language: Language = strawberry.field(description="The language of the text.")
    title: str = strawberry.field(description='The subject line; "***" if you may not see personal data.')
    body: str = strawberry.field(
        description='The text of the message; "***" if you may not see personal data.'
    )
    recipient: str | None = strawberry.field(
        description='The client\'s address on the channel; "***" if you may not see personal data.'
    )
    earliest_at: datetime = strawberry.field(
        description="The earliest time at which it would be sent: the end of the client's quiet hours, or "
        "now."
    )
    latest_at: datetime = strawberry.field(
        description="The latest time at which it would be sent; after it, it would expire."
    )
    figures_as_of: datetime | None = strawberry.field(
        description="The time of the figures behind the amount that the message states; null if it states "
        "no amount."
    )


def previewed_message_of(composed: message.Message, context: ReadContext) -> PreviewedMessage:
    """The GraphQL object, masked as the audience requires; records that the client was shown."""
    context.clients_shown.add(composed.client_id)
    audience = context.audience
    return PreviewedMessage(
        language=composed.language,
        title=personal(composed.title, audience) or "",
        body=personal(composed.body, audience) or "",
        recipient=personal(composed.recipient, audience),
        earliest_at=composed.earliest_at,
        latest_at=composed.latest_at,
        figures_as_of=composed.figures_as_of,
    )


async def messages_page(info: Info, case_id: CaseId, asked: PageArguments) -> Connection[Message]:
    """A page of a case's messages, newest first; one statement loads the first pages of many cases."""
    context = info.context
    pager: Pager[message.Message] = Pager(("messages", case_id), "ts", context.api.page_size_max)
    request = pager.request(asked)

    async def count() -> int:
        return await context.loaders.message_counts.load(case_id) or 0

    async def load(at: PageRequest) -> Page[message.Message]:
        """The first pages of many cases by one statement."""
        if at.is_first:
            return await context.loaders.messages_of.load((case_id, at.size))
        return await page_messages(context.audience, case_id, at)

    return await pager.connection(
        request,
        load,
        lambda row: (row.created_at, row.id),
        lambda row: message_of(row, context),
        count,
    )
