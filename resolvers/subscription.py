"""The subscription root: what is pushed, and how it looks.

Case and order events come from the one event stream, in commit order, none missing and none twice; a consumer
that does not keep up is told so and resumes from its last cursor. Summary and quotes are latest-matters.
"""

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Annotated

import strawberry

from domain.events import CaseEvent as CaseFact
from domain.events import CaseEventKind, OrderEventKind
from domain.events import OrderEvent as OrderFact
from domain.order import OrderStatus
from domain.principal import Audience
from resolvers.types.case import Case, CaseFilter, case_of
from resolvers.types.market import Quote
from resolvers.types.order import Fill, Order, OrderFilter, order_of
from resolvers.types.summary import CaseSummary

SYMBOLS_MAX = 100


class SharedOnly(AssertionError):
    """A subscription was executed on its own."""


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
    """The fields. They are executed by the shared feed, once for everybody who asks for the same: see
    resolvers.live_feed.fields, where each has its operation."""

    @strawberry.subscription(
        description="New margin calls and every later change of them. Never dropped and never merged: a "
        "client that does not keep up is closed with 1013 and resumes from its last cursor. A cursor that is "
        "too old gets CURSOR_EXPIRED, one of another field, filter or scope CURSOR_INVALID."
    )
    def case_events(
        self,
        filter: Annotated[CaseFilter | None, strawberry.argument(description="Which cases.")] = None,
        after: After = None,
        snapshot: Snapshot = False,
    ) -> AsyncGenerator[CaseEvent, None]:
        """resolvers.live_feed.fields.CaseEvents"""
        raise SharedOnly

    @strawberry.subscription(
        description="Liquidation orders: every status change, fill and refusal. Delivery as in caseEvents."
    )
    def order_events(
        self,
        filter: Annotated[OrderFilter | None, strawberry.argument(description="Which orders.")] = None,
        after: After = None,
        snapshot: Snapshot = False,
    ) -> AsyncGenerator[OrderEvent, None]:
        """resolvers.live_feed.fields.OrderEvents"""
        raise SharedOnly

    @strawberry.subscription(
        description="The header totals, now and after every change, at most once a second; only the latest "
        "matters, so a slow client gets fewer."
    )
    def case_summary(
        self,
        filter: Annotated[CaseFilter | None, strawberry.argument(description="Which cases.")] = None,
    ) -> AsyncGenerator[CaseSummary, None]:
        """resolvers.live_feed.fields.SummaryUpdates"""
        raise SharedOnly

    @strawberry.subscription(
        description="The quotes of up to 100 instruments, now and whenever they change; only the latest of "
        "each matters, so a slow client gets fewer."
    )
    def quotes(
        self,
        symbols: Annotated[list[str], strawberry.argument(description="1 to 100 instruments.")],
    ) -> AsyncGenerator[Quote, None]:
        """resolvers.live_feed.fields.QuoteUpdates"""
        raise SharedOnly


def scope_text(field: str, wanted: object, audience: Audience) -> tuple[str, str, str]:
    """What a cursor is bound to: the field, its filter, and whose accounts may be seen."""
    scope = audience.account_scope
    return field, repr(wanted), "*" if scope is None else repr(sorted(scope))


def case_event_of(fact: CaseFact, cursor: str) -> CaseEvent:
    """The GraphQL object: as things stood when it happened, however late it is delivered."""
    case = case_of(fact.view, fact.at)
    return CaseEvent(id=strawberry.ID(fact.id), cursor=cursor, at=fact.at, kind=fact.kind, case=case)


def order_event_of(fact: OrderFact, cursor: str) -> OrderEvent:
    """The GraphQL object."""
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
