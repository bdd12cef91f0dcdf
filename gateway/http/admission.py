"""Who may open a socket or an event stream, and how many of them one subject may have."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from starlette.types import Scope

from domain.principal import Principal
from gateway.auth import Unauthenticated
from gateway.http.addresses import Addresses, Places
from gateway.http.refusals import RATE_LIMITED
from gateway.http.token_check import TokensExhausted, verified
from gateway.resources import Resources
from subscriptions.connections.running import Caller, Refused
from subscriptions.connections.websocket import Session

TOO_MANY_SOCKETS = "TOO_MANY_SOCKETS"


def caller_of(principal: Principal) -> Caller:
    """The principal as connections know it."""
    return Caller(principal.subject, principal.token_expires_at.timestamp(), principal)


class Admission:
    """The authentication functions of sockets and event streams; one per process."""

    def __init__(self, resources: Resources) -> None:
        settings = resources.settings
        self._resources = resources
        self._addresses = Addresses(settings.trusted_proxies)
        self.awaiting_init: dict[Session, str | None] = {}
        """Sockets without a known subject yet, to which no subject's limit applies, and their addresses."""
        self._awaiting_of = Places(settings.ws_max_awaiting_init_per_address)
        self._places = Places(settings.connections_per_address)
        """The open sockets and streams of each address."""
        self.seats: Counter[str] = Counter()
        """The open sockets and streams of each subject."""

    def address_of(self, scope: Scope) -> str | None:
        """The client's address that counts; None: none is known."""
        return self._addresses.of(scope.get("client"))

    def crowded(self, address: str | None) -> bool:
        """Whether as many sockets wait for their subject as may, in all or of this address."""
        most = self._resources.settings.ws_max_awaiting_init
        return len(self.awaiting_init) >= most or self._awaiting_of.full(address)

    def take_place(self, address: str | None) -> bool:
        """Count one more socket or stream of the address; False: it has too many."""
        return self._places.take(address)

    def leave_place(self, address: str | None) -> None:
        """One socket or stream of the address has ended."""
        self._places.leave(address)

    def await_init(self, session: Session, address: str | None) -> None:
        """A socket was opened whose subject is not known yet; it is not `crowded`."""
        self._awaiting_of.take(address)
        self.awaiting_init[session] = address

    def awaits_no_more(self, session: Session) -> None:
        """Its subject is known, or it has ended."""
        if session in self.awaiting_init:
            self._awaiting_of.leave(self.awaiting_init.pop(session))

    def verified(self, authorization: object, address: str | None) -> Caller:
        """The caller with this header; raises Refused."""
        try:
            text = authorization if isinstance(authorization, str) else None
            principal = verified(self._resources, text, address)
        except TokensExhausted as exhausted:
            excess = exhausted.excess
            raise Refused(RATE_LIMITED, excess.message, excess.retry_after_s) from None
        except Unauthenticated as refused:
            raise Refused(refused.code, refused.message, refused.retry_after_s) from None
        return caller_of(principal)

    def origin_allowed(self, headers: Mapping[str, str]) -> bool:
        """Browsers send their page's origin; other clients send none."""
        origin = headers.get("origin")
        if origin is None or origin in self._resources.settings.allowed_origins:
            return True
        return origin.partition("://")[2] == headers.get("host")

    def admit(self, session: Session, params: dict[str, Any]) -> Caller:
        """By the payload of connection_init, or the header of the handshake."""
        given = params.get("authorization", params.get("Authorization", session.authorization))
        caller = self.verified(given, self.awaiting_init.get(session))
        self.take_seat(caller)
        self.awaits_no_more(session)
        return caller

    def readmit(self, caller: Caller, token: str) -> Caller:
        """A refreshed token must be for the same subject."""
        refreshed = self.verified(token if token.lower().startswith("bearer ") else f"Bearer {token}", None)
        if refreshed.subject != caller.subject:
            raise Refused("TOKEN_CLAIMS", "the refreshed token is for another subject")
        return refreshed

    def require_room(self, caller: Caller, size: int) -> None:
        """Count a message before it is read; raises Refused if a rate limit is exceeded."""
        if (excess := self._resources.rates.body(caller.subject, size)) is not None:
            raise Refused(RATE_LIMITED, excess.message, excess.retry_after_s)

    def take_seat(self, caller: Caller) -> None:
        """Count one more socket or stream of the subject; raises Refused at the limit."""
        most = self._resources.settings.ws_max_sockets_per_subject
        if self.seats[caller.subject] >= most:
            raise Refused(TOO_MANY_SOCKETS, f"at most {most} sockets and streams per subject")
        self.seats[caller.subject] += 1

    def leave(self, caller: Caller) -> None:
        """One socket or stream of the subject has ended."""
        self.seats[caller.subject] -= 1
        if not self.seats[caller.subject]:
            del self.seats[caller.subject]

    def same_audience(self, before: Caller, after: Caller) -> bool:
        """Whether both have the same rights and scope."""
        first: Principal = before.principal
        second: Principal = after.principal
        return first.audience == second.audience

    def greeting(self, caller: Caller) -> dict[str, Any]:
        """How long the token is valid, and how far back a client can resume."""
        settings = self._resources.settings
        left = caller.expires_at - self._resources.desk.clock().timestamp()
        return {
            "tokenExpiresInS": max(0, round(left)),
            "pingIntervalS": settings.ws_ping_interval_s,
            "resumeWithinS": settings.outbox_retention_hours * 3600,
        }
