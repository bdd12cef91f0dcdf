"""Commands on webhook endpoints by their owner: register, remove, replay, rotate the secret."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from desk.audit import webhook_entry
from desk.command import CommandRequest, run_once
from desk.context import DeskContext
from desk.outcomes import Done, Outcome
from domain.principal import Capability, Principal
from domain.refusals import Refusal, RefusalCode
from domain.webhook import Webhook, WebhookEvent, WebhookId, check_url, replayed
from domain.webhook_secret import rotated, secret_of
from models import outbox
from models.audit import write_audit
from models.webhook import (
    count_webhooks,
    delete_webhook,
    insert_webhook,
    lock_webhook,
    one_registration_at_a_time,
    save_replayed,
    save_secrets,
)

NONE = Refusal(RefusalCode.NOT_FOUND, "You own no such webhook.")
ROTATES = "rotateWebhookSecret"
_NEEDS = (Capability.MANAGE_WEBHOOKS,)


@dataclass(frozen=True, slots=True)
class RegisterWebhook:
    """Register an endpoint."""

    idempotency_key: str
    url: str
    events: frozenset[WebhookEvent]


@dataclass(frozen=True, slots=True)
class RemoveWebhook:
    """Remove an endpoint."""

    idempotency_key: str
    webhook_id: WebhookId


@dataclass(frozen=True, slots=True)
class ReplayWebhook:
    """Replay an endpoint. Neither `position` nor `from_now`: continue where it stopped."""

    idempotency_key: str
    webhook_id: WebhookId
    position: tuple[str, int] | None
    """Epoch and offset from a cursor."""
    from_now: bool


@dataclass(frozen=True, slots=True)
class RotateWebhookSecret:
    """Rotate the secret of an endpoint."""

    idempotency_key: str
    webhook_id: WebhookId


async def register_webhook(
    desk: DeskContext, principal: Principal, command: RegisterWebhook, on_secret: Callable[[str], None]
) -> Outcome:
    """`on_secret` gets the secret for the one answer that contains it, not for that to a repeated key."""
    key = command.idempotency_key
    secrets: dict[str, str] = {}

    async def decide() -> Outcome | Refusal:
        await one_registration_at_a_time()
        refusal = check_url(command.url, desk.policy.webhooks.urls) or await _no_room(desk, principal)
        if refusal is not None:
            return refusal
        webhook = await _new(desk, principal, command)
        await insert_webhook(webhook)
        await _audit(desk, principal, "registerWebhook", None, webhook, key)
        secrets[webhook.id] = secret_of(desk.policy.webhooks.secret_key, webhook.id, webhook.salt)
        return Done(webhook.id)

    content = {"url": command.url, "events": sorted(command.events)}
    request = CommandRequest(principal, "registerWebhook", key, content, _NEEDS)
    outcome = await run_once(desk, request, "webhook", decide)
    if isinstance(outcome, Done) and outcome.id in secrets:
        on_secret(secrets[outcome.id])
    return outcome


async def remove_webhook(desk: DeskContext, principal: Principal, command: RemoveWebhook) -> Outcome:
    """A delivery that is in progress may still arrive."""
    key, webhook_id = command.idempotency_key, command.webhook_id

    async def decide() -> Outcome | Refusal:
        webhook = await lock_webhook(principal.subject, webhook_id)
        if webhook is None:
            return NONE
        await delete_webhook(webhook_id)
        await _audit(desk, principal, "removeWebhook", webhook, None, key)
        return Done(webhook_id)

    request = CommandRequest(principal, "removeWebhook", key, {"webhook": webhook_id}, _NEEDS)
    return await run_once(desk, request, webhook_id, decide)


async def replay_webhook(desk: DeskContext, principal: Principal, command: ReplayWebhook) -> Outcome:
    """Deliver again from a position, within the owner's current scope; also enables a disabled endpoint."""
    key, webhook_id = command.idempotency_key, command.webhook_id

    async def decide() -> Outcome | Refusal:
        webhook = await lock_webhook(principal.subject, webhook_id)
        if webhook is None:
            return NONE
        position = await _position(command, webhook)
        if isinstance(position, Refusal):
            return position
        authorised = replace(webhook, audience=principal.audience, authorized_at=principal.token_issued_at)
        moved = replayed(authorised, *position)
        await save_replayed(moved)
        await _audit(desk, principal, "replayWebhook", webhook, moved, key)
        return Done(webhook_id)

    content = {"webhook": webhook_id, "position": command.position, "fromNow": command.from_now}
    request = CommandRequest(principal, "replayWebhook", key, content, _NEEDS)
    return await run_once(desk, request, webhook_id, decide)


async def rotate_webhook_secret(
    desk: DeskContext, principal: Principal, command: RotateWebhookSecret, on_secret: Callable[[str], None]
) -> Outcome:
    """Create a new secret; the previous one also signs for a while. `on_secret` as in `register_webhook`.

    The outcome names the rotation: if a request arrives twice at once, one is rolled back with its secret.
    """
    key, webhook_id = command.idempotency_key, command.webhook_id
    secrets: dict[str, str] = {}

    async def decide() -> Outcome | Refusal:
        webhook = await lock_webhook(principal.subject, webhook_id)
        if webhook is None:
            return NONE
        policy = desk.policy.webhooks
        after = rotated(webhook, desk.new_id(), policy.rotation, desk.clock())
        if isinstance(after, Refusal):
            return after
        await save_secrets(after)
        until = after.retiring[-1].until
        await _audit(desk, principal, ROTATES, webhook, after, key, oldSecretUntil=until.isoformat())
        rotation = desk.new_id()
        secrets[rotation] = secret_of(policy.secret_key, webhook_id, after.salt)
        return Done(rotation)

    request = CommandRequest(principal, ROTATES, key, {"webhook": webhook_id}, _NEEDS)
    outcome = await run_once(desk, request, webhook_id, decide)
    if isinstance(outcome, Done) and outcome.id in secrets:
        on_secret(secrets[outcome.id])
    return outcome


async def _no_room(desk: DeskContext, principal: Principal) -> Refusal | None:
    policy = desk.policy.webhooks
    if await count_webhooks(principal.subject) >= policy.max_per_subject:
        return Refusal(
            RefusalCode.TOO_MANY,
            f"You have reached the limit of {policy.max_per_subject} webhooks: remove one first.",
        )
    if await count_webhooks() >= policy.max_endpoints:
        return Refusal(
            RefusalCode.TOO_MANY, "The desk has reached its limit of webhooks: ask the desk's operator."
        )
    return None


async def _new(desk: DeskContext, principal: Principal, command: RegisterWebhook) -> Webhook:
    head = await outbox.stream_head()
    return Webhook(
        id=WebhookId(desk.new_id()),
        url=command.url,
        events=command.events,
        owner=principal.subject,
        audience=principal.audience,
        authorized_at=principal.token_issued_at,
        salt=desk.new_id(),
        created_at=desk.clock(),
        epoch=head.epoch,
        offset=head.last_offset,
    )


async def _position(command: ReplayWebhook, webhook: Webhook) -> tuple[str, int] | Refusal:
    head = await outbox.stream_head()
    if command.from_now:
        return head.epoch, head.last_offset
    epoch, offset = command.position or (webhook.epoch, webhook.offset)
    if epoch != head.epoch or not head.first_offset - 1 <= offset <= head.last_offset:
        return Refusal(
            RefusalCode.CURSOR_REFUSED,
            "Events after this position were pruned. Replay with `fromNow` and query the current state.",
        )
    return epoch, offset


async def _audit(
    desk: DeskContext,
    principal: Principal,
    action: str,
    before: Webhook | None,
    after: Webhook | None,
    key: str,
    **detail: str,
) -> None:
    now = desk.clock()
    await write_audit([webhook_entry(principal, now, action, before, after, idempotencyKey=key, **detail)])
