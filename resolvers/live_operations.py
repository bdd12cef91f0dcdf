"""Subscriptions prepared for sharing: what makes two the same, what concerns them, and how they are rendered.

The shared execution sees a `ReadContext` with nothing but the audience: there is no principal in it, so one
caller's view cannot leak into another's. Loaders are made anew for every event.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import orjson
from graphql import (
    ExecutionResult,
    FieldNode,
    GraphQLError,
    InlineFragmentNode,
    Node,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableDefinitionNode,
    VariableNode,
    execute,
    print_ast,
)
from graphql.execution.values import get_argument_values, get_variable_values
from strawberry import Schema
from strawberry.types.arguments import convert_arguments

from domain.events import BookChanged, CaseEvent, CaseEventKind, Event, OrderEvent, OrderEventKind
from domain.ids import Symbol
from domain.market import Quote
from domain.principal import Audience
from models.case import CaseFilter, CaseSort, page_cases
from models.codec import event_from_text
from models.database import consistent_read
from models.market import load_quotes
from models.order import OrderFilter, page_orders
from models.outbox import stream_head, unpublished
from models.where import PageRequest
from resolvers.compiled import Complete, NotPlain, compile_subscription
from resolvers.context import Api, ReadContext
from resolvers.cost import cost_of, too_expensive
from resolvers.documents import Document
from resolvers.errors import BAD_USER_INPUT, CURSOR_INVALID, ApiError, coded
from resolvers.live import case_event_kind, order_event_kind
from resolvers.market import quote_of
from resolvers.subscription import SYMBOLS_MAX, case_event_of, order_event_of, scope_text
from resolvers.summary import summarise
from subscriptions.bus import Position
from subscriptions.cursor import CursorInvalid, scope_of
from subscriptions.operation import Delivery, Opening, Snapshot

CURSOR_ARGUMENTS = frozenset({"after", "snapshot"})
EVERY_CASE, EVERY_ORDER = ("case",), ("order",)
_END_OF_EXTENSIONS = b'"}}'
NOWHERE = Position("", 0)
"""Of no epoch: resuming there is refused as expired."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A subscription and where its client wants to begin."""

    operation: "LiveOperation"
    after: Position | None
    snapshot: bool


class LiveOperation:
    """What all four fields have in common."""

    delivery = Delivery.EVERY
    interval_s = 0.0

    def __init__(self, request: "Request", scope: bytes) -> None:
        self._request = request
        self._scope = scope
        self.field = request.field
        self.key: Hashable = request.key
        self.postings: Sequence[Hashable] = ()

    def concerns(self, fact: Any) -> Any | None:
        """What to render of the event."""
        raise NotImplementedError

    def merge_key(self, root: Any) -> str | None:
        """Only LATEST fields have one."""
        return None

    async def snapshot(self) -> Snapshot:
        """The current state."""
        raise NotImplementedError

    async def _unpublished(self) -> frozenset[str]:
        """Events of its concern that are committed but have no position yet."""
        facts = [event_from_text(payload) for payload in await unpublished()]
        return frozenset(fact.id for fact in facts if self.concerns(fact) is not None)

    def opened(self, payload: bytes, opening: Opening) -> bytes:
        """With `extensions.stream`; `encode` put `extensions.cursor` last."""
        assert payload.endswith(_END_OF_EXTENSIONS)
        stream: dict[str, Any] = {
            "resumed": opening.resumed,
            "resumeWithinS": self._request.api.resume_within_s,
        }
        if opening.snapshot_events is not None:
            stream["snapshotEvents"] = opening.snapshot_events
        return b'%b","stream":%b}}' % (payload.removesuffix(_END_OF_EXTENSIONS), orjson.dumps(stream))

    def cursor(self, position: Position) -> str | None:
        """Only fields that keep EVERY event are resumed."""
        if self.delivery is Delivery.LATEST:
            return None
        return self._request.api.cursors.sign(position, self._scope)

    async def render(self, root: Any, position: Position, *, resumable: bool = True) -> bytes:
        """Execute with a context of its own, encode. Raises OSError while the database is away."""
        request = self._request
        context = ReadContext(request.api, request.audience)
        cursor = request.api.cursors.sign(position if resumable else NOWHERE, self._scope)
        result = await self._executed(await self.root(root, cursor, context), context)
        raise_outage(result)
        return encode(result, cursor if self.delivery is Delivery.EVERY else None)

    async def _executed(self, root: Any, context: ReadContext) -> ExecutionResult:
        if self._compiled is not None:
            with suppress(NotPlain):
                return ExecutionResult(self._compiled(root))
        request = self._request
        assert request.document.ast is not None, "it was found valid"
        result = execute(
            request.schema._schema,
            request.document.ast,
            root_value=root,
            context_value=context,
            variable_values=dict(request.variables),
            operation_name=request.operation_name,
        )
        return result if isinstance(result, ExecutionResult) else await result

    @cached_property
    def _compiled(self) -> Complete | None:
        """Asked for by the first who renders: every further subscriber brings an operation like this."""
        request = self._request
        operation = request.document.operation(request.operation_name)
        assert operation is not None
        return compile_subscription(request.schema._schema, operation, request.document.fragments)

    async def root(self, root: Any, cursor: str, context: ReadContext) -> Any:
        """The GraphQL object of the root field."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Request:
    """A validated subscription request."""

    schema: Schema
    api: Api
    audience: Audience
    document: Document
    operation_name: str | None
    variables: Mapping[str, Any]
    field: str
    arguments: Mapping[str, Any]
    key: Hashable


class CaseEvents(LiveOperation):
    """caseEvents."""

    def __init__(self, request: Request) -> None:
        chosen = request.arguments.get("filter")
        self._wanted: CaseFilter = chosen.selection() if chosen else CaseFilter()
        super().__init__(request, _scope("caseEvents", self._wanted, request.audience))
        self.postings = _postings("case", request.audience, self._wanted.account_no, self._wanted.client_id)

    def concerns(self, fact: Any) -> Any | None:
        """A case that matches, or just stopped to match."""
        if not isinstance(fact, CaseEvent):
            return None
        kind = case_event_kind(fact, self._wanted, self._request.audience)
        return replace(fact, kind=kind) if kind is not None else None

    async def root(self, root: CaseEvent, cursor: str, context: ReadContext) -> Any:
        return case_event_of(root, cursor)

    async def snapshot(self) -> Snapshot:
        """Every case that matches, and the position that this is the state of."""
        api, now = self._request.api, self._request.api.desk.clock()
        async with consistent_read():
            head, contained = await stream_head(), await self._unpublished()
            request = PageRequest(api.snapshot_max)
            page = await page_cases(
                self._request.audience, self._wanted, request, CaseSort.OPENED_AT, False, now
            )
        _refuse_partial(page.has_next, api)
        roots = [
            CaseEvent(api.desk.event_id(), now, CaseEventKind.SNAPSHOT, view, view.case.status)
            for view in page.rows
        ]
        return Snapshot(Position(head.epoch, head.last_offset), roots, contained)


class OrderEvents(LiveOperation):
    """orderEvents."""

    def __init__(self, request: Request) -> None:
        chosen = request.arguments.get("filter")
        self._wanted: OrderFilter = chosen.selection() if chosen else OrderFilter()
        super().__init__(request, _scope("orderEvents", self._wanted, request.audience))
        wanted = self._wanted
        self.postings = _postings("order", request.audience, wanted.account_no, wanted.client_id)
        if wanted.case_id is not None:
            self.postings = [("order", "case", wanted.case_id)]

    def concerns(self, fact: Any) -> Any | None:
        """An order that matches, or just stopped to match."""
        if not isinstance(fact, OrderEvent):
            return None
        kind = order_event_kind(fact, self._wanted, self._request.audience)
        return replace(fact, kind=kind) if kind is not None else None

    async def root(self, root: OrderEvent, cursor: str, context: ReadContext) -> Any:
        return order_event_of(root, cursor)

    async def snapshot(self) -> Snapshot:
        """Every order that matches, oldest first, and the position that this is the state of."""
        api, now = self._request.api, self._request.api.desk.clock()
        async with consistent_read():
            head, contained = await stream_head(), await self._unpublished()
            page = await page_orders(self._request.audience, self._wanted, PageRequest(api.snapshot_max))
        _refuse_partial(page.has_next, api)
        roots = [
            OrderEvent(api.desk.event_id(), now, OrderEventKind.SNAPSHOT, view)
            for view in reversed(page.rows)
        ]
        return Snapshot(Position(head.epoch, head.last_offset), roots, contained)


class SummaryUpdates(LiveOperation):
    """caseSummary."""

    delivery = Delivery.LATEST

    def __init__(self, request: Request) -> None:
        chosen = request.arguments.get("filter")
        self._wanted: CaseFilter = chosen.selection() if chosen else CaseFilter()
        super().__init__(request, _scope("caseSummary", self._wanted, request.audience))
        self.interval_s = request.api.summary_interval_s
        self.postings = _postings("case", request.audience, self._wanted.account_no, self._wanted.client_id)

    def concerns(self, fact: Any) -> Any | None:
        """Any change of a visible case."""
        visible = isinstance(fact, CaseEvent) and self._request.audience.covers(fact.view.account.account_no)
        return True if visible else None

    def merge_key(self, root: Any) -> str | None:
        """There is only one."""
        return ""

    async def root(self, root: Any, cursor: str, context: ReadContext) -> Any:
        return await summarise(context, self._wanted)

    async def snapshot(self) -> Snapshot:
        """Computed when rendered."""
        return Snapshot(Position("", 0), [True], frozenset())


class QuoteUpdates(LiveOperation):
    """quotes."""

    delivery = Delivery.LATEST

    def __init__(self, request: Request) -> None:
        symbols = [Symbol(symbol) for symbol in request.arguments["symbols"]]
        if not 1 <= len(symbols) <= SYMBOLS_MAX:
            raise ApiError(BAD_USER_INPUT, f"symbols must be 1 to {SYMBOLS_MAX}, not {len(symbols)}.")
        super().__init__(request, scope_of("quotes"))
        self._symbols = sorted(set(symbols))
        self.postings = [("quote", symbol) for symbol in self._symbols]

    def concerns(self, fact: Any) -> Any | None:
        """The postings have chosen already."""
        return fact if isinstance(fact, Quote) else None

    def merge_key(self, root: Quote) -> str | None:
        """The newest of each instrument."""
        return root.symbol

    async def root(self, root: Quote, cursor: str, context: ReadContext) -> Any:
        return quote_of(root, context.api.desk)

    async def snapshot(self) -> Snapshot:
        """What the database knows."""
        quotes = await load_quotes(self._symbols)
        return Snapshot(Position("", 0), list(quotes.values()), frozenset())


_OPERATIONS: Mapping[str, Callable[[Request], LiveOperation]] = {
    "caseEvents": CaseEvents,
    "orderEvents": OrderEvents,
    "caseSummary": SummaryUpdates,
    "quotes": QuoteUpdates,
}


class LiveSchema:
    """Prepares subscriptions of one schema."""

    def __init__(self, schema: Schema, api: Api) -> None:
        self._schema = schema
        self._api = api

    def prepare(
        self,
        document: Document,
        operation_name: str | None,
        variables: Mapping[str, Any],
        audience: Audience,
        last_event_id: str | None = None,
    ) -> Prepared:
        """The operation and where to begin; raises GraphQLError. `last_event_id` is SSE's cursor."""
        operation = document.operation(operation_name)
        assert operation is not None, "a subscription was found in it"
        self._refuse_expensive(document, variables)
        field = _root_field(document, operation)
        arguments = self._arguments(operation, field, variables)
        names = _cursor_variables(document, field)
        declared = {each.variable.name.value for each in operation.variable_definitions or ()}
        rest = {name: value for name, value in variables.items() if name in declared - names}
        request = Request(
            schema=self._schema,
            api=self._api,
            audience=audience,
            document=document,
            operation_name=operation_name,
            variables=variables,
            field=field.name.value,
            arguments=arguments,
            key=(_normalised(document, operation, field), operation_name, _canonical(rest), audience),
        )
        prepared = _OPERATIONS[field.name.value](request)
        after = last_event_id or arguments.get("after")
        snapshot = bool(arguments.get("snapshot")) and last_event_id is None
        if after is not None and snapshot:
            raise ApiError(BAD_USER_INPUT, "Ask for a snapshot or resume behind a cursor, not both.")
        return Prepared(prepared, self._verified(after, prepared), snapshot)

    def _refuse_expensive(self, document: Document, variables: Mapping[str, Any]) -> None:
        """An event may not cost more than a query."""
        if document.ast is None:
            return
        cost = cost_of(self._schema._schema, document.ast, variables, self._api.page_size_max)
        if cost > self._api.query_cost_max:
            raise too_expensive(cost, self._api.query_cost_max)

    def _arguments(
        self, operation: OperationDefinitionNode, field: FieldNode, variables: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The field's arguments as Python values."""
        schema = self._schema._schema
        coerced = get_variable_values(
            schema, operation.variable_definitions or (), dict(variables), max_errors=20
        )
        if isinstance(coerced, list):
            raise coded_as(coerced[0], BAD_USER_INPUT)
        root = schema.subscription_type
        assert root is not None
        definition = root.fields[field.name.value]
        values = get_argument_values(definition, field, coerced)
        arguments = convert_arguments(
            values,
            definition.extensions["strawberry-definition"].arguments,
            self._schema.schema_converter.scalar_registry,
            self._schema.config,
        )
        return arguments

    def _verified(self, after: str | None, operation: LiveOperation) -> Position | None:
        if after is None:
            return None
        try:
            return self._api.cursors.verify(after, operation._scope)
        except CursorInvalid:
            raise ApiError(CURSOR_INVALID, "The cursor is not one of this field, filter and scope.") from None


def postings_of(fact: Any) -> Iterable[Hashable]:
    """Under which keys operations may want the event."""
    if isinstance(fact, Quote):
        return (("quote", fact.symbol),)
    if isinstance(fact, BookChanged):
        return ()
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
    """The event's id and when it was committed."""
    return ("" if isinstance(fact, Quote) else fact.id), fact.at.timestamp()


def raise_outage(result: ExecutionResult) -> None:
    """A database that is away is no answer: the event would be spent on it, its cursor passed."""
    for error in result.errors or ():
        if isinstance(error.original_error, OSError):
            raise error.original_error


def encode(result: ExecutionResult, cursor: str | None) -> bytes:
    """The payload of a `next` message."""
    payload: dict[str, Any] = {"data": result.data}
    if result.errors:
        payload["errors"] = [coded(error).formatted for error in result.errors]
    if cursor is not None:
        payload["extensions"] = {"cursor": cursor}
    return orjson.dumps(payload)


def coded_as(error: GraphQLError, code: str) -> GraphQLError:
    """With a code of its own."""
    return GraphQLError(error.message, nodes=error.nodes, extensions={"code": code})


def _postings(
    name: str, audience: Audience, account_no: str | None, client_id: str | None
) -> Sequence[Hashable]:
    """The most telling thing that was asked for."""
    if account_no is not None:
        return [(name, "account", account_no)]
    if client_id is not None:
        return [(name, "client", client_id)]
    if audience.account_scope is not None:
        return [(name, "account", each) for each in sorted(audience.account_scope)]
    return [(name,)]


def _scope(field: str, wanted: object, audience: Audience) -> bytes:
    return scope_of(*scope_text(field, wanted, audience))


def _refuse_partial(has_next: bool, api: Api) -> None:
    if has_next:
        raise ApiError(
            BAD_USER_INPUT,
            f"More than {api.snapshot_max} rows match: narrow the filter, or page through the list.",
        )


def _root_field(document: Document, operation: OperationDefinitionNode) -> FieldNode:
    return next(_fields(document, operation.selection_set.selections))


def _fields(document: Document, selections: Iterable[Any]) -> Iterator[FieldNode]:
    for selection in selections:
        if isinstance(selection, FieldNode):
            yield selection
        elif isinstance(selection, InlineFragmentNode):
            yield from _fields(document, selection.selection_set.selections)
        else:
            fragment = document.fragment(selection.name.value)
            yield from _fields(document, fragment.selection_set.selections)


def _cursor_variables(document: Document, field: FieldNode) -> set[str]:
    """The variables that say where to begin, and nothing else: one that also filters or selects is counted
    more often than it is given there and defined."""
    given = Counter(
        argument.value.name.value
        for argument in field.arguments or ()
        if argument.name.value in CURSOR_ARGUMENTS and isinstance(argument.value, VariableNode)
    )
    used = _uses(document.definitions)
    return {name for name, times in given.items() if used[name] == times}


def _uses(definitions: Iterable[Node]) -> Counter[str]:
    """How often each variable is used, wherever that is."""
    found: Counter[str] = Counter()
    waiting: list[Any] = list(definitions)
    while waiting:
        node = waiting.pop()
        if isinstance(node, VariableDefinitionNode):
            continue
        if isinstance(node, VariableNode):
            found[node.name.value] += 1
        elif isinstance(node, Node):
            waiting += [getattr(node, key) for key in node.keys]
        elif isinstance(node, list | tuple):
            waiting += node
    return found


def _normalised(document: Document, operation: OperationDefinitionNode, field: FieldNode) -> str:
    """The document's text without white space, comments and where to begin."""
    arguments = tuple(
        argument for argument in field.arguments or () if argument.name.value not in CURSOR_ARGUMENTS
    )
    if len(arguments) == len(field.arguments or ()) or field not in operation.selection_set.selections:
        return document.normalised
    root = FieldNode(
        alias=field.alias,
        name=field.name,
        arguments=arguments,
        directives=field.directives,
        selection_set=field.selection_set,
    )
    names = _cursor_variables(document, field)
    changed = OperationDefinitionNode(
        operation=operation.operation,
        name=operation.name,
        variable_definitions=tuple(
            each for each in operation.variable_definitions or () if each.variable.name.value not in names
        ),
        directives=operation.directives,
        selection_set=SelectionSetNode(
            selections=tuple(root if each is field else each for each in operation.selection_set.selections)
        ),
    )
    return "\n".join(print_ast(changed if each is operation else each) for each in document.definitions)


def _canonical(variables: Mapping[str, Any]) -> bytes:
    return orjson.dumps(variables, option=orjson.OPT_SORT_KEYS)
