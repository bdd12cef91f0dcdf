"""A subscription prepared for sharing: how its events are rendered, and what each field has to provide.

The shared execution sees a `ReadContext` with nothing but the audience. It contains no principal, so one
caller's view cannot leak into another's. Every event gets new loaders.
"""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson
from graphql import ExecutionResult

from domain.principal import Audience
from models.outbox import unpublished
from models.sql.codec import UnknownFormat, event_from_text
from models.sql.faults import NO_ANSWER
from models.sql.unreadable import DAMAGE
from resolvers.execution.compiling import Projection
from resolvers.execution.executor import AdmittedOperation, Executor, encode
from resolvers.execution.leaves import NotPlain
from resolvers.kit.context import Api, ReadContext
from resolvers.live_feed.shared_payloads import SharedPayloads
from subscriptions.live.operation import Delivery, Opening, Snapshot
from subscriptions.live.payload import AtHand, SharedPayload
from subscriptions.stream.bus import Position

_END_OF_EXTENSIONS = b'"}}'
NOWHERE = Position("", 0)
"""A position of no epoch: resuming there is refused as expired."""


@dataclass(frozen=True, slots=True)
class Request:
    """An admitted subscription request."""

    executor: Executor
    api: Api
    audience: Audience
    operation: AdmittedOperation
    field: str
    arguments: Mapping[str, Any]
    key: Hashable
    payloads: SharedPayloads


class LiveOperation(ABC):
    """The base of all fields."""

    delivery = Delivery.EVERY
    interval_s = 0.0
    root_is_at_hand = True
    """Whether nothing is looked up for the object of the root field."""

    def __init__(self, request: Request, scope: bytes) -> None:
        self._request = request
        self.scope = scope
        self.field = request.field
        self.key: Hashable = request.key
        self.postings: Sequence[Hashable] = ()

    @abstractmethod
    def concerns(self, fact: Any) -> Any | None:
        """The object to render for the event; None: the event does not concern this operation."""

    def merge_key(self, root: Any) -> str | None:
        """The key under which waiting events replace each other; fields that keep EVERY have none."""
        return None

    @abstractmethod
    async def snapshot(self) -> Snapshot:
        """The current state that the subscription starts with."""

    async def _unpublished(self) -> frozenset[str]:
        """Events of this operation's concern that are committed but have no position yet."""
        ids: set[str] = set()
        async for payloads in unpublished(self._request.api.unpublished_batch):
            for payload in payloads:
                # A damaged event makes all subscribers subscribe again once it has a position.
                with suppress(UnknownFormat):
                    fact = event_from_text(payload)
                    if self.concerns(fact) is not None:
                        ids.add(fact.id)
        return frozenset(ids)

    def opened(self, payload: bytes, opening: Opening) -> bytes:
        """The first message, with `extensions.stream`; `encode` puts `extensions.cursor` last."""
        assert payload.endswith(_END_OF_EXTENSIONS)
        stream: dict[str, Any] = {
            "resumed": opening.resumed,
            "resumeWithinS": self._request.api.resume_within_s,
        }
        if opening.snapshot_events is not None:
            stream["snapshotEvents"] = opening.snapshot_events
        return b'%b","stream":%b}}' % (payload.removesuffix(_END_OF_EXTENSIONS), orjson.dumps(stream))

    def cursor(self, position: Position) -> str | None:
        """The cursor of a position; fields of which only the LATEST matters are not resumed."""
        if self.delivery is Delivery.LATEST:
            return None
        return self._request.api.cursors.sign(position, self.scope)

    async def render(self, root: Any, position: Position, *, resumable: bool = True) -> bytes:
        """Execute with a new context and encode. Raises `NO_ANSWER` while the database does not answer."""
        if resumable and (at_hand := self.render_at_once(root, position)) is not None:
            return at_hand.shared.completed(at_hand.cursor)
        request = self._request
        context = ReadContext(request.api, request.audience)
        cursor = request.api.cursors.sign(position if resumable else NOWHERE, self.scope)
        result = await self._result(root, cursor, context)
        raise_outage(result)
        return encode(result, None if self.delivery is Delivery.LATEST else cursor)

    def render_at_once(self, root: Any, position: Position) -> AtHand | None:
        """The same payload if nothing has to be looked up for it; None otherwise."""
        return None

    async def _result(self, root: Any, cursor: str, context: ReadContext) -> ExecutionResult:
        """Subscriptions that look something up take turns: of hundreds that an event concerns, each would
        run for some milliseconds before anything else does, such as the leader's lease.
        """
        turn = self._request.api.renderings
        if self.root_is_at_hand:
            value = await self.root(root, cursor, context)
            if (plain := self._plain(value)) is not None:
                return plain
            async with turn:
                return await self._executed(value, context)
        async with turn:
            value = await self.root(root, cursor, context)
            return self._plain(value) or await self._executed(value, context)

    def _plain(self, root: Any) -> ExecutionResult | None:
        """The result by the compiled selection, which looks nothing up; None if the executor has to."""
        if self._projection is not None:
            with suppress(NotPlain):
                return ExecutionResult(self._projection(root))
        return None

    async def _executed(self, root: Any, context: ReadContext) -> ExecutionResult:
        return await self._request.executor.execute(self._request.operation, context, root)

    @cached_property
    def _projection(self) -> Projection | None:
        """Created for the first render, because every further subscriber brings an operation like this."""
        return self._request.executor.projection(self._request.operation)

    @abstractmethod
    async def root(self, root: Any, cursor: str, context: ReadContext) -> Any:
        """The GraphQL object of the root field."""


def raise_outage(result: ExecutionResult) -> None:
    """Raise database outages and locks: as answers they would use up the event and move its cursor
    past it.
    """
    for error in result.errors or ():
        if isinstance(error.original_error, NO_ANSWER):
            raise error.original_error


class EventOperation(LiveOperation):
    """Of a field whose events contain all that their GraphQL object shows without looking anything up."""

    @abstractmethod
    def event_of(self, root: Any, cursor: str) -> Any:
        """The GraphQL object of an event."""

    async def root(self, root: Any, cursor: str, context: ReadContext) -> Any:
        """As `event_of`."""
        return self.event_of(root, cursor)

    def render_at_once(self, root: Any, position: Position) -> AtHand | None:
        """The payload that groups with other filters and scopes receive too, if the selection reads nothing
        but the event: it is encoded once, and each group puts its own cursor in.
        """
        project = self._projection
        if project is None:
            return None
        cursor = self._request.api.cursors.sign(position, self.scope)
        # For one filter an event may be a change, and for another the end of a match.
        payloads, key = self._request.payloads, (project, root.id, root.kind, len(cursor))
        shared = payloads.get(key)
        if shared is None:
            mark = payloads.mark(len(cursor))
            try:
                marked = project(self.event_of(root, mark))
                shared = SharedPayload(encode(ExecutionResult(marked), mark), mark.encode())
            except (NotPlain, *DAMAGE):
                # The task of the group meets it again, and ends that group alone.
                return None
            payloads.put(key, shared)
        return AtHand(shared, cursor.encode())
