"""Signed webhooks: the endpoints of the alert feed, their events, and when an endpoint is disabled.

An endpoint has one position in the event stream: the receiver has accepted everything before it, or it was
not for this endpoint. Deliveries to an endpoint are sequential, in the order of the stream.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NewType
from urllib.parse import urlsplit

from domain.events import CaseEvent, CaseEventKind, Event, LostEvent, OrderEvent, OrderEventKind
from domain.message import RetryPolicy
from domain.principal import Audience
from domain.refusals import Refusal, RefusalCode

WebhookId = NewType("WebhookId", str)

URL_CHARACTERS_MAX = 1000


class WebhookEvent(StrEnum):
    """The events of the alert feed."""

    CASE_OPENED = "CASE_OPENED"
    CASE_UPDATED = "CASE_UPDATED"
    CASE_STATUS_CHANGED = "CASE_STATUS_CHANGED"
    CASE_CLOSED = "CASE_CLOSED"
    ORDER_CREATED = "ORDER_CREATED"
    ORDER_STATUS_CHANGED = "ORDER_STATUS_CHANGED"
    ORDER_FILL = "ORDER_FILL"
    ORDER_CANCEL_REJECTED = "ORDER_CANCEL_REJECTED"
    ORDER_LATE_FILL = "ORDER_LATE_FILL"


EVENT_LOST = "EVENT_LOST"
"""Posted to every endpoint in place of an event that cannot be read."""
ALERTS = frozenset(WebhookEvent) - {WebhookEvent.CASE_UPDATED}
"""The default selection: recomputed figures come every second and are no alert."""

_OF_CASES = {
    CaseEventKind.OPENED: WebhookEvent.CASE_OPENED,
    CaseEventKind.UPDATED: WebhookEvent.CASE_UPDATED,
    CaseEventKind.STATUS_CHANGED: WebhookEvent.CASE_STATUS_CHANGED,
    CaseEventKind.CLOSED: WebhookEvent.CASE_CLOSED,
}
_OF_ORDERS = {
    OrderEventKind.CREATED: WebhookEvent.ORDER_CREATED,
    OrderEventKind.STATUS_CHANGED: WebhookEvent.ORDER_STATUS_CHANGED,
    OrderEventKind.FILL: WebhookEvent.ORDER_FILL,
    OrderEventKind.CANCEL_REJECTED: WebhookEvent.ORDER_CANCEL_REJECTED,
    OrderEventKind.LATE_FILL: WebhookEvent.ORDER_LATE_FILL,
}


class WebhookStatus(StrEnum):
    """Whether events are delivered to an endpoint."""

    ACTIVE = "ACTIVE"
    DISABLED = "DISABLED"


class WebhookTrigger(StrEnum):
    """The events of an endpoint's state."""

    DEAD = "DEAD"
    REVOKED = "REVOKED"
    GAP = "GAP"
    REPLAYED = "REPLAYED"


_S, _T = WebhookStatus, WebhookTrigger

TRANSITIONS: Mapping[tuple[WebhookStatus, WebhookTrigger], WebhookStatus] = {
    (_S.ACTIVE, _T.DEAD): _S.DISABLED,
    (_S.ACTIVE, _T.REVOKED): _S.DISABLED,
    (_S.ACTIVE, _T.GAP): _S.DISABLED,
    (_S.ACTIVE, _T.REPLAYED): _S.ACTIVE,
    (_S.DISABLED, _T.REPLAYED): _S.ACTIVE,
}
"""The status after each trigger; a disabled endpoint changes only when its owner replays it."""


@dataclass(frozen=True, slots=True)
class RetiringSecret:
    """A previous secret, by its salt: until then deliveries are signed with it too."""

    salt: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Webhook:
    """An endpoint. `epoch` and `offset` are its position; `audience` is that of its owner's token."""

    id: WebhookId
    url: str
    events: frozenset[WebhookEvent]
    owner: str
    audience: Audience
    authorized_at: datetime
    salt: str
    created_at: datetime
    epoch: str
    offset: int
    status: WebhookStatus = WebhookStatus.ACTIVE
    attempts: int = 0
    next_attempt_at: datetime | None = None
    failing_since: datetime | None = None
    delivered_at: datetime | None = None
    disabled_at: datetime | None = None
    reason: str | None = None
    generation: int = 1
    """Grows when the owner moves the position: deliveries in progress no longer count then."""
    retiring: tuple[RetiringSecret, ...] = ()
    """The previous secrets, oldest first; some may have expired."""

    def wants(self, event: Event | LostEvent) -> bool:
        """Whether the event is selected and within the owner's scope. A lost event may have been, so it
        counts.
        """
        if isinstance(event, LostEvent):
            return True
        return event_name(event) in self.events and self._may_see(event)

    def _may_see(self, event: Event) -> bool:
        return isinstance(event, CaseEvent | OrderEvent) and self.audience.covers(
            event.view.account.account_no
        )


@dataclass(frozen=True, slots=True)
class UrlPolicy:
    """The permissions for a receiver on the same machine or network."""

    allow_http: bool = False
    allow_private: bool = False


def event_name(event: Event) -> WebhookEvent | None:
    """The event's name in the alert feed; None: it is not posted."""
    match event:
        case CaseEvent():
            return _OF_CASES.get(event.kind)
        case OrderEvent():
            return _OF_ORDERS.get(event.kind)
        case _:
            return None


def check_url(url: str, policy: UrlPolicy) -> Refusal | None:
    """Checks of a URL without resolving its name; its addresses are checked before every post."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return _bad("The URL cannot be parsed.")
    if port == 0:
        return _bad("The URL must not have port 0, on which no server can listen.")
    if not url.isascii() or not url.isprintable() or " " in url or len(url) > URL_CHARACTERS_MAX:
        return _bad(
            f"The URL must be at most {URL_CHARACTERS_MAX} printable ASCII characters, without spaces."
        )
    if parts.scheme not in (("https", "http") if policy.allow_http else ("https",)):
        return _bad("The URL must begin with https://.")
    if not host or parts.username is not None or parts.password is not None or parts.fragment:
        return _bad("The URL must have a host, and no user, password or fragment.")
    if not policy.allow_private and _names_private(host):
        return _bad("The URL names an address that is not public.")
    return None


def is_public(address: str) -> bool:
    """Whether the address is publicly reachable; also checks addresses that embed an IPv4 address."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if any(ip in network for network in _NEVER_PUBLIC):
            return False
    return ip.is_global and not ip.is_multicast


_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_NEVER_PUBLIC = tuple(
    ipaddress.ip_network(network) for network in ("::/96", "::ffff:0:0:0/96", "64:ff9b:1::/48", "fec0::/10")
)
"""Networks that may lead back to the internal network although the library calls them global: IPv4 in retired
and translated forms, local-use translation (RFC 8215), and site-local addresses.
"""


def _names_private(host: str) -> bool:
    host = host.rstrip(".")
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")):
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return not is_public(host)


def _bad(message: str) -> Refusal:
    return Refusal(RefusalCode.URL_REFUSED, message)


def disabled(webhook: Webhook, trigger: WebhookTrigger, reason: str, now: datetime) -> Webhook:
    """No further delivery is tried; the position stays."""
    target = TRANSITIONS[webhook.status, trigger]
    return replace(webhook, status=target, disabled_at=now, next_attempt_at=None, reason=reason)


def replayed(webhook: Webhook, epoch: str, offset: int) -> Webhook:
    """Delivered again from this position."""
    return replace(
        webhook,
        status=TRANSITIONS[webhook.status, WebhookTrigger.REPLAYED],
        epoch=epoch,
        offset=offset,
        generation=webhook.generation + 1,
        **_WELL,
    )


@dataclass(frozen=True, slots=True)
class Post:
    """The event at `offset`, posted to an endpoint; `fault` None: the receiver accepted it."""

    offset: int
    fault: str | None
    at: datetime


def after_post(
    webhook: Webhook, post: Post, *, policy: RetryPolicy, disable_after: timedelta, jitter: float
) -> Webhook:
    """The endpoint after an event was posted to it.

    A failed event is retried, before any later one, until the endpoint has failed for `disable_after`.
    """
    fault, now = post.fault, post.at
    if fault is None:
        return replace(webhook, offset=post.offset, delivered_at=now, **_WELL)
    since = webhook.failing_since or now
    failing = replace(webhook, attempts=webhook.attempts + 1, failing_since=since, reason=fault)
    if now - since >= disable_after:
        return disabled(
            failing, WebhookTrigger.DEAD, f"failing since {since:%Y-%m-%d %H:%M} UTC: {fault}", now
        )
    return replace(failing, next_attempt_at=now + policy.wait(failing.attempts, jitter))


_WELL: dict[str, Any] = {
    "attempts": 0,
    "next_attempt_at": None,
    "failing_since": None,
    "disabled_at": None,
    "reason": None,
}
