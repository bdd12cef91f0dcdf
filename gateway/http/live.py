"""The live side of a process: its shared feed, every open socket and event stream, and one clock for all."""

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from starlette.types import Receive, Scope, Send
from strawberry import Schema

from gateway.http.admission import Admission
from gateway.http.live_requests import LiveRequests
from gateway.http.operation_metrics import OperationMetrics
from gateway.http.personal_reads import PersonalReads
from gateway.http.protocols.http_protocol import TOO_MANY_CONNECTIONS
from gateway.resources import Resources
from models.outbox import note_unreadable_event
from models.quote_codec import QUOTES_TOPIC, quote_from_bytes
from models.sql.codec import event_from_text
from resolvers.execution.executor import Executor
from resolvers.live_feed.fields import describe, postings_of
from subscriptions.connections.frames import SINK_EXTENSION
from subscriptions.connections.mailbox import MailboxLimits
from subscriptions.connections.protocol import PROTOCOL, CloseCode
from subscriptions.connections.running import Backend, Caller, Refused, Wire
from subscriptions.connections.sse import SseStream, StreamLimits
from subscriptions.connections.websocket import Session, SocketLimits
from subscriptions.live.group import LiveLimits
from subscriptions.live.metrics import LiveMetrics
from subscriptions.live.shared import FactReader, LiveFeed

TICK_S = 1.0
DRAIN_REASON = "the desk restarts: reconnect in {seconds} s and resume"
FLUSH_POLL_S = 0.02


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
        settings, telemetry = resources.settings, resources.telemetry
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
            FactReader(
                event_from_text,
                postings_of,
                describe,
                note_unreadable_event,
                *([] if telemetry is None else [telemetry.arrived]),
            ),
            metrics=self.metrics,
        )
        self.reads = PersonalReads(executor, resources.desk)
        operations = OperationMetrics(
            slow_s=settings.slow_operation_s,
            names_max=settings.metrics_operation_names,
            trusted=executor.trusted,
            telemetry=telemetry,
        )
        self.requests = LiveRequests(schema, executor, resources, self.reads, self.metrics, operations)
        self.backend = Backend(self.requests, self.feed, self.metrics)
        self.admission = Admission(resources)
        self._resources = resources
        self._limits = SocketLimits(
            mailbox=MailboxLimits(settings.mailbox_frames, settings.mailbox_bytes),
            operations=settings.ws_max_operations,
            init_timeout_s=settings.ws_init_timeout_s,
            ping_interval_s=settings.ws_ping_interval_s,
            pong_timeout_s=settings.ws_pong_timeout_s,
            expiry_warning_s=settings.token_expiry_warning_s,
        )
        self._sessions: dict[Connection, str | None] = {}
        """Each with the address of its client, if it is known."""
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
        address = self.admission.address_of(scope)
        headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}
        authorization, refusal = headers.get("authorization"), self._refusal(headers, address)
        # Everything that this coroutine and the scope hold stays as long as the socket.
        del headers
        scope["headers"].clear()
        if refusal is not None:
            await self._refuse(refusal, send)
        elif PROTOCOL not in scope["subprotocols"]:
            code = int(CloseCode.SUBPROTOCOL_NOT_ACCEPTABLE)
            self.metrics.closes[code] += 1
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close", "code": code, "reason": "Subprotocol not acceptable"})
        elif not self.admission.take_place(address):
            await self._refuse(_Refusal("connections", 429), send)
        else:
            sink = scope["extensions"][SINK_EXTENSION]
            session = Session(sink, authorization, self.admission, self.backend, self._limits)
            self._sessions[session] = address
            self.admission.await_init(session, address)
            try:
                await send({"type": "websocket.accept", "subprotocol": PROTOCOL})
                await session.run(receive)
            finally:
                self._ended(session)
                self.admission.awaits_no_more(session)
                if sink.violation is not None:
                    self.metrics.closes[sink.violation] += 1

    async def _refuse(self, refusal: "_Refusal", send: Send) -> None:
        self.metrics.refusals[refusal.reason] += 1
        await _refuse(refusal.status, send)

    def _ended(self, connection: Connection) -> None:
        self.admission.leave_place(self._sessions.pop(connection))

    def _refusal(self, headers: Mapping[str, str], address: str | None) -> "_Refusal | None":
        if self.draining:
            return _Refusal("draining", 503)
        if not self.admission.origin_allowed(headers):
            return _Refusal("origin", 403)
        if self.admission.crowded(address):
            return _Refusal("crowded", 503)
        return None

    def open_stream(
        self, caller: Caller, address: str | None, wire: Wire, released: Callable[[SseStream], None]
    ) -> SseStream:
        """A stream of the caller, not connected yet. Raises Refused."""
        if not self.admission.take_place(address):
            raise Refused(TOO_MANY_CONNECTIONS, "Your address has too many sockets and streams: close some.")
        try:
            self.admission.take_seat(caller)
        except Refused:
            self.admission.leave_place(address)
            raise
        stream = SseStream(caller, wire, self.backend, self._stream_limits, released)
        self._sessions[stream] = address
        return stream

    def close_stream(self, stream: SseStream) -> None:
        """The stream has ended."""
        self._ended(stream)
        self.admission.leave(stream.caller)

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


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Why a handshake is refused. Clients of graphql-ws treat both kinds as a lost connection and
    reconnect.
    """

    reason: str
    status: int


async def _refuse(status: int, send: Send) -> None:
    """Before anything is accepted, which costs least and leaves nothing that waits for the peer."""
    headers = [(b"content-length", b"0")]
    # Another page of the same origin would be refused again.
    if status != 403:
        headers.append((b"retry-after", b"1"))
    await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": b""})
