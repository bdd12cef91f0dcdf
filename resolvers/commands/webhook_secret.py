"""The rotation of a webhook's secret, during which every delivery can be verified."""

from typing import Annotated

import strawberry

from desk.outbound.webhooks import RotateWebhookSecret, rotate_webhook_secret
from desk.outcomes import Done
from resolvers.commands.webhook import Webhook, WebhookRefused, find_webhook, refused_webhook, webhook_id_of
from resolvers.kit.arguments import INPUT
from resolvers.kit.context import RequestInfo
from resolvers.kit.inputs import KEY, check_key


@strawberry.type(
    description="The webhook has a new secret. Until `webhook.oldSecretUntil` the previous secret also "
    "signs deliveries."
)
class WebhookSecretRotated:
    """From desk.outcomes.Done."""

    webhook: Webhook = strawberry.field(description="The webhook as it is now.")
    secret: str | None = strawberry.field(
        description="The secret that signs deliveries from now on. Store it: only this answer shows it, "
        "and a repeated request returns null."
    )


RotateWebhookSecretResult = Annotated[
    WebhookSecretRotated | WebhookRefused,
    strawberry.union("RotateWebhookSecretResult", description="The outcome of rotateWebhookSecret."),
]


@strawberry.type(description="The payload of rotateWebhookSecret.")
class RotateWebhookSecretPayload:
    """One result."""

    result: RotateWebhookSecretResult = strawberry.field(description="The outcome of the command.")


@strawberry.input(description="The webhook whose secret is rotated.")
class RotateWebhookSecretInput:
    """To desk.outbound.webhooks.RotateWebhookSecret."""

    idempotency_key: str = strawberry.field(description=KEY)
    webhook_id: strawberry.ID = strawberry.field(description="The global id of one of your webhooks.")


@strawberry.type
class WebhookSecretMutations:
    """The root field that rotates secrets."""

    @strawberry.mutation(
        description="Give a webhook a new secret. Until oldSecretUntil, deliveries have two signatures in "
        "their header, one of each secret. Requires RISK_SETTING_FULL or SERVICE."
    )
    async def rotate_webhook_secret(
        self, info: RequestInfo, input: Annotated[RotateWebhookSecretInput, INPUT]
    ) -> RotateWebhookSecretPayload:
        """The desk checks the permission and keeps the record."""
        context, webhook_id = info.context, webhook_id_of(input.webhook_id)
        check_key(input.idempotency_key)
        secrets: list[str] = []
        command = RotateWebhookSecret(input.idempotency_key, webhook_id)
        outcome = await rotate_webhook_secret(context.api.desk, context.principal, command, secrets.append)
        rotated = await find_webhook(context, webhook_id) if isinstance(outcome, Done) else None
        if rotated is None:
            return RotateWebhookSecretPayload(result=refused_webhook(outcome))
        secret = secrets[0] if secrets else None
        return RotateWebhookSecretPayload(result=WebhookSecretRotated(webhook=rotated, secret=secret))
