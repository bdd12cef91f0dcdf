"""Webhooks of an owner, and the commands on them. A webhook is visible to its owner only."""

from datetime import datetime
from typing import Annotated

import strawberry

from desk.outbound.webhooks import (
    RegisterWebhook,
    RemoveWebhook,
    ReplayWebhook,
    register_webhook,
    remove_webhook,
    replay_webhook,
)
from desk.outcomes import Done, Outcome
from domain import webhook
from domain.principal import Capability
from domain.refusals import RefusalCode
from domain.webhook import ALERTS, WebhookEvent, WebhookId, WebhookStatus
from models.webhook import count_webhooks, page_webhooks, webhooks_of
from resolvers.commands.webhook_body import webhook_cursor, webhook_scope
from resolvers.kit.arguments import INPUT, After, Before, First, Last, PageArguments
from resolvers.kit.context import IF_IT_FAILS, RequestContext, RequestInfo, require
from resolvers.kit.errors import BAD_USER_INPUT, CURSOR_INVALID, ApiError
from resolvers.kit.inputs import KEY, check_key
from resolvers.kit.node import Node, filter_id, global_id
from resolvers.kit.pagination import Connection, Pager
from resolvers.types.refusal import AnyRefusal
from subscriptions.stream.bus import Position
from subscriptions.stream.cursor import CursorInvalid


@strawberry.type(description="An endpoint to which the desk posts your events, signed and in order.")
class Webhook(Node):
    """From domain.webhook.Webhook."""

    url: str = strawberry.field(description="The URL of the endpoint.")
    events: list[WebhookEvent] = strawberry.field(
        description="The kinds of events that the endpoint receives."
    )
    status: WebhookStatus = strawberry.field(description="The delivery status of the webhook.")
    cursor: str = strawberry.field(
        description="The opaque cursor of the webhook: every earlier event was delivered, or is not one of "
        "its events. Pass it to replayWebhook."
    )
    created_at: datetime = strawberry.field(description="The time of the registration.")
    delivered_at: datetime | None = strawberry.field(
        description="The time at which the endpoint last accepted an event; null if it has accepted none."
    )
    failing_since: datetime | None = strawberry.field(
        description="The time since which deliveries fail; null while the endpoint accepts events."
    )
    attempts: int = strawberry.field(description="The number of failed attempts to deliver the next event.")
    next_attempt_at: datetime | None = strawberry.field(
        description="The time of the next attempt; null if none is due."
    )
    disabled_at: datetime | None = strawberry.field(
        description="The time at which the webhook was disabled; null while it is active."
    )
    reason: str | None = strawberry.field(
        description="The reason why the last attempt failed, or why the webhook is disabled; null while "
        "deliveries succeed."
    )
    old_secret_until: datetime | None = strawberry.field(
        description="The time until which the previous secret also signs deliveries, which may be past; "
        "null if the secret was never rotated."
    )


@strawberry.type(description="The webhook is registered and receives events from now on.")
class WebhookRegistered:
    """From desk.outcomes.Done."""

    webhook: Webhook = strawberry.field(description="The registered webhook.")
    secret: str | None = strawberry.field(
        description="The secret that signs deliveries. Store it: only this answer shows it, and a repeated "
        "request returns null."
    )


@strawberry.type(description="The webhook was removed. A delivery in progress may still arrive.")
class WebhookRemoved:
    """From desk.outcomes.Done."""

    id: strawberry.ID = strawberry.field(description="The id of the webhook, from the input.")


@strawberry.type(description="Deliveries to the webhook continue from the new position.")
class WebhookReplayed:
    """From desk.outcomes.Done."""

    webhook: Webhook = strawberry.field(description="The webhook as it is now.")


@strawberry.type(description="The command was refused; nothing was changed.")
class WebhookRefused(AnyRefusal):
    """From desk.outcomes.Refused."""


RegisterWebhookResult = Annotated[
    WebhookRegistered | WebhookRefused,
    strawberry.union("RegisterWebhookResult", description="The outcome of registerWebhook."),
]
RemoveWebhookResult = Annotated[
    WebhookRemoved | WebhookRefused,
    strawberry.union("RemoveWebhookResult", description="The outcome of removeWebhook."),
]
ReplayWebhookResult = Annotated[
    WebhookReplayed | WebhookRefused,
    strawberry.union("ReplayWebhookResult", description="The outcome of replayWebhook."),
]


@strawberry.type(description="The payload of registerWebhook.")
class RegisterWebhookPayload:
    """One result."""

    result: RegisterWebhookResult = strawberry.field(description="The outcome of the command.")


@strawberry.type(description="The payload of removeWebhook.")
class RemoveWebhookPayload:
    """One result."""

    result: RemoveWebhookResult = strawberry.field(description="The outcome of the command.")


@strawberry.type(description="The payload of replayWebhook.")
class ReplayWebhookPayload:
    """One result."""

    result: ReplayWebhookResult = strawberry.field(description="The outcome of the command.")


@strawberry.input(description="The endpoint to register, and the events that it receives.")
class RegisterWebhookInput:
    """To desk.outbound.webhooks.RegisterWebhook."""

    idempotency_key: str = strawberry.field(description=KEY)
    url: str = strawberry.field(description="The URL of the endpoint: https:// and a public address.")
    events: list[WebhookEvent] | None = strawberry.field(
        default=None,
        description="The kinds of events to deliver, at least one. Omitted: all except CASE_UPDATED.",
    )


@strawberry.input(description="The webhook to remove.")
class RemoveWebhookInput:
    """To desk.outbound.webhooks.RemoveWebhook."""

    idempotency_key: str = strawberry.field(description=KEY)
    webhook_id: strawberry.ID = strawberry.field(description="The global id of one of your webhooks.")


@strawberry.input(
    description="The webhook to replay, and its new position. From then on it delivers the events that "
    "your token may see now."
)
class ReplayWebhookInput:
    """To desk.outbound.webhooks.ReplayWebhook."""

    idempotency_key: str = strawberry.field(description=KEY)
    webhook_id: strawberry.ID = strawberry.field(description="The global id of one of your webhooks.")
    after: str | None = strawberry.field(
        default=None,
        description="The `cursor` of a delivery of this webhook: the events after it are delivered again. "
        "The cursor of another webhook gives the error CURSOR_INVALID. Omitted: continue where deliveries "
        "stopped.",
    )
    from_now: bool = strawberry.field(
        default=False,
        description="Whether to skip all events that were not delivered yet. Not allowed together with "
        "`after`.",
    )


@strawberry.type
class WebhookQueries:
    """The root field that reads webhooks."""

    @strawberry.field(
        description="Your webhooks, oldest first. Requires RISK_SETTING_FULL or SERVICE." + IF_IT_FAILS
    )
    async def webhooks(
        self,
        info: RequestInfo,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Webhook] | None:
        """A keyset page."""
        context = info.context
        require(context, Capability.MANAGE_WEBHOOKS)
        owner = context.principal.subject
        pager: Pager[webhook.Webhook] = Pager(("webhooks", owner), "s", context.api.page_size_max)
        request = pager.request(PageArguments(first, after, last, before))
        return await pager.connection(
            request,
            lambda at: page_webhooks(owner, at),
            lambda row: (row.id,),
            lambda row: webhook_of(context, row),
            lambda: count_webhooks(owner),
        )


@strawberry.type
class WebhookMutations:
    """Root fields that register, remove and replay webhooks."""

    @strawberry.mutation(
        description="Register an endpoint. The desk posts the case and order events of accounts within "
        "your scope to it: signed, in order, and at least once. Requires RISK_SETTING_FULL or SERVICE."
    )
    async def register_webhook(
        self, info: RequestInfo, input: Annotated[RegisterWebhookInput, INPUT]
    ) -> RegisterWebhookPayload:
        """The desk checks the permission and keeps the record."""
        context = info.context
        check_key(input.idempotency_key)
        if input.events is not None and not input.events:
            raise ApiError(BAD_USER_INPUT, "events must name at least one kind, or be omitted.")
        events = ALERTS if input.events is None else frozenset(input.events)
        secrets: list[str] = []
        command = RegisterWebhook(input.idempotency_key, input.url, events)
        outcome = await register_webhook(context.api.desk, context.principal, command, secrets.append)
        registered = await find_webhook(context, WebhookId(outcome.id)) if isinstance(outcome, Done) else None
        if registered is None:
            return RegisterWebhookPayload(result=refused_webhook(outcome))
        secret = secrets[0] if secrets else None
        return RegisterWebhookPayload(result=WebhookRegistered(webhook=registered, secret=secret))

    @strawberry.mutation(
        description="Remove a webhook, so that no further events are posted to it. Requires "
        "RISK_SETTING_FULL or SERVICE."
    )
    async def remove_webhook(
        self, info: RequestInfo, input: Annotated[RemoveWebhookInput, INPUT]
    ) -> RemoveWebhookPayload:
        """The desk checks the permission and keeps the record."""
        check_key(input.idempotency_key)
        command = RemoveWebhook(input.idempotency_key, webhook_id_of(input.webhook_id))
        outcome = await remove_webhook(info.context.api.desk, info.context.principal, command)
        if isinstance(outcome, Done):
            return RemoveWebhookPayload(result=WebhookRemoved(id=input.webhook_id))
        return RemoveWebhookPayload(result=refused_webhook(outcome))

    @strawberry.mutation(
        description="Set the position from which a webhook receives events: after a cursor, where "
        "deliveries stopped, or from now on. A disabled webhook becomes active. Requires RISK_SETTING_FULL "
        "or SERVICE."
    )
    async def replay_webhook(
        self, info: RequestInfo, input: Annotated[ReplayWebhookInput, INPUT]
    ) -> ReplayWebhookPayload:
        """The desk checks the permission and keeps the record."""
        context, webhook_id = info.context, webhook_id_of(input.webhook_id)
        check_key(input.idempotency_key)
        if input.after is not None and input.from_now:
            raise ApiError(BAD_USER_INPUT, "Give either after or fromNow, not both.")
        position = _position(context, webhook_id, input.after)
        command = ReplayWebhook(input.idempotency_key, webhook_id, position, input.from_now)
        outcome = await replay_webhook(context.api.desk, context.principal, command)
        replayed = await find_webhook(context, webhook_id) if isinstance(outcome, Done) else None
        if replayed is None:
            return ReplayWebhookPayload(result=refused_webhook(outcome))
        return ReplayWebhookPayload(result=WebhookReplayed(webhook=replayed))


async def find_webhook(context: RequestContext, webhook_id: WebhookId) -> Webhook | None:
    """A webhook of the caller, or None."""
    if not context.audience.may(Capability.MANAGE_WEBHOOKS):
        return None
    row = (await webhooks_of(context.principal.subject, [webhook_id])).get(webhook_id)
    return webhook_of(context, row) if row else None


def webhook_of(context: RequestContext, row: webhook.Webhook) -> Webhook:
    """The GraphQL object."""
    return Webhook(
        id=global_id("Webhook", row.id),
        url=row.url,
        events=sorted(row.events),
        status=row.status,
        cursor=webhook_cursor(context.api.cursors, row.id, Position(row.epoch, row.offset)),
        created_at=row.created_at,
        delivered_at=row.delivered_at,
        failing_since=row.failing_since,
        attempts=row.attempts,
        next_attempt_at=row.next_attempt_at,
        disabled_at=row.disabled_at,
        reason=row.reason,
        old_secret_until=row.retiring[-1].until if row.retiring else None,
    )


def webhook_id_of(asked: strawberry.ID) -> WebhookId:
    """The local id behind the global id from the input."""
    return WebhookId(filter_id("Webhook", asked))


def _position(context: RequestContext, webhook_id: WebhookId, cursor: str | None) -> tuple[str, int] | None:
    if cursor is None:
        return None
    try:
        position = context.api.cursors.verify(cursor, webhook_scope(webhook_id))
    except CursorInvalid:
        raise ApiError(
            CURSOR_INVALID,
            "The cursor is not one of this webhook: pass the cursor of one of its deliveries, or fromNow.",
        ) from None
    return position.epoch, position.offset


def refused_webhook(outcome: Outcome) -> WebhookRefused:
    """The refusal; also for a repeated key whose webhook was removed in the meantime."""
    if isinstance(outcome, Done):
        return WebhookRefused(code=RefusalCode.NOT_FOUND, message="The webhook was removed in the meantime.")
    return WebhookRefused(code=outcome.code, message=outcome.message)
