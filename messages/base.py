"""What leads out of the desk to people and to other systems; `desk` knows only this of the folder.

Both ports answer, and never raise for a peer that is away, slow or says no: None means that the peer took it,
anything else says why not, in words for the operator. Neither retries: the desk does, which remembers.
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
    """Takes messages of one channel."""

    async def send(self, outgoing: Outgoing) -> Fault | None:
        """Within a bounded time. Only a fault that has not begun proves that nothing went out."""
        ...


class WebhookPort(Protocol):
    """Posts to the endpoints of others."""

    async def post(self, url: str, headers: dict[str, str], body: bytes) -> str | None:
        """Within a bounded time; only a status of 2xx counts as taken."""
        ...
