"""Stock Strawberry: its ASGI application, one resolver generator and one queue for each subscriber."""

import asyncio
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import strawberry
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute
from strawberry.asgi import GraphQL
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL

from bench.fanout.redis_events import new_events


@strawberry.type
class Figures:
    """Two of them."""

    equity: str
    maintenance_margin: str


@strawberry.type
class Case:
    """Plain attributes: the default resolver."""

    id: strawberry.ID
    case_no: str
    alert_type: str
    status: str
    amount: str
    amount_at_open: str
    uncovered_amount: str
    opened_at: str
    deadline: str
    overdue: bool
    force_eligible: bool
    elapsed_hours: int
    remark: str
    version: int
    figures: Figures


@strawberry.type
class CaseEvent:
    """What is pushed."""

    id: strawberry.ID
    cursor: str
    at: str
    kind: str
    case: Case


class Broadcast:
    """One reader of the stream, and a queue for each subscriber."""

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[CaseEvent]] = set()

    async def run(self, redis_url: str, bus_name: str) -> None:
        """Until cancelled."""
        async for event in new_events(redis_url, bus_name):
            typed = _case_event(event)
            for queue in self._queues:
                queue.put_nowait(typed)

    async def subscribe(self) -> AsyncGenerator[CaseEvent, None]:
        """Events from now on."""
        queue: asyncio.Queue[CaseEvent] = asyncio.Queue()
        self._queues.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._queues.discard(queue)


def _case_event(event: dict[str, Any]) -> CaseEvent:
    case = event["case"]
    figures = case["figures"]
    return CaseEvent(
        id=event["id"],
        cursor=event["cursor"],
        at=event["at"],
        kind=event["kind"],
        case=Case(
            id=case["id"],
            case_no=case["caseNo"],
            alert_type=case["alertType"],
            status=case["status"],
            amount=case["amount"],
            amount_at_open=case["amountAtOpen"],
            uncovered_amount=case["uncoveredAmount"],
            opened_at=case["openedAt"],
            deadline=case["deadline"],
            overdue=case["overdue"],
            force_eligible=case["forceEligible"],
            elapsed_hours=case["elapsedHours"],
            remark=case["remark"],
            version=case["version"],
            figures=Figures(equity=figures["equity"], maintenance_margin=figures["maintenanceMargin"]),
        ),
    )


def make_app(redis_url: str, bus_name: str) -> Starlette:
    """Its GraphQL application, with the subscription alone."""
    broadcast = Broadcast()

    @strawberry.type
    class Query:
        ok: bool = True

    @strawberry.type
    class Subscription:
        @strawberry.subscription
        async def case_events(self) -> AsyncGenerator[CaseEvent, None]:
            async for event in broadcast.subscribe():
                yield event

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        running = asyncio.create_task(broadcast.run(redis_url, bus_name))
        yield
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running

    schema = strawberry.Schema(Query, subscription=Subscription)
    graphql: Any = GraphQL(schema, subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL])
    return Starlette(
        routes=[Route("/graphql", graphql), WebSocketRoute("/graphql", graphql)], lifespan=lifespan
    )


def main() -> None:
    """PORT REDIS_URL BUS_NAME"""
    port, redis_url, bus_name = sys.argv[1:]
    app = make_app(redis_url, bus_name)
    uvicorn.run(app, port=int(port), log_level="warning", ws_per_message_deflate=False)


if __name__ == "__main__":
    main()
