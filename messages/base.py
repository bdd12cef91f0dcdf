"""The ports for outbound data to persons and other systems; `desk` imports only this module of the package.

Both ports return a result, and never raise for a peer that is unavailable, slow or refuses: None means that
the peer accepted it, anything else says why not, in words for the operator. Neither retries: the desk does,
since it stores the attempts.
"""

from dataclasses import dataclass
from typing import Protocol

from domain.message import Fault


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message for one recipient; `id` is the same in every attempt."""

    id: str
    recipient: str
    title: str
    body: str


class MessageService(Protocol):
    """Sends messages of one channel."""

    async def send(self, outgoing: Outgoing) -> Fault | None:
        """Answers within a bounded time. Only a fault without `begun` proves that nothing was sent."""
        ...


class WebhookPort(Protocol):
    """Posts to webhook endpoints."""

    async def post(self, url: str, headers: dict[str, str], body: bytes) -> str | None:
        """Answers within a bounded time; only a status of 2xx counts as accepted."""
        ...
