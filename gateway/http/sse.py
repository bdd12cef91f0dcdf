"""GraphQL over Server-Sent Events, the HTTP side: who may open which stream, and the form of refusals.

Distinct connections mode: `POST /graphql` with `accept: text/event-stream`. Single connection mode, at
`/graphql/stream`: PUT reserves, GET opens, POST executes, DELETE stops. A refusal before GraphQL is JSON with
its own status, as everywhere; an invalid document or cursor is reported on the stream in the former mode and
by 400 in the latter. A reservation belongs to the process that made it.
"""

import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from gateway.http.admission import caller_of
from gateway.http.live import Live
from gateway.http.media import EVENT_STREAM, GRAPHQL_RESPONSE, JSON, negotiated
from gateway.http.parameters import json_body, parameters_of
from gateway.http.protocols.http_protocol import STREAM_EXTENSION
from gateway.http.refusals import NO_STORE, HttpRefused, rate_limited
from gateway.http.token_check import RequestCheck
from subscriptions.connections.protocol import ID_CHARACTERS_MAX, CloseCode, Subscribe, trace_of
from subscriptions.connections.running import Caller, Refused
from subscriptions.connections.sse import DISTINCT_ID, DistinctWire, SingleWire, SseStream

TOKEN_HEADER = "X-GraphQL-Event-Stream-Token"
TOKEN_BYTES = 24
_HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    (b"connection", b"close"),
)


class EventStreams:
    """The streams of one process; its methods are ASGI applications, inside `Database.active()`."""

    def __init__(self, live: Live, check: RequestCheck) -> None:
        self._live = live
        self._check = check
        self._by_token: dict[str, SseStream] = {}

    async def distinct(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One operation, one stream."""
        request = Request(scope, receive)
        try:
            _require_method(request, "POST")
            body = await self._body(request)
            caller = self._caller(request)
            with self._refusals_count(caller):
                asked = replace(
                    subscribe_of(body, DISTINCT_ID, request.headers.get("last-event-id")),
                    trace=trace_of(request.headers),
                )
            message = self._counted(asked, caller)
            stream = self._open(request, caller, DistinctWire(), self._live.close_stream)
        except HttpRefused as refused:
            await refused.response(scope, receive, send)
            return
        await self._serve(stream, scope, receive, send, lambda: stream.start(message, caller))

    async def single(self, scope: Scope, receive: Receive, send: Send) -> None:
        """All operations of a client over one stream."""
        request = Request(scope, receive)
        try:
            _require_method(request, "PUT", "GET", "POST", "DELETE")
            if request.method == "GET":
                stream = self._claimed(request)
            else:
                response = await self._answer(request)
                response.headers.update(NO_STORE)
        except HttpRefused as refused:
            await refused.response(scope, receive, send)
            return
        if request.method == "GET":
            await self._serve(stream, scope, receive, send, lambda: None)
        else:
            await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        body = await self._body(request) if request.method == "POST" else {}
        caller = self._caller(request)
        if request.method == "PUT":
            return PlainTextResponse(self._reserve(request, caller), 201)
        stream = self._owned(request, caller)
        if request.method == "POST":
            return self._execute(stream, caller, body)
        if not (identifier := request.query_params.get("operationId")):
            raise HttpRefused(400, "BAD_REQUEST", "Name the operation with ?operationId=.")
        stream.stop(identifier)
        return Response(status_code=200)

    def _reserve(self, request: Request, caller: Caller) -> str:
        token = secrets.token_urlsafe(TOKEN_BYTES)

        def released(stream: SseStream) -> None:
            del self._by_token[token]
            self._live.close_stream(stream)

        self._by_token[token] = self._open(request, caller, SingleWire(), released)
        return token

    def _execute(self, stream: SseStream, caller: Caller, body: dict[str, Any]) -> Response:
        with self._refusals_count(caller):
            message = subscribe_of(body, _operation_id(body), None)
        if message.id in stream:
            raise HttpRefused(409, "OPERATION_EXISTS", "An operation with this id is already running.")
        if stream.full:
            raise HttpRefused(
                429, "TOO_MANY_OPERATIONS", "The limit of operations on this stream is reached."
            )
        message = self._counted(message, caller)
        # Checked here too, since an invalid document is answered in this response.
        if isinstance(errors := self._live.requests.prepare(message, caller), list):
            return JSONResponse({"errors": errors}, 400)
        stream.start(message, caller)
        return Response(status_code=202)

    def _counted(self, message: Subscribe, caller: Caller) -> Subscribe:
        """Raises HttpRefused if a rate limit is exceeded: afterwards the status is that of the stream."""
        if (excess := self._live.requests.excess(message, caller)) is not None:
            raise rate_limited(excess)
        return replace(message, counted=True)

    def _claimed(self, request: Request) -> SseStream:
        """The reserved stream for this connection.

        Browsers cannot send a header with it: then the stream's token suffices, which is a secret of its
        subject and valid for one connection.
        """
        _require_stream_accepted(request)
        authorised = "authorization" in request.headers
        caller = self._caller(request) if authorised else None
        self._require_origin(request)
        stream = self._owned(request, caller)
        if stream.open:
            raise HttpRefused(409, "STREAM_OPEN", "The stream is already open.")
        return stream

    def _owned(self, request: Request, caller: Caller | None) -> SseStream:
        """Another subject's stream is answered like one that does not exist."""
        token = request.headers.get(TOKEN_HEADER) or request.query_params.get("token")
        if not token:
            raise HttpRefused(400, "BAD_REQUEST", f"Name the stream with {TOKEN_HEADER} or ?token=.")
        stream = self._by_token.get(token)
        if stream is None or (caller is not None and caller.subject != stream.caller.subject):
            raise HttpRefused(404, "STREAM_UNKNOWN", "No such stream exists: reserve one with PUT.")
        if caller is not None:
            self._refresh(stream, caller)
        return stream

    def _refresh(self, stream: SseStream, caller: Caller) -> None:
        if not self._live.admission.same_audience(stream.caller, caller):
            # The old audience's events must not be sent to the new one.
            stream.close(CloseCode.TRY_AGAIN_LATER, "your permissions changed: reconnect and resume")
            raise HttpRefused(409, "PERMISSIONS_CHANGED", "Your permissions changed: reserve a new stream.")
        stream.refresh(caller)

    async def _body(self, request: Request) -> dict[str, Any]:
        """Not read for requests that are refused anyway.

        The body may take any time to arrive, so the caller and the stream are checked again afterwards.
        """
        caller, rates = self._caller(request), self._live.requests.rates
        with self._refusals_count(caller):
            return await json_body(request, partial(rates.require_room, caller.subject))

    def _refusals_count(self, caller: Caller) -> AbstractContextManager[None]:
        return self._live.requests.rates.refusals_count(caller.subject)

    def _caller(self, request: Request) -> Caller:
        self._require_origin(request)
        return caller_of(self._check.principal(request))

    def _require_origin(self, request: Request) -> None:
        if not self._live.admission.origin_allowed(request.headers):
            raise HttpRefused(403, "ORIGIN_REFUSED", "Requests from this origin are not allowed.")

    def _open(
        self, request: Request, caller: Caller, wire: Any, released: Callable[[SseStream], None]
    ) -> SseStream:
        if self._live.draining:
            raise HttpRefused(
                503, "RESTARTING", "The desk is not ready: retry in a moment.", {"Retry-After": "1"}
            )
        try:
            return self._live.open_stream(
                caller, self._live.admission.address_of(request.scope), wire, released
            )
        except Refused as refused:
            raise HttpRefused(429, refused.code, refused.message, {"Retry-After": "1"}) from None

    async def _serve(
        self, stream: SseStream, scope: Scope, receive: Receive, send: Send, begin: Callable[[], None]
    ) -> None:
        """Until either side ends the connection."""
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            stream.attach(
                scope["extensions"][STREAM_EXTENSION](), self._live.admission.greeting(stream.caller)
            )
            begin()
            while (await receive())["type"] != "http.disconnect":
                pass
        finally:
            await stream.ended()


def wants_event_stream(headers: Headers) -> bool:
    """Whether the client prefers an event stream to JSON; with equal preferences, the one named first."""
    return negotiated(headers.get("accept"), (JSON, GRAPHQL_RESPONSE, EVENT_STREAM)) == EVENT_STREAM


def subscribe_of(body: dict[str, Any], identifier: str, last_event_id: str | None) -> Subscribe:
    """The parameters of a GraphQL request; raises HttpRefused."""
    asked = parameters_of(body)
    variables = None if asked.variables is None else dict(asked.variables)
    return Subscribe(
        identifier, asked.query, variables, asked.operation_name, last_event_id or None, asked.document
    )


def _operation_id(body: dict[str, Any]) -> str:
    extensions = body.get("extensions")
    identifier = extensions.get("operationId") if isinstance(extensions, dict) else None
    if not isinstance(identifier, str) or not 0 < len(identifier) <= ID_CHARACTERS_MAX:
        raise HttpRefused(400, "BAD_REQUEST", "extensions.operationId must name the operation.")
    return identifier


def _require_method(request: Request, *methods: str) -> None:
    if request.method not in methods:
        allowed = ", ".join(methods)
        raise HttpRefused(
            405, "METHOD_NOT_ALLOWED", f"Event streams accept these methods: {allowed}.", {"Allow": allowed}
        )


def _require_stream_accepted(request: Request) -> None:
    if negotiated(request.headers.get("accept"), (EVENT_STREAM,)) is None:
        raise HttpRefused(406, "NOT_ACCEPTABLE", f"The response is an event stream: accept {EVENT_STREAM}.")
