"""The context of resolvers. A request has a principal; a live delivery, which is shared, has only an
audience.
"""

from asyncio import Lock
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Protocol, TypeAlias

from graphql import FieldNode, FragmentSpreadNode, GraphQLResolveInfo, InlineFragmentNode
from strawberry import Info as StrawberryInfo

from desk.command import permission_lacking
from desk.context import DeskContext
from desk.monitoring.book_what_if import BookEffect, BookWhatIfRequest
from domain.ids import ClientId
from domain.money import Currency
from domain.principal import MASKED, Audience, Capability, Principal
from models.sql.pace import Pace
from resolvers.kit.errors import FORBIDDEN, ApiError
from resolvers.kit.in_response import InResponse, ObjectsInResponse
from resolvers.kit.loaders import Loaders
from resolvers.kit.row_fields import Row, RowFields
from subscriptions.stream.bus import Bus
from subscriptions.stream.cursor import CursorSigner
from subscriptions.stream.event_stream import EventStream


class BookWhatIfRunner(Protocol):
    """Values the whole book off the event loop; raises `BookWhatIfBusy`."""

    async def __call__(self, request: BookWhatIfRequest, now: datetime, *, again: bool) -> BookEffect:
        """`again`: a result that was computed a moment ago is good enough."""
        ...


@dataclass(frozen=True, slots=True)
class Api:
    """The services that the schema uses, one per process, and the limits of requests."""

    version: str
    """The version of the desk."""
    desk: DeskContext
    bus: Bus
    stream: EventStream
    cursors: CursorSigner
    reporting_currency: Currency
    page_size_max: int
    legs_max: int
    snapshot_max: int
    unpublished_batch: int
    """How many events without a stream position are read at a time."""
    summary_interval_s: float
    renderings: AbstractAsyncContextManager[object]
    """One for each event that is executed for a subscription, so that they do not crowd the event loop."""
    resume_within_s: int
    """How far back a live feed can be resumed."""
    book_what_if: BookWhatIfRunner
    what_if_accounts_max: int
    what_if_chunk_accounts: int


class SelectedRows(Protocol):
    """The columns that a selection needs, and how its rows come into the response."""

    @property
    def columns(self) -> frozenset[str]:
        """Their names."""
        ...

    async def objects(self, rows: Sequence[Row], at: Any) -> ObjectsInResponse | None:
        """Their places in the response, by the context of the rows; None: through objects."""
        ...

    async def object(self, row: Row, at: Any) -> InResponse | None:
        """The same of one row."""
        ...


RowSelector: TypeAlias = Callable[[GraphQLResolveInfo[Any], RowFields], SelectedRows | None]
"""From a field and how fields of its type are read from rows; None: through objects."""


def _no_rows(info: object, fields: object) -> None:
    return None


class ReadContext:
    """The data needed to show objects to an audience. Loaders live as long as one operation, or one event."""

    def __init__(self, api: Api, audience: Audience) -> None:
        self.api = api
        self.audience = audience
        self.rows: RowSelector = _no_rows
        """How rows become the value of a field, if the executor compiles them."""
        self.pace = Pace()
        self.summing = Lock()
        """Held by computations over all live cases: several of one request would be one long step."""

    @cached_property
    def loaders(self) -> Loaders:
        """Created when the first loader is requested."""
        return Loaders(self.api.desk, self.audience)

    def release(self) -> None:
        """At the end of the operation: let go of what was loaded.

        It refers to itself in circles. Left to the search for garbage, the books of a large answer would be
        freed all at once, which takes longer than to make them.
        """
        self.rows = _no_rows
        if "loaders" in vars(self):
            self.loaders.release()

    @cached_property
    def clients_shown(self) -> set[ClientId]:
        """The clients whose personal data may be in the answer."""
        return set()


class RequestContext(ReadContext):
    """The context of one operation of one caller."""

    def __init__(self, api: Api, principal: Principal) -> None:
        super().__init__(api, principal.audience)
        self.principal = principal


def personal(text: str | None, audience: Audience) -> str | None:
    """The personal data, or the mask if the audience may not see personal data."""
    return text if text is None or audience.may(Capability.SEE_PERSONAL_DATA) else MASKED


Info: TypeAlias = StrawberryInfo[ReadContext, None]
RequestInfo: TypeAlias = StrawberryInfo[RequestContext, None]


def selected_rows(info: Info, fields: RowFields) -> SelectedRows | None:
    """How rows become the value of this field; None: through objects."""
    return info.context.rows(info._raw_info, fields)


def selects(info: Info, name: str) -> bool:
    """Whether the object of this field is asked for the field with this name in the schema. The conditions of
    @skip and @include count as met.
    """
    raw, spread = info._raw_info, set[str]()
    waiting = [node.selection_set for node in raw.field_nodes]
    while waiting:
        selections = waiting.pop()
        for each in selections.selections if selections else ():
            if isinstance(each, FieldNode):
                if each.name.value == name:
                    return True
            elif isinstance(each, InlineFragmentNode):
                waiting.append(each.selection_set)
            elif isinstance(each, FragmentSpreadNode) and each.name.value not in spread:
                spread.add(each.name.value)
                waiting.append(raw.fragments[each.name.value].selection_set)
    return False


IF_IT_FAILS = " Null, with an error, if this field fails; the other fields of the request are answered."
"""For a root field that may fail alone: it requires a permission of its own, or computes over many accounts.
A root field that is not null takes the whole answer along.
"""


def reader(info: Info, *needed: Capability) -> ReadContext:
    """The context of a caller who may read and, if capabilities are named, has one of them; every root field
    of a query starts with it.
    """
    require(info.context, *needed)
    return info.context


def require(context: ReadContext, *needed: Capability) -> None:
    """Raise ApiError unless the caller has one of the capabilities; see `reader`."""
    require_capability(context.audience, *needed)


def require_capability(audience: Audience, *needed: Capability) -> None:
    """Raise ApiError unless the audience may read and, if capabilities are named, has one of them."""
    if not audience.may_see:
        raise ApiError(
            FORBIDDEN, "Your token grants no permission for this: ask the administrator who issued it."
        )
    if needed and not audience.may(*needed):
        raise ApiError(FORBIDDEN, permission_lacking(*needed))
