"""The subscription fields: which events concern each, and its snapshot of the current state.

Those of approval requests and kill switches are in `resolvers.live_feed.control_fields`.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from domain.case_filter import CaseFilter, CaseOrder, CaseOrderField
from domain.events import (
    ApprovalEvent,
    BookChanged,
    CaseEvent,
    CaseEventKind,
    Event,
    KillSwitchEvent,
    OrderEvent,
    OrderEventKind,
)
from domain.ids import Symbol
from domain.market import Quote
from domain.money import Currency
from domain.principal import Audience
from models.case_list import page_cases
from models.market import known_symbols, load_quotes
from models.order import OrderFilter, page_orders
from models.outbox import stream_head
from models.sql.database import consistent_read
from models.sql.where import PageRequest
from resolvers.enums.cases import FiguresDelivery
from resolvers.kit.context import ReadContext
from resolvers.kit.errors import BAD_USER_INPUT, ApiError
from resolvers.live_feed.control_fields import (
    APPROVALS,
    KILL_SWITCHES,
    ApprovalEvents,
    KillSwitchEvents,
)
from resolvers.live_feed.filters import case_event_kind, order_event_kind
from resolvers.live_feed.operation import EventOperation, LiveOperation, Request
from resolvers.live_feed.starting import cursor_scope, refuse_partial
from resolvers.subscription import SYMBOLS_MAX, case_event_of, order_event_of
from resolvers.types.case_filter import CaseFilter as ChosenCases
from resolvers.types.market import quote_of
from resolvers.types.summary import summarise
from subscriptions.live.operation import Delivery, Snapshot
from subscriptions.stream.bus import Position
from subscriptions.stream.cursor import scope_of


class CaseEvents(EventOperation):
    """The caseEvents field."""

    def __init__(self, request: Request) -> None:
        chosen = request.arguments.get("filter")
        self._selection = _selection(chosen, request.api.reporting_currency)
        super().__init__(request, cursor_scope("caseEvents", self._selection, request.audience))
        self.postings = _postings(
            "case", request.audience, self._selection.account_no, self._selection.client_id
        )
        if request.arguments.get("figures") is FiguresDelivery.LATEST:
            # Not in the scope: a cursor is good for both.
            self.delivery = Delivery.THINNED

    def merge_key(self, root: CaseEvent) -> str | None:
        """The case, if the event shows nothing but its figures to a client that has the case already."""
        is_thinned = self.delivery is Delivery.THINNED and root.figures_only
        return root.view.case.id if is_thinned and root.kind is CaseEventKind.UPDATED else None

    def concerns(self, fact: Any) -> Any | None:
        """A case that matches, or that has just stopped matching."""
        if not isinstance(fact, CaseEvent):
            return None
        kind = case_event_kind(fact, self._selection, self._request.audience)
        return fact if kind is fact.kind else replace(fact, kind=kind) if kind is not None else None

    def event_of(self, root: CaseEvent, cursor: str) -> Any:
        return case_event_of(root, cursor)

    async def snapshot(self) -> Snapshot:
        """Every case that matches, and the stream position that belongs to this state."""
        api, now = self._request.api, self._request.api.desk.clock()
        async with consistent_read():
            head, contained = await stream_head(), await self._unpublished()
            request = PageRequest(api.snapshot_max)
            order = CaseOrder(CaseOrderField.OPENED_AT, False, api.reporting_currency)
            page = await page_cases(self._request.audience, self._selection, order, request, now)
        refuse_partial(page.more, api, "and subscribe after its streamCursor")
        roots = [
            CaseEvent(api.desk.event_id(), now, CaseEventKind.SNAPSHOT, view, view.case.status)
            for view in page.rows
        ]
        return Snapshot(Position(head.epoch, head.last_offset), roots, contained)


class OrderEvents(EventOperation):
    """The orderEvents field."""

    def __init__(self, request: Request) -> None:
        chosen = request.arguments.get("filter")
        self._selection: OrderFilter = chosen.selection() if chosen else OrderFilter()
        super().__init__(request, cursor_scope("orderEvents", self._selection, request.audience))
        selection = self._selection
        self.postings = _postings("order", request.audience, selection.account_no, selection.client_id)
        if selection.case_id is not None:
            self.postings = [("order", "case", selection.case_id)]

    def concerns(self, fact: Any) -> Any | None:
        """An order that matches, or that has just stopped matching."""
        if not isinstance(fact, OrderEvent):
            return None
        kind = order_event_kind(fact, self._selection, self._request.audience)
        return fact if kind is fact.kind else replace(fact, kind=kind) if kind is not None else None

    def event_of(self, root: OrderEvent, cursor: str) -> Any:
        return order_event_of(root, cursor)

    async def snapshot(self) -> Snapshot:
        """Every order that matches, oldest first, and the stream position that belongs to this state."""
        api, now = self._request.api, self._request.api.desk.clock()
        async with consistent_read():
            head, contained = await stream_head(), await self._unpublished()
            page = await page_orders(self._request.audience, self._selection, PageRequest(api.snapshot_max))
        refuse_partial(page.more, api, "and subscribe after its streamCursor")
        roots = [
            OrderEvent(api.desk.event_id(), now, OrderEventKind.SNAPSHOT, view)
            for view in reversed(page.rows)
        ]
        return Snapshot(Position(head.epoch, head.last_offset), roots, contained)


class SummaryUpdates(LiveOperation):
    """The caseSummary field."""

    delivery = Delivery.LATEST
    root_is_at_hand = False

    def __init__(self, request: Request) -> None:
        chosen = request.arguments.get("filter")
        self._selection = _selection(chosen, request.api.reporting_currency)
        super().__init__(request, cursor_scope("caseSummary", self._selection, request.audience))
        self.interval_s = request.api.summary_interval_s
        self.postings = _postings(
            "case", request.audience, self._selection.account_no, self._selection.client_id
        )

    def concerns(self, fact: Any) -> Any | None:
        """Any change of a visible case."""
        visible = isinstance(fact, CaseEvent) and self._request.audience.covers(fact.view.account.account_no)
        return True if visible else None

    def merge_key(self, root: Any) -> str | None:
        """One key for all: there is only one summary."""
        return ""

    async def root(self, root: Any, cursor: str, context: ReadContext) -> Any:
        return await summarise(context, self._selection)

    async def snapshot(self) -> Snapshot:
        """Computed when rendered."""
        return Snapshot(Position("", 0), [True], frozenset())


class QuoteUpdates(LiveOperation):
    """The quotes field."""

    delivery = Delivery.LATEST

    def __init__(self, request: Request) -> None:
        symbols = [Symbol(symbol) for symbol in request.arguments["symbols"]]
        if not 1 <= len(symbols) <= SYMBOLS_MAX:
            raise ApiError(BAD_USER_INPUT, f"symbols must have 1 to {SYMBOLS_MAX} items, not {len(symbols)}.")
        super().__init__(request, scope_of("quotes"))
        self._symbols = sorted(set(symbols))
        self.postings = [("quote", symbol) for symbol in self._symbols]

    def concerns(self, fact: Any) -> Any | None:
        """Every event: the postings have selected already."""
        return fact if isinstance(fact, Quote) else None

    def merge_key(self, root: Quote) -> str | None:
        """One key per instrument: the newest quote replaces the others."""
        return root.symbol

    async def root(self, root: Quote, cursor: str, context: ReadContext) -> Any:
        return quote_of(root, context.api.desk)

    async def snapshot(self) -> Snapshot:
        """The quotes in the database. A symbol that no instrument has would stay silent for ever: refused."""
        unknown = set(self._symbols) - await known_symbols(self._symbols)
        if unknown:
            raise ApiError(BAD_USER_INPUT, f"The desk knows no instrument called {min(unknown)[:40]!r}.")
        quotes = await load_quotes(self._symbols)
        return Snapshot(Position("", 0), list(quotes.values()), frozenset())


OPERATIONS: Mapping[str, Callable[[Request], LiveOperation]] = {
    "caseEvents": CaseEvents,
    "orderEvents": OrderEvents,
    "approvalEvents": ApprovalEvents,
    "killSwitchEvents": KillSwitchEvents,
    "caseSummary": SummaryUpdates,
    "quotes": QuoteUpdates,
}
"""The operations by the name of their field."""


def postings_of(fact: Any) -> Iterable[Hashable]:
    """The keys under which operations may want the event."""
    if isinstance(fact, Quote):
        return (("quote", fact.symbol),)
    if isinstance(fact, BookChanged):
        return ()
    if isinstance(fact, ApprovalEvent):
        return (APPROVALS,)
    if isinstance(fact, KillSwitchEvent):
        return (KILL_SWITCHES,)
    account = fact.view.account
    name = "case" if isinstance(fact, CaseEvent) else "order"
    keys: list[Hashable] = [
        (name,),
        (name, "account", account.account_no),
        (name, "client", account.client_id),
    ]
    if isinstance(fact, OrderEvent):
        keys.append((name, "case", fact.view.order.case_id))
    return keys


def describe(fact: Event | Quote) -> tuple[str, float]:
    """The id of the event and the time of its commit."""
    return ("" if isinstance(fact, Quote) else fact.id), fact.at.timestamp()


def _selection(chosen: ChosenCases | None, reporting: Currency) -> CaseFilter:
    """A threshold in another currency would move with its rate: after a lost connection, a case that the
    client holds could disappear without an event.
    """
    if chosen is None:
        return CaseFilter()
    if chosen.converts(reporting):
        raise ApiError(
            BAD_USER_INPUT,
            f"A subscription compares amounts in {reporting}, the reporting currency: leave amountCurrency "
            f"out, and give amountAtLeast in {reporting}.",
        )
    return chosen.selection(reporting, {})


def _postings(
    name: str, audience: Audience, account_no: str | None, client_id: str | None
) -> Sequence[Hashable]:
    """The most selective part of the filter."""
    if account_no is not None:
        return [(name, "account", account_no)]
    if client_id is not None:
        return [(name, "client", client_id)]
    if audience.account_scope is not None:
        return [(name, "account", each) for each in sorted(audience.account_scope)]
    return [(name,)]
