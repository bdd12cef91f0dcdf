"""The subscription root: what is pushed, and from where it can be resumed.

Case and order events come from the one event stream, in commit order, none missing and none twice; a consumer
that does not keep up is told so and resumes from its last cursor. Summary and quotes are latest-matters.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Annotated

import strawberry

from domain.events import CaseEvent as CaseFact
from domain.events import CaseEventKind, CaseView, Event, OrderEventKind, OrderView
from domain.events import OrderEvent as OrderFact
from domain.ids import Symbol
from domain.order import OrderStatus
from models.case import CaseFilter as CaseSelection
from models.case import CaseSort, page_cases
from models.codec import event_from_text
from models.market import load_quotes
from models.order import OrderFilter as OrderSelection
from models.order import page_orders
from models.quote_codec import QUOTES_TOPIC, quote_from_bytes
from models.where import PageRequest
from resolvers.case import Case, CaseFilter, case_of
from resolvers.context import Info, ReadContext, reader
from resolvers.errors import (
    BAD_USER_INPUT,
    CURSOR_EXPIRED,
    CURSOR_INVALID,
    SLOW_CONSUMER,
    ApiError,
)
from resolvers.live import case_event_kind, order_event_kind
from resolvers.market import Quote, quote_of
from resolvers.order import Fill, Order, OrderFilter, order_of
from resolvers.summary import CaseSummary, summarise
from subscriptions.bus import Position, PositionLost, SlowConsumer
from subscriptions.cursor import CursorInvalid, scope_of

SYMBOLS_MAX = 100


@strawberry.interface(description="Something that happened, with its place in the stream.")
class DeskEvent:
    """What every event has."""

    id: strawberry.ID = strawberry.field(
        description="Unique; the same event may arrive twice and then has the same id."
    )
    cursor: str = strawberry.field(description="Pass as after to resume behind this event.")
    at: datetime = strawberry.field(description="When it happened.")


@strawberry.type(description="Something happened to a case.")
class CaseEvent(DeskEvent):
    """From domain.events.CaseEvent."""

    kind: CaseEventKind = strawberry.field(description="What.")
    case: Case = strawberry.field(description="The case right after it.")


@strawberry.type(description="Something happened to an order.")
class OrderEvent(DeskEvent):
    """From domain.events.OrderEvent."""

    kind: OrderEventKind = strawberry.field(description="What.")
    previous_status: OrderStatus | None = strawberry.field(
        description="The status before; null for a new one."
    )
    order: Order = strawberry.field(description="The order right after it.")
    fill: Fill | None = strawberry.field(description="The execution, where it was one.")


After = Annotated[
    str | None,
    strawberry.argument(description="The cursor of the last event you have: resume right behind it."),
]
Snapshot = Annotated[
    bool,
    strawberry.argument(description="First send everything that matches now, as SNAPSHOT events."),
]


@strawberry.type(description="Everything that is pushed.")
class Subscription:
    """One method per root field."""

    @strawberry.subscription(
        description="New margin calls and every later change of them. Never dropped and never merged: a "
        "client that does not keep up gets SLOW_CONSUMER and resumes from its last cursor. A cursor that is "
        "too old gets CURSOR_EXPIRED, one of another field or filter CURSOR_INVALID."
    )
    async def case_events(
        self,
        info: Info,
        filter: Annotated[CaseFilter | None, strawberry.argument(description="Which cases.")] = None,
        after: After = None,
        snapshot: Snapshot = False,
    ) -> AsyncGenerator[CaseEvent, None]:
        """From the event stream."""
        context = reader(info)
        wanted = (filter or CaseFilter()).selection()
        scope = _scope("caseEvents", wanted, context)
        start = await _start(context, scope, after, snapshot)
        clock = context.api.desk.clock
        async with _events(context, start) as events:
            if snapshot and start is not None:
                cursor = context.api.cursors.sign(start, scope)
                for view in await _all_cases(context, wanted):
                    yield _case_snapshot(view, cursor, clock())
            async for position, fact in events:
                if not isinstance(fact, CaseFact):
                    continue
                kind = case_event_kind(fact, wanted, context.audience, clock())
                if kind is not None:
                    context.renew_loaders()
                    cursor = context.api.cursors.sign(position, scope)
                    yield _case_event(replace(fact, kind=kind), cursor, clock())

    @strawberry.subscription(
        description="Liquidation orders: every status change, fill and refusal. Delivery as in caseEvents."
    )
    async def order_events(
        self,
        info: Info,
        filter: Annotated[OrderFilter | None, strawberry.argument(description="Which orders.")] = None,
        after: After = None,
        snapshot: Snapshot = False,
    ) -> AsyncGenerator[OrderEvent, None]:
        """From the event stream."""
        context = reader(info)
        wanted = filter.selection() if filter else OrderSelection()
        scope = _scope("orderEvents", wanted, context)
        start = await _start(context, scope, after, snapshot)
        async with _events(context, start) as events:
            if snapshot and start is not None:
                cursor = context.api.cursors.sign(start, scope)
                for view in await _all_orders(context, wanted):
                    yield _order_snapshot(view, cursor)
            async for position, fact in events:
                if not isinstance(fact, OrderFact):
                    continue
                kind = order_event_kind(fact, wanted, context.audience)
                if kind is not None:
                    context.renew_loaders()
                    cursor = context.api.cursors.sign(position, scope)
                    yield _order_event(replace(fact, kind=kind), cursor)

    @strawberry.subscription(
        description="The header totals, now and after every change; only the latest matters."
    )
    async def case_summary(
        self,
        info: Info,
        filter: Annotated[CaseFilter | None, strawberry.argument(description="Which cases.")] = None,
    ) -> AsyncGenerator[CaseSummary, None]:
        """Recomputed when a visible case changed, at most once in a while."""
        context = reader(info)
        wanted = (filter or CaseFilter()).selection()
        async with _events(context, None) as events, _changes(context, events) as changed:
            while True:
                changed.clear()
                yield await summarise(context, wanted)
                await asyncio.sleep(context.api.summary_interval_s)
                await changed.wait()

    @strawberry.subscription(
        description="The quotes of up to 100 instruments, now and whenever they change; only the latest of "
        "each matters."
    )
    async def quotes(
        self,
        info: Info,
        symbols: Annotated[list[str], strawberry.argument(description="1 to 100 instruments.")],
    ) -> AsyncGenerator[Quote, None]:
        """First what the database knows, then the broadcasts."""
        context = reader(info)
        if not 1 <= len(symbols) <= SYMBOLS_MAX:
            raise ApiError(BAD_USER_INPUT, f"symbols must be 1 to {SYMBOLS_MAX}, not {len(symbols)}.")
        wanted = {Symbol(symbol) for symbol in symbols}
        async with context.api.bus.watch(QUOTES_TOPIC) as messages:
            for quote in (await load_quotes(sorted(wanted))).values():
                yield quote_of(quote, context.api.desk)
            async for message in messages:
                if message.key in wanted:
                    yield quote_of(quote_from_bytes(message.payload), context.api.desk)


def _scope(field: str, wanted: object, context: ReadContext) -> bytes:
    audience = context.audience
    accounts = "*" if audience.account_scope is None else repr(sorted(audience.account_scope))
    return scope_of(field, repr(wanted), accounts)


async def _start(context: ReadContext, scope: bytes, after: str | None, snapshot: bool) -> Position | None:
    if after is not None and snapshot:
        raise ApiError(BAD_USER_INPUT, "Ask for a snapshot or resume behind a cursor, not both.")
    if snapshot:
        return await context.api.stream.position_now()
    if after is None:
        return None
    try:
        return context.api.cursors.verify(after, scope)
    except CursorInvalid:
        raise ApiError(CURSOR_INVALID, "The cursor is not one of this field, filter and scope.") from None


@asynccontextmanager
async def _events(
    context: ReadContext, after: Position | None
) -> AsyncIterator[AsyncIterator[tuple[Position, Event]]]:
    try:
        async with context.api.stream.entries(after) as entries:

            async def decoded() -> AsyncGenerator[tuple[Position, Event], None]:
                async for entry in entries:
                    yield entry.position, event_from_text(entry.payload)

            async with aclosing(decoded()) as events:
                yield events
    except PositionLost:
        raise ApiError(
            CURSOR_EXPIRED, "The stream cannot be resumed from there: fetch the list, or ask for a snapshot."
        ) from None
    except SlowConsumer:
        raise ApiError(SLOW_CONSUMER, "You did not keep up: resume from your last cursor.") from None


@asynccontextmanager
async def _changes(
    context: ReadContext, events: AsyncIterator[tuple[Position, Event]]
) -> AsyncIterator[asyncio.Event]:
    """Set whenever a visible case changed."""
    changed = asyncio.Event()

    async def follow() -> None:
        async for _, fact in events:
            if isinstance(fact, CaseFact) and context.audience.covers(fact.view.account.account_no):
                changed.set()

    task = asyncio.create_task(follow())
    try:
        yield changed
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _all_cases(context: ReadContext, wanted: CaseSelection) -> list[CaseView]:
    now = context.api.desk.clock()
    request = PageRequest(context.api.snapshot_max)
    page = await page_cases(context.audience, wanted, request, CaseSort.OPENED_AT, False, now)
    _refuse_partial(page.has_next, context)
    return list(page.rows)


async def _all_orders(context: ReadContext, wanted: OrderSelection) -> list[OrderView]:
    page = await page_orders(context.audience, wanted, PageRequest(context.api.snapshot_max))
    _refuse_partial(page.has_next, context)
    return list(reversed(page.rows))


def _refuse_partial(has_next: bool, context: ReadContext) -> None:
    if has_next:
        raise ApiError(
            BAD_USER_INPUT,
            f"More than {context.api.snapshot_max} rows match: narrow the filter, or page through the list.",
        )


def _case_snapshot(view: CaseView, cursor: str, now: datetime) -> CaseEvent:
    case = case_of(view, now)
    return CaseEvent(
        id=strawberry.ID(f"{cursor}.{case.id}"), cursor=cursor, at=now, kind=CaseEventKind.SNAPSHOT, case=case
    )


def _case_event(fact: CaseFact, cursor: str, now: datetime) -> CaseEvent:
    return CaseEvent(
        id=strawberry.ID(fact.id), cursor=cursor, at=fact.at, kind=fact.kind, case=case_of(fact.view, now)
    )


def _order_snapshot(view: OrderView, cursor: str) -> OrderEvent:
    order = order_of(view)
    return OrderEvent(
        id=strawberry.ID(f"{cursor}.{order.id}"),
        cursor=cursor,
        at=view.order.updated_at,
        kind=OrderEventKind.SNAPSHOT,
        previous_status=None,
        order=order,
        fill=None,
    )


def _order_event(fact: OrderFact, cursor: str) -> OrderEvent:
    fill = fact.fill
    return OrderEvent(
        id=strawberry.ID(fact.id),
        cursor=cursor,
        at=fact.at,
        kind=fact.kind,
        previous_status=fact.previous_status,
        order=order_of(fact.view),
        fill=Fill(execution_id=fill.execution_id, quantity=fill.quantity, price=fill.price, at=fill.at)
        if fill
        else None,
    )
