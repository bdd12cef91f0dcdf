"""The root of subscriptions: the live feeds, and the form of case and order events.

Events come from the one event stream, in commit order, without gaps or duplicates. A consumer
that does not keep up is disconnected and resumes from its last cursor. Of summaries and quotes only the
latest matters.
"""

from collections.abc import AsyncGenerator
from typing import Annotated

import strawberry

from domain.events import CaseEvent as CaseFact
from domain.events import CaseEventKind, OrderEventKind
from domain.events import OrderEvent as OrderFact
from domain.order import OrderStatus
from resolvers.enums.cases import FiguresDelivery
from resolvers.types.approval import ApprovalRequestFilter
from resolvers.types.case import Case, case_of
from resolvers.types.case_filter import CaseFilter
from resolvers.types.control_events import ApprovalEvent, KillSwitchEvent
from resolvers.types.desk_event import DeskEvent
from resolvers.types.market import Quote
from resolvers.types.order import Fill, Order, OrderFilter, order_of
from resolvers.types.summary import CaseSummary

SYMBOLS_MAX = 100


class SharedOnly(AssertionError):
    """A subscription was executed outside the shared feed."""


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
        description="The cursor of the last event that you received, or the `streamCursor` of a list of "
        "cases or orders: the events after it follow without a gap. Omitted: only new events. Not allowed "
        "together with `snapshot`."
    ),
]
Snapshot = Annotated[
    bool,
    strawberry.argument(
        description="Whether to begin with everything that matches now, as SNAPSHOT events. If too much "
        "matches, the error is BAD_USER_INPUT: narrow the filter, or query the list page by page; one of "
        "cases or orders continues after its `streamCursor`. Not allowed together with `after`."
    ),
]


@strawberry.type(
    description="The root of all subscriptions. A field whose description names no permission is open to "
    "every token with a permission of the desk. They send only events of accounts within your scope."
)
class Subscription:
    """The fields, which the shared feed executes once for all subscribers that request the same. See
    resolvers.live_feed.fields, which names the operation of each field.
    """

    @strawberry.subscription(
        description="Every change of the matching cases, in commit order. Events are never dropped or "
        "merged, except by `figures: LATEST`: if a client does not keep up, the desk closes its connection "
        "with code 1013, and the client resumes from its last cursor. A cursor that is too old gives the "
        "error CURSOR_EXPIRED: begin again with `snapshot`. A cursor of another field, filter or scope gives "
        "CURSOR_INVALID."
    )
    def case_events(
        self,
        filter: Annotated[
            CaseFilter | None,
            strawberry.argument(description="Filter for cases. Omitted: all live cases."),
        ] = None,
        after: After = None,
        snapshot: Snapshot = False,
        figures: Annotated[
            FiguresDelivery,
            strawberry.argument(
                description="Whether every event is sent that changes nothing but figures. Choose LATEST for "
                "a screen. The cursors of both are the same."
            ),
        ] = FiguresDelivery.EVERY,
    ) -> AsyncGenerator[CaseEvent, None]:
        """resolvers.live_feed.fields.CaseEvents"""
        raise SharedOnly

    @strawberry.subscription(
        description="Every new liquidation order, and every status change, fill and rejected cancel of "
        "one. Delivered in the same way as caseEvents."
    )
    def order_events(
        self,
        filter: Annotated[
            OrderFilter | None, strawberry.argument(description="Filter for orders. Omitted: all orders.")
        ] = None,
        after: After = None,
        snapshot: Snapshot = False,
    ) -> AsyncGenerator[OrderEvent, None]:
        """resolvers.live_feed.fields.OrderEvents"""
        raise SharedOnly

    @strawberry.subscription(
        description="Every new approval request, and every decision or expiry of one. Delivered in the same "
        "way as caseEvents. Requires any permission except RISK_WARNING_READ_ONLY and SERVICE. Requests for "
        "setting changes are sent only with RISK_APPROVER, RISK_SETTING_FULL or AUDITOR."
    )
    def approval_events(
        self,
        filter: Annotated[
            ApprovalRequestFilter | None,
            strawberry.argument(description="Filter for approval requests. Omitted: all requests."),
        ] = None,
        after: After = None,
        snapshot: Snapshot = False,
    ) -> AsyncGenerator[ApprovalEvent, None]:
        """resolvers.live_feed.control_fields.ApprovalEvents"""
        raise SharedOnly

    @strawberry.subscription(
        description="Every kill switch that is switched on or off. Delivered in the same way as caseEvents."
    )
    def kill_switch_events(
        self,
        on: Annotated[
            bool | None,
            strawberry.argument(
                description="True: switches that are on. False: switches that are off. Omitted: both."
            ),
        ] = None,
        after: After = None,
        snapshot: Snapshot = False,
    ) -> AsyncGenerator[KillSwitchEvent, None]:
        """resolvers.live_feed.control_fields.KillSwitchEvents"""
        raise SharedOnly

    @strawberry.subscription(
        description="Totals over cases: sent at once and after every change, at most once a second. A "
        "client that does not keep up receives only the latest totals."
    )
    def case_summary(
        self,
        filter: Annotated[
            CaseFilter | None,
            strawberry.argument(description="Filter for cases. Omitted: all live cases."),
        ] = None,
    ) -> AsyncGenerator[CaseSummary, None]:
        """resolvers.live_feed.fields.SummaryUpdates"""
        raise SharedOnly

    @strawberry.subscription(
        description="Quotes of up to 100 instruments: sent at once and after every change. A client that "
        "does not keep up receives only the latest quote of each instrument."
    )
    def quotes(
        self,
        symbols: Annotated[
            list[str],
            strawberry.argument(
                description="The symbols of 1 to 100 instruments, such as "
                "700.HK. An unknown symbol is refused with BAD_USER_INPUT."
            ),
        ],
    ) -> AsyncGenerator[Quote, None]:
        """resolvers.live_feed.fields.QuoteUpdates"""
        raise SharedOnly


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
