"""Sending messages by hand."""

from typing import Annotated

import strawberry

from desk.command import Done, Outcome
from desk.outbound.send_message import SendMessage, send_message
from domain.ids import CaseId
from domain.message import Channel, MessageId, MessageTemplate
from domain.refusals import RefusalCode
from resolvers.kit.arguments import INPUT
from resolvers.kit.context import Info, RequestInfo
from resolvers.kit.errors import BAD_USER_INPUT, ApiError
from resolvers.kit.inputs import KEY, check_key, check_many, check_text
from resolvers.kit.node import filter_id
from resolvers.types.case import Case, load_case
from resolvers.types.message import Message, message_of


@strawberry.input(description="Send one message about each of these cases.")
class SendMessageInput:
    """To desk.outbound.send_message.SendMessage."""

    idempotency_key: str = strawberry.field(description=KEY)
    case_ids: list[strawberry.ID] = strawberry.field(description="The cases, 1 to 200.")
    channel: Channel = strawberry.field(description="How.")
    template: MessageTemplate | None = strawberry.field(
        default=None, description="What it says, in the client's language; left out: text."
    )
    text: str | None = strawberry.field(
        default=None, description="What it says, in your words, at most 1000 characters; without a template."
    )


@strawberry.type(description="The message is written down and will be sent.")
class MessageQueued:
    """From desk.command.Done."""

    message_id: strawberry.Private[MessageId]

    @strawberry.field(description="The message as it is now.")
    async def message(self, info: Info) -> Message:
        """Batched over the answers."""
        row = await info.context.loaders.messages.load(self.message_id)
        if row is None:
            # Its key is kept for ever, the message is not.
            raise ApiError(BAD_USER_INPUT, "The message was sent so long ago that it is no longer kept.")
        return message_of(row, info.context)


@strawberry.type(description="Nothing will be sent about this case.")
class MessageRefused:
    """From desk.command.Refused."""

    case_id: strawberry.ID = strawberry.field(description="As asked.")
    code: RefusalCode = strawberry.field(description="Why.")
    message: str = strawberry.field(description="Why, in words, and what to do about it.")
    seen: strawberry.Private[CaseId | None]

    @strawberry.field(description="The case as it is now; null where you may not see it.")
    async def case(self, info: Info) -> Case | None:
        """Batched over the answers."""
        return await load_case(info, self.seen)


SendMessageResult = Annotated[
    MessageQueued | MessageRefused,
    strawberry.union("SendMessageResult", description="What became of one message."),
]


@strawberry.type(description="The answer of sendMessage.")
class SendMessagePayload:
    """One result per case."""

    results: list[SendMessageResult] = strawberry.field(description="By case, in the order asked.")


@strawberry.type
class MessageMutations:
    """Commands about messages."""

    @strawberry.mutation(
        description="Send a message to the clients of cases, each on its own: one answer per case. It goes "
        "out afterwards, outside of the client's quiet hours; Case.messages tells. Needs "
        "RISK_WARNING_OPERATOR, RISK_WARNING_FULL or SERVICE."
    )
    async def send_message(
        self, info: RequestInfo, input: Annotated[SendMessageInput, INPUT]
    ) -> SendMessagePayload:
        """Permission, lock and record are the desk's."""
        context = info.context
        check_key(input.idempotency_key)
        check_many("caseIds", input.case_ids, context.api.desk.rules.max_cases_per_batch)
        check_text("text", input.text, at_least=1)
        ids = tuple(CaseId(filter_id("Case", asked)) for asked in input.case_ids)
        command = SendMessage(input.idempotency_key, ids, input.channel, _template(input), input.text or "")
        outcomes = await send_message(context.api.desk, context.principal, command)
        return SendMessagePayload(
            results=[_result(*pair) for pair in zip(input.case_ids, outcomes, strict=True)]
        )


def _template(input: SendMessageInput) -> MessageTemplate:
    template = input.template or MessageTemplate.FREE_TEXT
    if (template is MessageTemplate.FREE_TEXT) != (input.text is not None):
        raise ApiError(BAD_USER_INPUT, "Give either a template or a text.")
    return template


def _result(asked: strawberry.ID, outcome: Outcome) -> MessageQueued | MessageRefused:
    if isinstance(outcome, Done):
        return MessageQueued(message_id=MessageId(outcome.id))
    seen = CaseId(filter_id("Case", asked)) if outcome.seen else None
    return MessageRefused(case_id=asked, code=outcome.code, message=outcome.message, seen=seen)
