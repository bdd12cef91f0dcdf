"""The application: routes, middleware and lifespan, built from the settings alone."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.http.error_counts import CountErrors, HttpErrors
from gateway.http.explorer import explorer_pages, is_explorer_open
from gateway.http.front import GRAPHQL_PATH, Front
from gateway.http.graphql import Endpoint
from gateway.http.limits import BodyLimit, document_limits
from gateway.http.live import Live
from gateway.http.metrics_port import MetricsPort
from gateway.http.pages import Pages, PageSet, console_policy
from gateway.http.probe_paths import HEALTH_PATH, METRICS_PATH, READINESS_PATH
from gateway.http.refusals import fault_response
from gateway.http.report_endpoint import ReportEndpoint
from gateway.http.server import APPLICATION
from gateway.http.sse import TOKEN_HEADER, EventStreams, wants_event_stream
from gateway.http.token_check import RequestCheck
from gateway.logs import REQUEST_ID_HEADER, RequestId
from gateway.loops.policy import supervised
from gateway.loops.supervisor import Worker
from gateway.metrics import Metrics, ProcessMetrics, make_metrics
from gateway.probes import Probes
from gateway.resources import Parts, Resources, open_resources
from gateway.settings import Settings
from gateway.startup.one_line import OneLineStart
from gateway.startup.preparation import check_calendars, import_if_empty, load_manifest, prepare_tables
from gateway.watch.samples import WorkerSamples
from gateway.watch.trusted_manifest import TrustedManifest, manifest_file
from gateway.workers.process import Workers
from resolvers.execution.executor import Executor
from resolvers.execution.trusted import TrustedDocuments
from resolvers.schema import build_schema

TRACE_HEADERS = ("traceparent", "tracestate")
"""Of W3C Trace Context: pages that are traced send them."""
SAMPLES_TIMEOUT_S = 2.0
"""How long a write of samples that has begun may take at the end."""


@dataclass(frozen=True, slots=True)
class Application:
    """The resources that the lifespan opened; every request finds them in the state of its scope."""

    resources: Resources
    live: Live
    workers: Workers
    endpoint: Endpoint
    streams: EventStreams
    reports: ReportEndpoint
    metrics: Metrics
    probes: Probes
    manifest: TrustedManifest | None
    """None: the desk runs any document."""

    async def over_http(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve `/graphql` without a WebSocket, by what the client accepts."""
        streamed = wants_event_stream(Headers(scope=scope))
        await (self.streams.distinct if streamed else self.endpoint)(scope, receive, send)

    async def drain(self) -> None:
        """Close the sockets with a reason while clients can still receive it; the server calls it before it
        stops.
        """
        await self.live.drain()


def create_app(settings: Settings, parts: Parts | None = None) -> Starlette:
    """The ASGI application; `parts` replaces the clock, venue or feed.

    Heads that are too large are refused before it, by the protocols of `gateway.http`, and bodies before a
    route is chosen. A handshake is refused by its endpoint, before it is accepted, which costs as little.
    """
    errors = HttpErrors()
    console = _console(settings)
    graphql = _Served(lambda application: application.over_http)
    application = Starlette(
        routes=[
            Route("/", _to_console(console), methods=["GET"]),
            Route("/console", _with_slash, methods=["GET"]),
            Route("/console/{path:path}", console),
            *_explorer(settings),
            Route(GRAPHQL_PATH, graphql),
            WebSocketRoute(GRAPHQL_PATH, _Served(lambda application: application.live.serve)),
            Route("/graphql/", _without_slash, methods=["GET", "POST"]),
            Route("/graphql/stream", _Served(lambda application: application.streams.single)),
            Route("/reports/{name}.csv", _Served(lambda application: application.reports), methods=["GET"]),
            Route(HEALTH_PATH, _health),
            Route(READINESS_PATH, _readiness),
            Route(METRICS_PATH, _metrics),
        ],
        middleware=[
            Middleware(
                Front,
                graphql=graphql,
                errors=errors,
                metrics_port=settings.metrics_port,
                max_body_bytes=settings.max_body_bytes,
            ),
            Middleware(OneLineStart),
            Middleware(CountErrors, errors=errors),
            Middleware(RequestId),
            Middleware(MetricsPort, port=settings.metrics_port),
            Middleware(
                CORSMiddleware,
                allow_origins=settings.allowed_origins,
                allow_methods=["GET", "POST", "PUT", "DELETE"],
                allow_headers=[
                    "Authorization",
                    "Content-Type",
                    "Last-Event-ID",
                    REQUEST_ID_HEADER,
                    TOKEN_HEADER,
                    *TRACE_HEADERS,
                ],
                expose_headers=[REQUEST_ID_HEADER, "Retry-After"],
            ),
            Middleware(BodyLimit, max_body_bytes=settings.max_body_bytes),
        ],
        exception_handlers={Exception: fault_response},
        lifespan=_lifespan(settings, parts or Parts(), errors),
    )
    application.state.http_errors = errors
    # Starlette would build the address from the Host that the client sent.
    application.router.redirect_slashes = False
    return application


def _lifespan(
    settings: Settings, parts: Parts, errors: HttpErrors
) -> Callable[[Starlette], AbstractAsyncContextManager[dict[str, Application]]]:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, Application]]:
        """Open, prepare the tables, import the book into an empty database, work, close."""
        await asyncio.to_thread(check_calendars, settings, parts.clock())
        async with open_resources(settings, parts) as resources:
            await prepare_tables(settings.profile, resources.database)
            with resources.database.active():
                await import_if_empty(settings.book_file, resources.desk.clock())
                await resources.revocations.load()
                if resources.login_keys is not None:
                    await resources.login_keys.load()
                application = _compose(settings, resources, errors, parts.samples)
                if application.manifest is not None:
                    await load_manifest(application.manifest)
                async with _sampling(application.metrics, parts.samples):
                    application.workers.start()
                    try:
                        yield {APPLICATION: application}
                    finally:
                        await application.live.drain()
                        await application.workers.stop()

    return lifespan


@asynccontextmanager
async def _sampling(metrics: Metrics, samples: WorkerSamples | None) -> AsyncIterator[None]:
    """Leave the metrics for the other workers of the fleet at an interval, and a last time at the end."""
    if samples is None:
        yield
        return
    sampling = supervised(Worker("metrics", metrics.run))
    sampling.start()
    try:
        yield
    finally:
        await sampling.stop(SAMPLES_TIMEOUT_S)
        with suppress(OSError):
            await metrics.leave_samples()


def _compose(
    settings: Settings, resources: Resources, errors: HttpErrors, samples: WorkerSamples | None
) -> Application:
    schema = build_schema()
    trusted = TrustedDocuments(settings.trusted_documents, settings.trusted_documents_logged)
    executor = Executor(
        schema._schema, document_limits(settings), introspection=settings.introspection, trusted=trusted
    )
    file = manifest_file(settings)
    manifest = None if file is None else TrustedManifest(file, executor, settings.trusted_documents_poll_s)
    live = Live(schema, executor, resources)
    workers = Workers(resources, live, manifest)
    metrics = make_metrics(ProcessMetrics(resources, live, workers, errors), resources, samples)
    return Application(
        resources=resources,
        live=live,
        workers=workers,
        endpoint=Endpoint(executor, resources, live.reads, live.requests.operations),
        streams=EventStreams(live, RequestCheck(resources)),
        reports=ReportEndpoint(resources),
        metrics=metrics,
        probes=Probes(resources, workers, metrics),
        manifest=manifest,
    )


class _Served:
    """The endpoint of a route: a part of the open application, with the database active in the request's
    task.
    """

    def __init__(self, choose: Callable[[Application], ASGIApp]) -> None:
        self._choose = choose

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or socket."""
        application: Application = scope["state"][APPLICATION]
        # A client that disconnects in the middle of its own request waits for no answer.
        with application.resources.database.active(), suppress(ClientDisconnect):
            await self._choose(application)(scope, receive, send)


def _console(settings: Settings) -> Pages:
    facts = {} if settings.console_login_url is None else {"login-url": settings.console_login_url}
    return Pages(PageSet(settings.pages_directory / "console", console_policy, "make console", facts))


def _explorer(settings: Settings) -> list[Route]:
    pages = explorer_pages(settings.pages_directory)
    return [Route("/explorer/{path:path}", pages)] if is_explorer_open(settings) else []


def _to_console(console: Pages) -> Callable[[Request], Awaitable[Response]]:
    async def lead(_: Request) -> Response:
        """A browser at the bare address gets the console; relative, for a proxy that adds a prefix."""
        return RedirectResponse("console/") if await console.are_built() else console.missing()

    return lead


async def _with_slash(_: Request) -> Response:
    return RedirectResponse("console/")


async def _without_slash(request: Request) -> Response:
    """Relative for the same reason; 307 keeps the method and the body."""
    query = request.url.query
    return RedirectResponse("../graphql" + (f"?{query}" if query else ""), 307)


async def _health(_: Request) -> Response:
    """Liveness: the process runs."""
    return JSONResponse({"status": "alive"})


async def _readiness(request: Request) -> Response:
    return await _probes(request).readiness(request)


async def _metrics(request: Request) -> Response:
    return await _probes(request).metrics(request)


def _probes(request: Request) -> Probes:
    application: Application = request.scope["state"][APPLICATION]
    return application.probes
