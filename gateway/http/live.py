"""What the live transports need from the gateway: admission, GraphQL for a socket, and one clock for all.

Sockets are registered by subject, so that a revoked subject's sockets can be closed, and so that no subject
opens too many.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

import structlog
from graphql import GraphQLError
from starlette.types import Receive, Scope, Send
from strawberry import Schema

from domain.principal import Audience, Principal
from gateway.auth import Unauthenticated, bearer
from gateway.http.personal_reads import PersonalReads
from gateway.logs import current_request_id
from gateway.resources import Resources
from models.outbox import note_unreadable_event
from models.quote_codec import QUOTES_TOPIC, quote_from_bytes
from models.sql.codec import event_from_text
from models.sql.database import UnstorableText
from resolvers.execution.executor import AdmittedOperation, Executor, encode
from resolvers.kit.context import RequestContext
from resolvers.kit.errors import (
    BAD_USER_INPUT,
    CURSOR_EXPIRED,
    CURSOR_INVALID,
    FORBIDDEN,
    INTERNAL,
    ApiError,
    coded,
)
from resolvers.live_feed.fields import describe, postings_of
from resolvers.live_feed.schema import LiveSchema, Prepared
from subscriptions.connections import protocol
from subscriptions.connections.frames import SINK_EXTENSION
from subscriptions.connections.mailbox import MailboxLimits
from subscriptions.connections.protocol import PROTOCOL, CloseCode
from subscriptions.connections.running import Backend, Caller, Refused, Single, Wire
from subscriptions.connections.sse import SseStream, StreamLimits
from subscriptions.connections.websocket import Session, SocketLimits
from subscriptions.live.group import LiveLimits
from subscriptions.live.metrics import LiveMetrics
from subscriptions.live.shared import LiveFeed
from subscriptions.stream.bus import PositionLost

TICK_S = 1.0
TOO_MANY_SOCKETS = "TOO_MANY_SOCKETS"
DRAIN_REASON = "the desk restarts: reconnect in {seconds} s and resume"
FLUSH_POLL_S = 0.02

log = structlog.get_logger()


class Connection(Protocol):
    """A socket or an event stream, as seen by the clock, draining and revocation."""

    @property
    def caller(self) -> Caller | None:
        """The caller once it is known."""

    @property
    def depth(self) -> int:
        """The number of waiting frames."""

    def close(self, code: CloseCode, reason: str) -> None:
        """Close from the desk's side."""

    def tick(self, now: float, wall: float) -> None:
        """Do what has become due."""


class Live:
    """The live side of one process."""

    def __init__(self, schema: Schema, executor: Executor, resources: Resources) -> None:
        settings = resources.settings
        self.metrics = LiveMetrics()
        self.feed = LiveFeed(
            resources.stream,
            LiveLimits(
                group_backlog=settings.live_group_backlog,
                remembered_bytes=settings.live_remembered_bytes,
                catch_up_frames=settings.live_catch_up_frames,
                linger_s=settings.live_linger_s,
                lingering_groups=settings.live_lingering_groups,
            ),
            decode=event_from_text,
            unreadable=note_unreadable_event,
            postings_of=postings_of,
            describe=describe,
            metrics=self.metrics,
        )
        self.backend = Backend(self, self.feed, self.metrics)
        self._executor = executor
        self.reads = PersonalReads(executor, resources.desk)
        self._live_schema = LiveSchema(schema, executor, resources.api)
        self._resources = resources
        self._limits = SocketLimits(
            mailbox=MailboxLimits(settings.mailbox_frames, settings.mailbox_bytes),
            operations=settings.ws_max_operations,
            init_timeout_s=settings.ws_init_timeout_s,
            ping_interval_s=settings.ws_ping_interval_s,
            pong_timeout_s=settings.ws_pong_timeout_s,
            expiry_warning_s=settings.token_expiry_warning_s,
        )
        self._sessions: dict[Connection, None] = {}
        self._awaiting_init: dict[Connection, None] = {}
        """Sockets without a known subject yet, to which no subject's limit applies."""
        self._by_subject: Counter[str] = Counter()
        self._stream_limits = StreamLimits(
            mailbox=self._limits.mailbox,
            operations=settings.ws_max_operations,
            heartbeat_s=settings.sse_heartbeat_s,
            reserved_s=settings.sse_reserved_s,
        )
        self.draining = False

    @property
    def sessions(self) -> Iterable[Connection]:
        """Every open socket and event stream."""
        return self._sessions

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one WebSocket, from its handshake on; inside `Database.active()`."""
        connected = await receive()
        assert connected["type"] == "websocket.connect"
        headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}
        authorization, refusal = headers.get("authorization"), self._refusal(headers)
        # Everything that this coroutine and the scope hold stays as long as the socket.
        del headers
        scope["headers"].clear()
        if refusal is not None:
            self.metrics.refusals[refusal.reason] += 1
            await _refuse(refusal.status, send)
            return
        if PROTOCOL not in scope["subprotocols"]:
            code = int(CloseCode.SUBPROTOCOL_NOT_ACCEPTABLE)
            self.metrics.closes[code] += 1
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close", "code": code, "reason": "Subprotocol not acceptable"})
            return
        await send({"type": "websocket.accept", "subprotocol": PROTOCOL})
        sink = scope["extensions"][SINK_EXTENSION]
        session = Session(sink, authorization, self, self.backend, self._limits)
        self._sessions[session] = self._awaiting_init[session] = None
        try:
            await session.run(receive)
        finally:
            del self._sessions[session]
            self._awaiting_init.pop(session, None)
            if sink.violation is not None:
                self.metrics.closes[sink.violation] += 1

    def _refusal(self, headers: Mapping[str, str]) -> "_Refusal | None":
        if self.draining:
            return _Refusal("draining", 503)
        if not self.origin_allowed(headers):
            return _Refusal("origin", 403)
        if len(self._awaiting_init) >= self._resources.settings.ws_max_awaiting_init:
            return _Refusal("crowded", 503)
        return None

    def open_stream(self, caller: Caller, wire: Wire, released: Callable[[SseStream], None]) -> SseStream:
        """A stream of the caller, not connected yet. Raises Refused."""
        self._take_seat(caller)
        stream = SseStream(caller, wire, self.backend, self._stream_limits, released)
        self._sessions[stream] = None
        return stream

    def close_stream(self, stream: SseStream) -> None:
        """The stream has ended."""
        del self._sessions[stream]
        self.leave(stream.caller)

    async def run_clock(self) -> None:
        """Deadlines, pings and expiry of every socket, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(TICK_S)
            now, wall = loop.time(), self._resources.desk.clock().timestamp()
            for session in list(self._sessions):
                session.tick(now, wall)

    async def run_quotes(self) -> None:
        """Broadcast quotes to their subscribers, until cancelled."""
        async with self._resources.bus.watch(QUOTES_TOPIC) as messages:
            await self.feed.follow(quote_from_bytes(message.payload) async for message in messages)

    async def drain(self) -> None:
        """Accept no new sockets, send what is waiting, and ask every socket to reconnect at a moment of its
        own.
        """
        if self.draining:
            return
        self.draining = True
        for _ in range(round(self._resources.settings.drain_flush_s / FLUSH_POLL_S)):
            if self._flushed():
                break
            await asyncio.sleep(FLUSH_POLL_S)
        for session in list(self._sessions):
            pause_s = random.uniform(0, self._resources.settings.drain_spread_s)
            session.close(CloseCode.SERVICE_RESTART, DRAIN_REASON.format(seconds=f"{pause_s:.1f}"))
        await self.feed.close()

    def _flushed(self) -> bool:
        return self.feed.idle and not any(session.depth for session in self._sessions)

    def close_subject(self, subject: str) -> int:
        """Close the sockets of a subject whose tokens were revoked; returns how many."""
        closed = 0
        for session in list(self._sessions):
            if session.caller is not None and session.caller.subject == subject:
                session.close(CloseCode.FORBIDDEN, "TOKEN_REVOKED: your access was revoked")
                closed += 1
        return closed

    def admit(self, session: Session, params: dict[str, Any]) -> Caller:
        """By the payload of connection_init, or the header of the handshake."""
        given = params.get("authorization", params.get("Authorization", session.authorization))
        caller = self.verified(given)
        self._take_seat(caller)
        self._awaiting_init.pop(session, None)
        return caller

    def _take_seat(self, caller: Caller) -> None:
        most = self._resources.settings.ws_max_sockets_per_subject
        if self._by_subject[caller.subject] >= most:
            raise Refused(TOO_MANY_SOCKETS, f"at most {most} sockets and streams per subject")
        self._by_subject[caller.subject] += 1

    def readmit(self, caller: Caller, token: str) -> Caller:
        """A refreshed token must be for the same subject."""
        refreshed = self.verified(token if token.lower().startswith("bearer ") else f"Bearer {token}")
        if refreshed.subject != caller.subject:
            raise Refused("TOKEN_CLAIMS", "the refreshed token is for another subject")
        return refreshed

    def same_audience(self, before: Caller, after: Caller) -> bool:
        """Whether both have the same rights and scope."""
        first: Principal = before.principal
        second: Principal = after.principal
        return first.audience == second.audience

    def leave(self, caller: Caller) -> None:
        """One socket or stream of the subject has ended."""
        self._by_subject[caller.subject] -= 1
        if not self._by_subject[caller.subject]:
            del self._by_subject[caller.subject]

    def greeting(self, caller: Caller) -> dict[str, Any]:
        """How long the token is valid, and how far back a client can resume."""
        settings = self._resources.settings
        left = caller.expires_at - self._resources.desk.clock().timestamp()
        return {
            "tokenExpiresInS": max(0, round(left)),
            "pingIntervalS": settings.ws_ping_interval_s,
            "resumeWithinS": settings.outbox_retention_hours * 3600,
        }

    def prepare(self, message: protocol.Subscribe, caller: Caller) -> Prepared | Single | list[Any]:
        """Parse, validate, authorise."""
        document = self._executor.read(message.query)
        operation = self._executor.admit(document, message.operation_name, message.variables)
        if not isinstance(operation, AdmittedOperation):
            return [error.formatted for error in operation]
        principal: Principal = caller.principal
        if not operation.is_subscription:
            return Single(partial(self._execute, operation, principal))
        try:
            return self._start(operation, principal.audience, message.last_event_id)
        except GraphQLError as refused:
            error = coded(refused)
            if (error.extensions or {}).get("code") == CURSOR_INVALID:
                self.metrics.resumes["invalid"] += 1
            return [error.formatted]

    def _start(self, operation: AdmittedOperation, audience: Audience, last_event_id: str | None) -> Prepared:
        if not audience.may_see:
            raise ApiError(FORBIDDEN, "Your token grants no permission of this desk.")
        return self._live_schema.prepare(operation, audience, last_event_id)

    async def on_subscribe(self, message: protocol.Subscribe, caller: Caller) -> None:
        """Record readers of personal data."""
        await self.reads.subscribed(caller.principal, self._executor.read(message.query))

    async def _execute(self, operation: AdmittedOperation, principal: Principal) -> bytes:
        """Execute a query or a mutation with a context of its own."""
        context = RequestContext(self._resources.api, replace(principal, request_id=current_request_id()))
        result = await self._executor.execute(operation, context)
        await self.reads.executed(context, operation.document)
        return encode(result)

    def errors_of(self, failure: BaseException) -> list[Any]:
        """The errors that ended an operation, for its client; a bug is logged with its traceback."""
        if isinstance(failure, PositionLost):
            message = "The stream cannot be resumed from this cursor: query the list, or ask for a snapshot."
            return [ApiError(CURSOR_EXPIRED, message).formatted]
        if isinstance(failure, GraphQLError):
            return [coded(failure).formatted]
        if isinstance(failure, UnstorableText):
            return [ApiError(BAD_USER_INPUT, f"{failure}.").formatted]
        log.error("an operation failed", exc_info=failure)
        return [ApiError(INTERNAL, "An internal fault of the desk ended the operation.").formatted]

    def verified(self, authorization: object) -> Caller:
        """The caller with this header; raises Refused."""
        resources = self._resources
        try:
            text = authorization if isinstance(authorization, str) else None
            principal = resources.tokens.verify(bearer(text), resources.desk.clock())
        except Unauthenticated as refused:
            raise Refused(refused.code, refused.message) from None
        return Caller(principal.subject, principal.token_expires_at.timestamp(), principal)

    def origin_allowed(self, headers: Mapping[str, str]) -> bool:
        """Browsers send their page's origin; other clients send none."""
        origin = headers.get("origin")
        if origin is None or origin in self._resources.settings.allowed_origins:
            return True
        return origin.partition("://")[2] == headers.get("host")


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Why a handshake is refused. Clients of graphql-ws treat both kinds as a lost connection and
    reconnect.
    """

    reason: str
    status: int


async def _refuse(status: int, send: Send) -> None:
    """Before anything is accepted, which costs least and leaves nothing that waits for the peer."""
    headers = [(b"content-length", b"0"), (b"retry-after", b"1")]
    await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": b""})
