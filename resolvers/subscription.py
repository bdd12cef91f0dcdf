"""The root of subscriptions: the live feeds and the form of their events.

Case and order events come from the one event stream, in commit order, without gaps or duplicates. A consumer
that does not keep up is disconnected and resumes from its last cursor. Of summaries and quotes only the
latest matters.
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
from resolvers.types.case import Case, case_of
from resolvers.types.case_filter import CaseFilter
from resolvers.types.market import Quote
from resolvers.types.order import Fill, Order, OrderFilter, order_of
from resolvers.types.summary import CaseSummary

SYMBOLS_MAX = 100


class SharedOnly(AssertionError):
    """A subscription was executed outside the shared feed."""


@strawberry.interface(description="An event with its position in the stream.")
class DeskEvent:
    """The fields that every event has."""

    id: strawberry.ID = strawberry.field(
        description="The id of the event. An event may be delivered twice and then has the same id."
    )
    cursor: str = strawberry.field(
        description="The position of the event. Pass it as `after` to resume behind this event."
    )
    at: datetime = strawberry.field(description="The time of the event.")


@strawberry.type(description="An event of a case.")
class CaseEvent(DeskEvent):
    """From domain.events.CaseEvent."""

    kind: CaseEventKind = strawberry.field(description="The kind of the event.")
    case: Case = strawberry.field(description="The case immediately after the event.")


@strawberry.type(description="An event of an order.")
class OrderEvent(DeskEvent):
    """From domain.events.OrderEvent."""

    kind: OrderEventKind = strawberry.field(description="The kind of the event.")
    previous_status: OrderStatus | None = strawberry.field(
        description="The status before the event; null for a new order."
    )
    order: Order = strawberry.field(description="The order immediately after the event.")
    fill: Fill | None = strawberry.field(description="The execution, for FILL and LATE_FILL; otherwise null.")


After = Annotated[
    str | None,
    strawberry.argument(
        description="The cursor of the last event that you received, to resume behind it. Null: start with "
        "new events. Not together with `snapshot`."
    ),
]
Snapshot = Annotated[
    bool,
    strawberry.argument(description="Whether to send everything that matches now first, as SNAPSHOT events."),
]


@strawberry.type(
    description="The root of all subscriptions. Each requires any one permission and sends only what is "
    "within your scope."
)
class Subscription:
    """The fields, which the shared feed executes once for all subscribers that request the same. See
    resolvers.live_feed.fields, which has the operation of each field.
    """

    @strawberry.subscription(
        description="New cases and all later changes of them. Events are never dropped or merged: if a "
        "client does not keep up, its connection is closed with code 1013, and it resumes from its last "
        "cursor. A cursor that is too old gives the error CURSOR_EXPIRED; one of another field, filter or "
        "scope gives CURSOR_INVALID."
    )
    def case_events(
        self,
        filter: Annotated[
            CaseFilter | None,
            strawberry.argument(description="Filter for cases. Without it, all live cases."),
        ] = None,
        after: After = None,
        snapshot: Snapshot = False,
    ) -> AsyncGenerator[CaseEvent, None]:
        """resolvers.live_feed.fields.CaseEvents"""
        raise SharedOnly

    @strawberry.subscription(
        description="Every status change, fill and rejection of liquidation orders. Delivered in the same "
        "way as caseEvents."
    )
    def order_events(
        self,
        filter: Annotated[
            OrderFilter | None, strawberry.argument(description="Filter for orders. Without it, all orders.")
        ] = None,
        after: After = None,
        snapshot: Snapshot = False,
    ) -> AsyncGenerator[OrderEvent, None]:
        """resolvers.live_feed.fields.OrderEvents"""
        raise SharedOnly

    @strawberry.subscription(
        description="Totals over cases: sent at once and after every change, at most once a second. Only "
        "the latest matters, so a slow client receives fewer."
    )
    def case_summary(
        self,
        filter: Annotated[
            CaseFilter | None,
            strawberry.argument(description="Filter for cases. Without it, all live cases."),
        ] = None,
    ) -> AsyncGenerator[CaseSummary, None]:
        """resolvers.live_feed.fields.SummaryUpdates"""
        raise SharedOnly

    @strawberry.subscription(
        description="Quotes of up to 100 instruments: sent at once and after every change. Only the latest "
        "of each instrument matters, so a slow client receives fewer."
    )
    def quotes(
        self,
        symbols: Annotated[
            list[str], strawberry.argument(description="The symbols of 1 to 100 instruments.")
        ],
    ) -> AsyncGenerator[Quote, None]:
        """resolvers.live_feed.fields.QuoteUpdates"""
        raise SharedOnly


def scope_text(field: str, wanted: object, audience: Audience) -> tuple[str, str, str]:
    """The scope that a cursor is bound to: the field, its filter, and the accounts that the audience
    may see.
    """
    scope = audience.account_scope
    return field, repr(wanted), "*" if scope is None else repr(sorted(scope))


def case_event_of(fact: CaseFact, cursor: str) -> CaseEvent:
    """The GraphQL object in the state at the time of the event, however late it is delivered."""
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
