"""The mutation that sends messages to clients."""

from typing import Annotated

import strawberry

from desk.outbound.compose_message import MessageDraft
from desk.outbound.send_message import SendMessage, preview_message, send_message
from desk.outcomes import Done, NotDone, Outcome, is_seen, refused
from domain.ids import CaseId
from domain.message import Channel, MessageId, MessageTemplate
from domain.principal import Capability
from domain.refusals import Refusal
from resolvers.kit.arguments import INPUT
from resolvers.kit.context import IF_IT_FAILS, Info, RequestInfo, require
from resolvers.kit.errors import BAD_USER_INPUT, ApiError
from resolvers.kit.inputs import KEY, check_key, check_many, check_text
from resolvers.kit.node import filter_id
from resolvers.types.case import Case, load_case
from resolvers.types.message import Message, PreviewedMessage, message_of, previewed_message_of
from resolvers.types.refusal import AnyRefusal, RefusalDetails


@strawberry.input(description="The message to send about each of several cases.")
class SendMessageInput:
    """To desk.outbound.send_message.SendMessage."""

    idempotency_key: str = strawberry.field(description=KEY)
    case_ids: list[strawberry.ID] = strawberry.field(
        description="The global ids of 1 to 200 cases (`GATEWAY_LIQUIDATE_MAX_CASES`), without duplicates."
    )
    channel: Channel = strawberry.field(description="The channel by which the message is sent.")
    template: MessageTemplate | None = strawberry.field(
        default=None,
        description="The template; the client receives it in their own language. Omitted: `text` is sent.",
    )
    text: str | None = strawberry.field(
        default=None,
        description="A free text of 1 to 1000 characters, sent as it is. Required without a template, and "
        "not allowed with one.",
    )


@strawberry.input(description="The message to preview. Each field means the same as in SendMessageInput.")
class MessagePreviewInput:
    """To desk.outbound.compose_message.MessageDraft."""

    case_id: strawberry.ID = strawberry.field(description="The case, by global id.")
    channel: Channel = strawberry.field(description="The channel by which the message would be sent.")
    template: MessageTemplate | None = strawberry.field(
        default=None, description="The template. Omitted: `text` is sent."
    )
    text: str | None = strawberry.field(default=None, description="A free text, as in SendMessageInput.")


@strawberry.type(description="The message is recorded and will be sent.")
class MessageQueued:
    """From desk.outcomes.Done."""

    message_id: strawberry.Private[MessageId]

    @strawberry.field(description="The message as it is now.")
    async def queued_message(self, info: Info) -> Message:
        """Batched over the answers."""
        return await _queued(info, self.message_id)

    @strawberry.field(
        description="The message as it is now.",
        deprecation_reason="Select `queuedMessage`: a refusal has a `message` of another type.",
    )
    async def message(self, info: Info) -> Message:
        """Batched over the answers."""
        return await _queued(info, self.message_id)


@strawberry.type(description="The message was refused; nothing is sent about this case.")
class MessageRefused(AnyRefusal):
    """From desk.outcomes.Refused."""

    case_id: strawberry.ID = strawberry.field(description="The id of the case, from the input.")

    @strawberry.field(description="The case as it is now; null if you may not see it.")
    async def case(self, info: Info) -> Case | None:
        """Batched over the answers."""
        return await load_case(info, self.details.case_id)


SendMessageResult = Annotated[
    MessageQueued | MessageRefused,
    strawberry.union("SendMessageResult", description="The outcome for one case of a batch."),
]


MessagePreviewResult = Annotated[
    PreviewedMessage | MessageRefused,
    strawberry.union(
        "MessagePreviewResult", description="The message, or the refusal that sendMessage would return."
    ),
]


@strawberry.type(description="The payload of sendMessage.")
class SendMessagePayload:
    """One result per case."""

    results: list[SendMessageResult] = strawberry.field(
        description="One result per case, in the order of the input."
    )


@strawberry.type
class MessageQueries:
    """The root field that previews messages."""

    @strawberry.field(
        description="The message that sendMessage would send now about a case, in the client's language. "
        "Changes nothing. Requires RISK_WARNING_OPERATOR, RISK_WARNING_FULL or SERVICE." + IF_IT_FAILS
    )
    async def message_preview(
        self, info: RequestInfo, input: Annotated[MessagePreviewInput, INPUT]
    ) -> MessagePreviewResult | None:
        """Runs the same code as sendMessage."""
        context = info.context
        require(context, Capability.SEND_MESSAGE)
        check_text("text", input.text, at_least=1)
        principal, case_id = context.principal, CaseId(filter_id("Case", input.case_id))
        draft = MessageDraft(input.channel, _template(input), principal.subject, input.text or "")
        made = await preview_message(context.api.desk, principal, case_id, draft)
        if isinstance(made, Refusal):
            return _refused(input.case_id, refused(made))
        return previewed_message_of(made, context)


@strawberry.type
class MessageMutations:
    """The root field that sends messages."""

    @strawberry.mutation(
        description="Send a message to the clients of cases. Each case is decided on its own and has its "
        "own result. The desk sends the messages afterwards, outside the client's quiet hours: see "
        "Case.messages. Requires RISK_WARNING_OPERATOR, RISK_WARNING_FULL or SERVICE."
    )
    async def send_message(
        self, info: RequestInfo, input: Annotated[SendMessageInput, INPUT]
    ) -> SendMessagePayload:
        """The desk checks the permission, locks and keeps the record."""
        context = info.context
        check_key(input.idempotency_key)
        check_many("caseIds", input.case_ids, context.api.desk.policy.max_cases_per_batch)
        check_text("text", input.text, at_least=1)
        ids = tuple(CaseId(filter_id("Case", asked)) for asked in input.case_ids)
        command = SendMessage(input.idempotency_key, ids, input.channel, _template(input), input.text or "")
        outcomes = await send_message(context.api.desk, context.principal, command)
        return SendMessagePayload(
            results=[_result(*pair) for pair in zip(input.case_ids, outcomes, strict=True)]
        )


async def _queued(info: Info, message_id: MessageId) -> Message:
    row = await info.context.loaders.messages.load(message_id)
    if row is None:
        # The idempotency key is kept without end, the message is pruned.
        raise ApiError(BAD_USER_INPUT, "The message was sent so long ago that its record was pruned.")
    return message_of(row, info.context)


def _template(input: SendMessageInput | MessagePreviewInput) -> MessageTemplate:
    template = input.template or MessageTemplate.FREE_TEXT
    if (template is MessageTemplate.FREE_TEXT) != (input.text is not None):
        raise ApiError(BAD_USER_INPUT, "Give either a template or a text, not both.")
    return template


def _result(asked: strawberry.ID, outcome: Outcome) -> MessageQueued | MessageRefused:
    if isinstance(outcome, Done):
        return MessageQueued(message_id=MessageId(outcome.id))
    return _refused(asked, outcome)


def _refused(asked: strawberry.ID, outcome: NotDone) -> MessageRefused:
    seen = CaseId(filter_id("Case", asked)) if is_seen(outcome) else None
    details = RefusalDetails(case_id=seen)
    return MessageRefused(case_id=asked, code=outcome.code, message=outcome.message, details=details)
