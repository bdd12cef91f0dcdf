"""The secrets that sign webhooks, and their rotation without a missed delivery.

A secret is derived and not stored, so that the database alone does not reveal it. After a rotation deliveries
have a signature of the new secret and one of each previous secret that is still valid, so that a receiver may
change at any time. Secrets and signatures follow the Standard Webhooks specification, whose libraries verify
them.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from domain.refusals import Refusal, RefusalCode
from domain.webhook import RetiringSecret, Webhook, WebhookId

SECRET_PREFIX = "whsec_"


@dataclass(frozen=True, slots=True)
class RotationPolicy:
    """How long a previous secret signs beside the new one, and how many may do so at once."""

    overlap: timedelta = timedelta(hours=24)
    most_retiring: int = 3


def secret_of(key: bytes, webhook_id: WebhookId, salt: str) -> str:
    """The endpoint's secret for this salt."""
    derived = hmac.digest(key, f"webhook secret:{webhook_id}:{salt}".encode(), "sha256")
    return SECRET_PREFIX + base64.b64encode(derived).decode()


def signing_secrets(key: bytes, webhook: Webhook, now: datetime) -> list[str]:
    """All secrets that sign now, the newest first."""
    salts = [webhook.salt, *(old.salt for old in reversed(_still(webhook, now)))]
    return [secret_of(key, webhook.id, salt) for salt in salts]


def rotated(webhook: Webhook, salt: str, policy: RotationPolicy, now: datetime) -> Webhook | Refusal:
    """The endpoint with a new secret from now on; position and state stay the same."""
    still = _still(webhook, now)
    if len(still) >= policy.most_retiring:
        return Refusal(
            RefusalCode.TOO_MANY,
            f"{len(still)} previous secrets are still valid, one until {still[0].until:%Y-%m-%d %H:%M} "
            "UTC: wait until then.",
        )
    return replace(webhook, salt=salt, retiring=(*still, RetiringSecret(webhook.salt, now + policy.overlap)))


def signature_headers(secrets: Sequence[str], event_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """HMAC-SHA256 over ``id.timestamp.body`` with each secret, the timestamp in whole seconds."""
    timestamp = str(int(at.timestamp()))
    content = f"{event_id}.{timestamp}.".encode() + body
    return {
        "webhook-id": event_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(_signature(secret, content) for secret in secrets),
    }


def _signature(secret: str, content: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    return f"v1,{base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()}"


def _still(webhook: Webhook, now: datetime) -> tuple[RetiringSecret, ...]:
    return tuple(old for old in webhook.retiring if old.until > now)
