"""The settings of messages to clients and of webhooks."""

from dataclasses import dataclass, field
from datetime import time, timedelta

from domain.letter import Waits
from domain.message import Channel, RetryPolicy
from domain.webhook import UrlPolicy
from domain.webhook_secret import RotationPolicy
from messages.templates import Templates, shipped

_WAITS = Waits(look_again=timedelta(minutes=1), for_a_price=timedelta(minutes=10))
_RETRY = RetryPolicy(timedelta(seconds=5), timedelta(minutes=15), 8)


@dataclass(frozen=True, slots=True)
class MessagePolicy:
    """Settings of client messages. Without channels nothing is sent, and no message is created
    automatically.
    """

    templates: Templates = field(default_factory=shipped)
    channels: frozenset[Channel] = frozenset()
    """Channels that have a service configured."""
    automatic: tuple[Channel, ...] = ()
    """The daily message uses the first of these by which the client can be reached."""
    daily_from: time = time(9, 0)
    """The earliest time of daily reminders, in the time zone of the account's market."""
    lifetime: timedelta = timedelta(hours=24)
    figures_max_age: timedelta = timedelta(hours=1)
    """How long the market may have traded after the prices on which an amount in a letter is based."""
    waits: Waits = _WAITS
    retry: RetryPolicy = _RETRY
    circuit_failures: int = 5
    circuit_pause: timedelta = timedelta(minutes=1)
    in_flight: timedelta = timedelta(minutes=1)
    """A message whose sender has not reported for this long is sent again."""


@dataclass(frozen=True, slots=True)
class WebhookPolicy:
    """Settings of webhooks. The endpoints' secrets are derived from `secret_key`."""

    secret_key: bytes = field(default=b"", repr=False)
    urls: UrlPolicy = field(default_factory=UrlPolicy)
    retry: RetryPolicy = _RETRY
    disable_after: timedelta = timedelta(hours=12)
    rotation: RotationPolicy = field(default_factory=RotationPolicy)
    max_per_subject: int = 5
    max_endpoints: int = 50
    batch: int = 100
