"""Webhooks: an owner's endpoints, and the commands on them. Nobody sees those of others."""

from datetime import datetime
from typing import Annotated

import strawberry

from desk.command import Done, Refused
from desk.outbound.webhooks import (
    RegisterWebhook,
    RemoveWebhook,
    ReplayWebhook,
    register_webhook,
    remove_webhook,
    replay_webhook,
)
from domain import webhook
from domain.principal import Capability
from domain.refusals import RefusalCode
from domain.webhook import ALERTS, WebhookEvent, WebhookId, WebhookStatus
from models.webhook import count_webhooks, page_webhooks, webhooks_of
from resolvers.commands.webhook_body import webhook_cursor, webhook_scope
from resolvers.kit.arguments import INPUT, After, First
from resolvers.kit.context import RequestContext, RequestInfo, require
from resolvers.kit.errors import BAD_USER_INPUT, CURSOR_INVALID, ApiError
from resolvers.kit.inputs import KEY, check_key
from resolvers.kit.node import Node, filter_id, global_id
from resolvers.kit.pagination import Connection, Pager
from subscriptions.bus import Position
from subscriptions.cursor import CursorInvalid


@strawberry.type(description="An endpoint of yours that the desk posts alerts to, signed and in order.")
class Webhook(Node):
    """From domain.webhook.Webhook."""

    url: str = strawberry.field(description="Where alerts are posted to.")
    events: list[WebhookEvent] = strawberry.field(description="What it is told.")
    status: WebhookStatus = strawberry.field(description="Whether it is delivered to.")
    cursor: str = strawberry.field(description="Everything up to here was delivered, or was not for it.")
    created_at: datetime = strawberry.field(description="When it was registered.")
    delivered_at: datetime | None = strawberry.field(description="When it last took an event.")
    failing_since: datetime | None = strawberry.field(description="Null while it takes events.")
    attempts: int = strawberry.field(description="How often the next event was tried in vain.")
    next_attempt_at: datetime | None = strawberry.field(description="When that is tried again.")
    disabled_at: datetime | None = strawberry.field(description="Null while it is active.")
    reason: str | None = strawberry.field(description="Why the last try failed, or why it is disabled.")
    old_secret_until: datetime | None = strawberry.field(
        description="Until when the secret before the last rotation signs too. Null: it was never rotated."
    )


@strawberry.type(description="The webhook is registered: it is told of what happens from now on.")
class WebhookRegistered:
    """From desk.command.Done."""

    webhook: Webhook = strawberry.field(description="The webhook.")
    secret: str | None = strawberry.field(
        description="What deliveries are signed with. Shown this once: null when the key is repeated."
    )


@strawberry.type(description="The webhook is removed.")
class WebhookRemoved:
    """From desk.command.Done."""

    id: strawberry.ID = strawberry.field(description="As asked.")


@strawberry.type(description="The webhook is delivered to from the new position on.")
class WebhookReplayed:
    """From desk.command.Done."""

    webhook: Webhook = strawberry.field(description="The webhook.")


@strawberry.type(description="Nothing was done.")
class WebhookRefused:
    """From desk.command.Refused."""

    code: RefusalCode = strawberry.field(description="Why.")
    message: str = strawberry.field(description="Why, in words, and what to do about it.")


RegisterWebhookResult = Annotated[
    WebhookRegistered | WebhookRefused,
    strawberry.union("RegisterWebhookResult", description="What became of a registration."),
]
RemoveWebhookResult = Annotated[
    WebhookRemoved | WebhookRefused,
    strawberry.union("RemoveWebhookResult", description="What became of a removal."),
]
ReplayWebhookResult = Annotated[
    WebhookReplayed | WebhookRefused,
    strawberry.union("ReplayWebhookResult", description="What became of a replay."),
]


@strawberry.type(description="The answer of registerWebhook.")
class RegisterWebhookPayload:
    """One result."""

    result: RegisterWebhookResult = strawberry.field(description="What became of it.")


@strawberry.type(description="The answer of removeWebhook.")
class RemoveWebhookPayload:
    """One result."""

    result: RemoveWebhookResult = strawberry.field(description="What became of it.")


@strawberry.type(description="The answer of replayWebhook.")
class ReplayWebhookPayload:
    """One result."""

    result: ReplayWebhookResult = strawberry.field(description="What became of it.")


@strawberry.input(description="Have alerts posted to an endpoint.")
class RegisterWebhookInput:
    """To desk.outbound.webhooks.RegisterWebhook."""

    idempotency_key: str = strawberry.field(description=KEY)
    url: str = strawberry.field(description="Begins with https:// and leads to a public address.")
    events: list[WebhookEvent] | None = strawberry.field(
        default=None, description="What to tell; left out: all but CASE_UPDATED."
    )


@strawberry.input(description="Have nothing more posted to an endpoint.")
class RemoveWebhookInput:
    """To desk.outbound.webhooks.RemoveWebhook."""

    idempotency_key: str = strawberry.field(description=KEY)
    webhook_id: strawberry.ID = strawberry.field(description="One of yours.")


@strawberry.input(
    description="Deliver events again, with what your token may see now; makes a disabled webhook active."
)
class ReplayWebhookInput:
    """To desk.outbound.webhooks.ReplayWebhook."""

    idempotency_key: str = strawberry.field(description=KEY)
    webhook_id: strawberry.ID = strawberry.field(description="One of yours.")
    after: str | None = strawberry.field(
        default=None,
        description="The cursor of a delivery of this webhook: what follows it. Left out: where it stopped.",
    )
    from_now: bool = strawberry.field(
        default=False, description="Skip what it has not got; then without a cursor."
    )


@strawberry.type
class WebhookQueries:
    """What owners ask."""

    @strawberry.field(description="Your webhooks, oldest first. Needs RISK_SETTING_FULL or SERVICE.")
    async def webhooks(
        self,
        info: RequestInfo,
        first: First = 50,
        after: After = None,
    ) -> Connection[Webhook]:
        """A keyset page."""
        context = info.context
        require(context, Capability.MANAGE_WEBHOOKS)
        owner = context.principal.subject
        pager: Pager[webhook.Webhook] = Pager(("webhooks", owner), "s", context.api.page_size_max)
        request = pager.request(first, after)
        page = await page_webhooks(owner, request)
        return pager.connection(
            page,
            request,
            lambda row: (row.id,),
            lambda row: webhook_of(context, row),
            lambda: count_webhooks(owner),
        )


@strawberry.type
class WebhookMutations:
    """Commands of owners."""

    @strawberry.mutation(
        description="Have case and order events posted to an endpoint, signed, in order, each at least once, "
        "as far as your token's accounts go. Needs RISK_SETTING_FULL or SERVICE."
    )
    async def register_webhook(
        self, info: RequestInfo, input: Annotated[RegisterWebhookInput, INPUT]
    ) -> RegisterWebhookPayload:
        """Permission and record are the desk's."""
        context = info.context
        check_key(input.idempotency_key)
        if input.events is not None and not input.events:
            raise ApiError(BAD_USER_INPUT, "events must name at least one.")
        events = ALERTS if input.events is None else frozenset(input.events)
        secrets: list[str] = []
        command = RegisterWebhook(input.idempotency_key, input.url, events)
        outcome = await register_webhook(context.api.desk, context.principal, command, secrets.append)
        found = await find_webhook(context, WebhookId(outcome.id)) if isinstance(outcome, Done) else None
        if found is None:
            return RegisterWebhookPayload(result=refused_webhook(outcome))
        secret = secrets[0] if secrets else None
        return RegisterWebhookPayload(result=WebhookRegistered(webhook=found, secret=secret))

    @strawberry.mutation(
        description="Have nothing more posted to a webhook. Needs RISK_SETTING_FULL or SERVICE."
    )
    async def remove_webhook(
        self, info: RequestInfo, input: Annotated[RemoveWebhookInput, INPUT]
    ) -> RemoveWebhookPayload:
        """Permission and record are the desk's."""
        check_key(input.idempotency_key)
        command = RemoveWebhook(input.idempotency_key, webhook_id_of(input.webhook_id))
        outcome = await remove_webhook(info.context.api.desk, info.context.principal, command)
        if isinstance(outcome, Done):
            return RemoveWebhookPayload(result=WebhookRemoved(id=input.webhook_id))
        return RemoveWebhookPayload(result=refused_webhook(outcome))

    @strawberry.mutation(
        description="Deliver a webhook's events again, from a cursor, from where it stopped, or from now on. "
        "Needs RISK_SETTING_FULL or SERVICE."
    )
    async def replay_webhook(
        self, info: RequestInfo, input: Annotated[ReplayWebhookInput, INPUT]
    ) -> ReplayWebhookPayload:
        """Permission and record are the desk's."""
        context, webhook_id = info.context, webhook_id_of(input.webhook_id)
        check_key(input.idempotency_key)
        if input.after is not None and input.from_now:
            raise ApiError(BAD_USER_INPUT, "Give either after or fromNow.")
        position = _position(context, webhook_id, input.after)
        command = ReplayWebhook(input.idempotency_key, webhook_id, position, input.from_now)
        outcome = await replay_webhook(context.api.desk, context.principal, command)
        found = await find_webhook(context, webhook_id) if isinstance(outcome, Done) else None
        if found is None:
            return ReplayWebhookPayload(result=refused_webhook(outcome))
        return ReplayWebhookPayload(result=WebhookReplayed(webhook=found))


async def find_webhook(context: RequestContext, webhook_id: WebhookId) -> Webhook | None:
    """The caller's own, or none."""
    if not context.audience.may(Capability.MANAGE_WEBHOOKS):
        return None
    found = (await webhooks_of(context.principal.subject, [webhook_id])).get(webhook_id)
    return webhook_of(context, found) if found else None


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
    """What the caller means."""
    return WebhookId(filter_id("Webhook", asked))


def _position(context: RequestContext, webhook_id: WebhookId, cursor: str | None) -> tuple[str, int] | None:
    if cursor is None:
        return None
    try:
        position = context.api.cursors.verify(cursor, webhook_scope(webhook_id))
    except CursorInvalid:
        raise ApiError(CURSOR_INVALID, "This is no cursor of this webhook.") from None
    return position.epoch, position.offset


def refused_webhook(outcome: Done | Refused) -> WebhookRefused:
    """Done, but gone again: a repeated key of what was removed since."""
    if isinstance(outcome, Done):
        return WebhookRefused(code=RefusalCode.NOT_FOUND, message="The webhook was removed since.")
    return WebhookRefused(code=outcome.code, message=outcome.message)
