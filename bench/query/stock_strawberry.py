"""Stock Strawberry over Tortoise: its ASGI view, models, and `select_related`, as the documentation shows it.

With `cached`, its caches of documents and orjson.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import strawberry
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route
from strawberry.asgi import GraphQL
from strawberry.extensions import ParserCache, SchemaExtension, ValidationCache
from strawberry.schema.config import StrawberryConfig
from tortoise import Tortoise

from models.sql.configuration import configuration
from models.tables import CaseTable
from resolvers.kit.scalars import SCALARS

LIVE = ("OPEN", "LIQUIDATING", "EXCEPTION")


@strawberry.type
class Client:
    """Its own attributes."""

    id: strawberry.ID
    client_no: str
    name: str
    group: str | None


@strawberry.type
class MarginFigures:
    """Those that are asked for."""

    as_of: str
    stale: bool
    equity: str
    liquid_net_assets: str
    maintenance_margin: str
    margin_call_margin: str
    force_close_margin: str
    risk_level: str


@strawberry.type
class Case:
    """The columns of the page."""

    id: strawberry.ID
    case_no: str
    alert_type: str
    status: str
    amount: str
    amount_at_open: str
    uncovered_amount: str
    opened_at: datetime
    deadline: datetime
    overdue: bool
    force_eligible: bool
    elapsed_hours: int
    long_term_unsettled: bool
    follow_up_count: int
    version: int
    client: Client
    figures: MarginFigures


@strawberry.type
class PageInfo:
    """Of the next page."""

    has_next_page: bool
    end_cursor: str | None


@strawberry.type
class CaseConnection:
    """One page."""

    nodes: list[Case]
    page_info: PageInfo


@strawberry.type
class Query:
    """The page alone."""

    @strawberry.field
    async def cases(self, first: int = 50) -> CaseConnection:
        """With the client of each case, in one statement."""
        now = datetime.now(UTC)
        rows = (
            await CaseTable.filter(status__in=LIVE)
            .order_by("-opened_at", "-id")
            .limit(first + 1)
            .select_related("account__client")
        )
        nodes = [_case(row, now) for row in rows[:first]]
        info = PageInfo(has_next_page=len(rows) > first, end_cursor=nodes[-1].id if nodes else None)
        return CaseConnection(nodes=nodes, page_info=info)


def _case(row: Any, now: datetime) -> Case:
    figures, client = orjson.loads(row.figures), row.account.client
    live = row.closed_at is None
    return Case(
        id=strawberry.ID(row.id),
        case_no=row.case_no,
        alert_type=row.alert_type,
        status=row.status,
        amount=str(row.amount),
        amount_at_open=str(row.amount_at_open),
        uncovered_amount=str(row.uncovered_amount),
        opened_at=row.opened_at,
        deadline=row.deadline,
        overdue=live and row.deadline < now,
        force_eligible=row.force_eligible,
        elapsed_hours=max(1, -(-((row.closed_at or now) - row.opened_at) // timedelta(hours=1))),
        long_term_unsettled=live and now - row.opened_at > timedelta(days=90),
        follow_up_count=row.follow_ups,
        version=row.version,
        client=Client(
            id=strawberry.ID(client.id),
            client_no=client.client_no,
            name=client.name,
            group=client.client_group,
        ),
        figures=MarginFigures(
            as_of=figures["as_of"],
            stale=figures["stale"],
            equity=figures["equity"],
            liquid_net_assets=figures["liquid_net_assets"],
            maintenance_margin=figures["maintenance_margin"],
            margin_call_margin=figures["margin_call_margin"],
            force_close_margin=figures["force_close_margin"],
            risk_level=str(figures["risk_level"]),
        ),
    )


class Orjson(GraphQL[Any, None]):
    """Encodes with orjson."""

    def encode_json(self, data: object) -> bytes:
        """Bytes of JSON."""
        return orjson.dumps(data)


def main() -> None:
    """PORT DATABASE_URL [cached]"""
    port, database_url, *cached = sys.argv[1:]
    extensions: list[type[SchemaExtension] | Any] = [ParserCache, ValidationCache] if cached else []
    schema = strawberry.Schema(Query, config=StrawberryConfig(scalar_map=SCALARS), extensions=extensions)
    view: Any = (Orjson if cached else GraphQL)(schema)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await Tortoise.init(config=configuration(database_url, 10), _enable_global_fallback=True)
        yield
        await Tortoise.close_connections()

    app = Starlette(routes=[Route("/graphql", view)], lifespan=lifespan)
    uvicorn.run(app, port=int(port), log_level="warning")


if __name__ == "__main__":
    main()
