"""A new secret for a webhook, without a delivery that its receiver cannot verify."""

from typing import Annotated

import strawberry

from desk.command import Done
from desk.outbound.webhooks import RotateWebhookSecret, rotate_webhook_secret
from resolvers.commands.webhook import Webhook, WebhookRefused, find_webhook, refused_webhook, webhook_id_of
from resolvers.kit.arguments import INPUT
from resolvers.kit.context import RequestInfo
from resolvers.kit.inputs import KEY, check_key


@strawberry.type(description="The webhook has a new secret; the one before signs beside it for a while.")
class WebhookSecretRotated:
    """From desk.command.Done."""

    webhook: Webhook = strawberry.field(description="The webhook.")
    secret: str | None = strawberry.field(
        description="What signs deliveries from now on. Shown this once: null when the key is repeated."
    )


RotateWebhookSecretResult = Annotated[
    WebhookSecretRotated | WebhookRefused,
    strawberry.union("RotateWebhookSecretResult", description="What became of a rotation."),
]


@strawberry.type(description="The answer of rotateWebhookSecret.")
class RotateWebhookSecretPayload:
    """One result."""

    result: RotateWebhookSecretResult = strawberry.field(description="What became of it.")


@strawberry.input(description="Have a webhook signed with a new secret.")
class RotateWebhookSecretInput:
    """To desk.outbound.webhooks.RotateWebhookSecret."""

    idempotency_key: str = strawberry.field(description=KEY)
    webhook_id: strawberry.ID = strawberry.field(description="One of yours.")


@strawberry.type
class WebhookSecretMutations:
    """Commands of owners."""

    @strawberry.mutation(
        description="Give a webhook a new secret. For a while deliveries are signed with the old one too: "
        "the header holds both signatures. Needs RISK_SETTING_FULL or SERVICE."
    )
    async def rotate_webhook_secret(
        self, info: RequestInfo, input: Annotated[RotateWebhookSecretInput, INPUT]
    ) -> RotateWebhookSecretPayload:
        """Permission and record are the desk's."""
        context, webhook_id = info.context, webhook_id_of(input.webhook_id)
        check_key(input.idempotency_key)
        secrets: list[str] = []
        command = RotateWebhookSecret(input.idempotency_key, webhook_id)
        outcome = await rotate_webhook_secret(context.api.desk, context.principal, command, secrets.append)
        found = await find_webhook(context, webhook_id) if isinstance(outcome, Done) else None
        if found is None:
            return RotateWebhookSecretPayload(result=refused_webhook(outcome))
        secret = secrets[0] if secrets else None
        return RotateWebhookSecretPayload(result=WebhookSecretRotated(webhook=found, secret=secret))
