"""The application: routes, middleware and lifespan, built from the settings alone."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.http.graphql import Endpoint
from gateway.http.limits import BodyLimit, document_limits
from gateway.http.live import Live
from gateway.http.report_endpoint import ReportEndpoint
from gateway.http.sse import EventStreams, wants_event_stream
from gateway.logs import REQUEST_ID_HEADER, RequestId
from gateway.loops.patience import Question
from gateway.metrics import CONTENT_TYPE, Waiting, ask_waiting, exposition
from gateway.resources import Parts, Resources, open_resources
from gateway.settings import Settings
from gateway.startup.one_line import OneLineStart
from gateway.startup.preparation import check_calendars, import_if_empty, prepare_tables
from gateway.workers.process import Workers
from models.sql.database import NO_ANSWER, fetch
from models.sql.unreadable import UnreadableRow
from resolvers.execution.executor import Executor
from resolvers.schema import build_schema

STREAM_PATH = "/graphql/stream"
REPORTS_PATH = "/reports/"
DAMAGED_ROWS_NAMED = 5
"""Further rows are counted; the log names all of them."""
DATABASE_PATIENCE_S = 2.0
"""For probes and scrapes, whose callers do not wait much longer either."""


class Application:
    """One process of the desk. `running` holds what the lifespan opened, None before and after."""

    def __init__(self, settings: Settings, parts: Parts) -> None:
        self._settings = settings
        self._parts = parts
        self._schema = build_schema()
        self._executor = Executor(
            self._schema._schema, document_limits(settings), introspection=settings.introspection
        )
        self._database_there = Question(lambda: fetch("SELECT 1 AS one"), DATABASE_PATIENCE_S)
        self._waiting = Question(self._ask_waiting, DATABASE_PATIENCE_S)
        self._endpoint: Endpoint | None = None
        self._streams: EventStreams | None = None
        self._reports: ReportEndpoint | None = None
        self._workers: Workers | None = None
        self.live: Live | None = None
        self.resources: Resources | None = None

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """Open, prepare the tables, import the book into an empty database, work, close."""
        await asyncio.to_thread(check_calendars, self._settings, self._parts.clock())
        async with open_resources(self._settings, self._parts) as resources:
            await prepare_tables(self._settings.profile, resources.database)
            with resources.database.active():
                await import_if_empty(self._settings.book_file, resources.desk.clock())
                await resources.revocations.load()
                live = Live(self._schema, self._executor, resources)
                workers = Workers(resources, live)
                self.resources, self._workers, self.live = resources, workers, live
                self._endpoint = Endpoint(self._schema, self._executor, resources, live.reads)
                self._streams = EventStreams(live)
                self._reports = ReportEndpoint(resources)
                workers.start()
                try:
                    yield
                finally:
                    await live.drain()
                    self._endpoint = self._streams = self._reports = self.live = None
                    await workers.stop()
                    self.resources = self._workers = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve `/graphql` and below, and `/reports/`, with the database active in the request's task."""
        assert self.resources is not None, "a request was served outside of the lifespan"
        serve = self._transport(scope)
        # A client that disconnects in the middle of its own request waits for no answer.
        with self.resources.database.active(), suppress(ClientDisconnect):
            await serve(scope, receive, send)

    def _transport(self, scope: Scope) -> ASGIApp:
        """The application for a WebSocket, an event stream, or a plain request."""
        assert self.live is not None
        assert self._endpoint is not None
        assert self._streams is not None
        assert self._reports is not None
        if scope["type"] == "websocket":
            return self.live.serve
        if scope["path"].startswith(REPORTS_PATH):
            return self._reports
        if scope["path"].endswith(STREAM_PATH):
            return self._streams.single
        return self._streams.distinct if wants_event_stream(Headers(scope=scope)) else self._endpoint

    async def drain(self) -> None:
        """Close the sockets with a reason while clients can still receive it; the server calls it before it
        stops.
        """
        if self.live is not None:
            await self.live.drain()

    async def health(self, _: Request) -> Response:
        """Liveness: the process runs."""
        return JSONResponse({"status": "alive"})

    async def readiness(self, _: Request) -> Response:
        """Readiness: the database, the bus, the loops and the clock of this process."""
        checks: dict[str, object] = {"database": await self._database_answers()}
        checks |= {"bus": False, "workers": False, "leader": False, "led": True}
        checks |= {"clock": True, "trading": True, "feed": True, "settings": True, "data": True}
        checks |= {"loops": True}
        if self.resources is not None and self._workers is not None:
            watch = self.resources.feed_watch
            checks["clock"] = not self.resources.database_clock.too_large and watch.clocks_agree
            checks["feed"] = watch.delivers
            checks |= {} if watch.trouble is None else {"feedTrouble": watch.trouble}
            trouble = self.resources.bus.trouble
            checks |= {"bus": trouble is None} if trouble is None else {"bus": False, "busTrouble": trouble}
            checks["workers"] = self._workers.ready
            checks["leader"] = self._workers.leading
            if (leaderless := self._workers.leaderless) is not None:
                checks |= {"led": False, "ledTrouble": leaderless}
            if failing := self._workers.failing:
                checks |= {"loops": False, "loopsTrouble": "; ".join(failing)}
            checks["trading"] = self._workers.trading
            checks["settings"] = not self.resources.desk.policy.books.settings.unreadable
            damaged = [f"{row.table} {row.row_id}" for row in self.resources.database.unreadable.damaged()]
            checks |= _data(damaged + [f"market_day {id_}" for id_ in self.resources.market_days.unreadable])
        ready = checks["database"] and checks["workers"] and checks["clock"]
        # Without Redis everything continues, with live delivery a little later; without the venue everything
        # but trading; and another process would see the same silent feed and the same damaged rows. None of
        # these is a reason to turn callers away.
        whole = all(checks[name] for name in ("bus", "led", "trading", "feed", "settings", "data", "loops"))
        status = ("ready" if whole else "degraded") if ready else "not ready"
        return JSONResponse({"status": status, **checks}, status_code=200 if ready else 503)

    async def metrics(self, _: Request) -> Response:
        """The metrics for Prometheus."""
        if self.resources is None or self.live is None or self._workers is None:
            return Response(status_code=503)
        waiting: Waiting | None = None
        # `/readyz` names damaged data; it must not take other figures away.
        with suppress(*NO_ANSWER, UnreadableRow), self.resources.database.active():
            waiting = await self._waiting.answer()
        text = exposition(self.resources, self.live, self._workers, waiting)
        return Response(text, media_type=CONTENT_TYPE)

    async def _ask_waiting(self) -> Waiting:
        assert self.resources is not None
        return await ask_waiting(self.resources.desk.clock())

    async def _database_answers(self) -> bool:
        if self.resources is None:
            return False
        try:
            with self.resources.database.active():
                await self._database_there.answer()
        except NO_ANSWER:
            return False
        return True


def _data(damaged: Sequence[str]) -> dict[str, object]:
    """The unreadable stored rows that the process has met; the log has the reasons."""
    if not damaged:
        return {"data": True}
    named = list(damaged[:DAMAGED_ROWS_NAMED])
    if len(damaged) > len(named):
        named.append(f"{len(damaged) - len(named)} more")
    return {"data": False, "dataTrouble": f"stored rows cannot be read: {', '.join(named)}"}


async def _to_graphql(_: Request) -> Response:
    """A browser at the bare address gets the explorer; relative, for a proxy that adds a prefix."""
    return RedirectResponse("graphql")


def create_app(settings: Settings, parts: Parts | None = None) -> Starlette:
    """The ASGI application; `parts` replaces the clock, venue or feed."""
    application = Application(settings, parts or Parts())
    app = Starlette(
        routes=[
            Route("/", _to_graphql, methods=["GET"]),
            Route("/graphql", application),
            Route(STREAM_PATH, application),
            WebSocketRoute("/graphql", application),
            Route(f"{REPORTS_PATH}{{name}}.csv", application, methods=["GET"]),
            Route("/healthz", application.health),
            Route("/readyz", application.readiness),
            Route("/metrics", application.metrics),
        ],
        middleware=[
            Middleware(OneLineStart),
            Middleware(RequestId),
            Middleware(
                CORSMiddleware,
                allow_origins=settings.allowed_origins,
                allow_methods=["POST"],
                allow_headers=["Authorization", "Content-Type", REQUEST_ID_HEADER],
                expose_headers=[REQUEST_ID_HEADER],
            ),
            Middleware(BodyLimit, max_body_bytes=settings.max_body_bytes),
        ],
        lifespan=application.lifespan,
    )
    app.state.application = application
    return app
