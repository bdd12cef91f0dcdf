"""The application: routes, middleware and lifespan, put together from settings and nothing else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import Receive, Scope, Send

from gateway.graphql import Endpoint
from gateway.limits import BodyLimit
from gateway.logs import REQUEST_ID_HEADER, RequestId
from gateway.resources import Parts, Resources, open_resources
from gateway.settings import Settings
from gateway.startup import import_if_empty, prepare_tables
from gateway.workers import Workers
from models.database import fetch
from resolvers.schema import SchemaLimits, build_schema


class Application:
    """One process of the desk. `running` is what the lifespan opened, None before and after."""

    def __init__(self, settings: Settings, parts: Parts) -> None:
        self._settings = settings
        self._parts = parts
        self._schema = build_schema(
            SchemaLimits(
                depth=settings.max_query_depth,
                tokens=settings.max_query_tokens,
                aliases=settings.max_query_aliases,
                cost=settings.max_query_cost,
                page_size=settings.page_size_max,
                introspection=settings.introspection,
            )
        )
        self._endpoint: Endpoint | None = None
        self._workers: Workers | None = None
        self.resources: Resources | None = None

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """Open, prepare the tables, import the book into an empty database, work, close."""
        async with open_resources(self._settings, self._parts) as resources:
            await prepare_tables(self._settings.profile, resources.database)
            with resources.database.active():
                await import_if_empty(self._settings.book_file, resources.desk.clock())
                workers = Workers(resources)
                self.resources, self._workers = resources, workers
                self._endpoint = Endpoint(self._schema, resources)
                workers.start()
                try:
                    yield
                finally:
                    self._endpoint = None
                    await workers.stop()
                    self.resources = self._workers = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`/graphql`: serve a request or a socket with this application's database active in its task."""
        assert self._endpoint is not None, "served outside of the lifespan"
        assert self.resources is not None
        with self.resources.database.active():
            await self._endpoint(scope, receive, send)

    async def health(self, _: Request) -> Response:
        """The process lives."""
        return JSONResponse({"status": "alive"})

    async def readiness(self, _: Request) -> Response:
        """It can do its part: database, bus and loops."""
        checks = {"database": await self._database_answers(), "bus": False, "workers": False, "leader": False}
        if self.resources is not None and self._workers is not None:
            checks["bus"] = self.resources.bus.healthy
            checks["workers"] = self._workers.ready
            checks["leader"] = self._workers.leading
        ready = checks["database"] and checks["bus"] and checks["workers"]
        return JSONResponse(
            {"status": "ready" if ready else "not ready", **checks}, status_code=200 if ready else 503
        )

    async def _database_answers(self) -> bool:
        if self.resources is None:
            return False
        try:
            with self.resources.database.active():
                await fetch("SELECT 1 AS one")
        except OSError:
            return False
        return True


def create_app(settings: Settings, parts: Parts | None = None) -> Starlette:
    """The ASGI application; `parts` puts another clock, venue or feed in the place of the usual."""
    application = Application(settings, parts or Parts())
    app = Starlette(
        routes=[
            Route("/graphql", application),
            WebSocketRoute("/graphql", application),
            Route("/healthz", application.health),
            Route("/readyz", application.readiness),
        ],
        middleware=[
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
