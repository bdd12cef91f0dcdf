"""What resolvers are given. A request has a principal; a live delivery, which is shared, only an audience."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Protocol, TypeAlias

from strawberry import Info as StrawberryInfo

from desk.desk import Desk
from desk.monitoring.book_what_if import BookEffect, BookWhatIf
from desk.outcomes import lacks
from domain.ids import ClientId
from domain.money import Currency
from domain.principal import MASKED, Audience, Capability, Principal
from resolvers.kit.errors import FORBIDDEN, ApiError
from resolvers.kit.loaders import Loaders
from subscriptions.bus import Bus
from subscriptions.cursor import CursorSigner
from subscriptions.stream import EventStream


class BookWhatIfRunner(Protocol):
    """Values the whole book off the event loop; raises `BookWhatIfBusy`."""

    async def __call__(self, asked: BookWhatIf, now: datetime, *, again: bool) -> BookEffect:
        """`again`: the effect that was computed a moment ago will do."""
        ...


@dataclass(frozen=True, slots=True)
class Api:
    """The services behind the schema, one per process, and the limits of requests."""

    desk: Desk
    bus: Bus
    stream: EventStream
    cursors: CursorSigner
    reporting_currency: Currency
    page_size_max: int
    event_cost_max: int
    legs_max: int
    snapshot_max: int
    unpublished_batch: int
    """How many events without a position are read at a time."""
    summary_interval_s: float
    resume_within_s: int
    """How far back one can resume."""
    book_what_if: BookWhatIfRunner
    what_if_accounts_max: int
    what_if_chunk_accounts: int


class ReadContext:
    """Enough to show something to an audience. Loaders live as long as one operation, or one event."""

    def __init__(self, api: Api, audience: Audience) -> None:
        self.api = api
        self.audience = audience

    @cached_property
    def loaders(self) -> Loaders:
        """Made when the first is asked for."""
        return Loaders(self.api.desk, self.audience)

    @cached_property
    def clients_shown(self) -> set[ClientId]:
        """Whose personal data may be in the answer."""
        return set()


class RequestContext(ReadContext):
    """One operation of one caller."""

    def __init__(self, api: Api, principal: Principal) -> None:
        super().__init__(api, principal.audience)
        self.principal = principal


def personal(text: str | None, audience: Audience) -> str | None:
    """Personal data, or what stands in its place for who may not see it."""
    return text if text is None or audience.may(Capability.SEE_PERSONAL_DATA) else MASKED


Info: TypeAlias = StrawberryInfo[ReadContext, None]
RequestInfo: TypeAlias = StrawberryInfo[RequestContext, None]


def reader(info: Info, *needed: Capability) -> ReadContext:
    """The context of a caller who may look, and has one of the capabilities if any is named; every root field
    of a query begins with it."""
    require(info.context, *needed)
    return info.context


def require(context: ReadContext, *needed: Capability) -> None:
    """What `reader` looks at; raises ApiError."""
    if not context.audience.may_see:
        raise ApiError(FORBIDDEN, "Your token grants no permission of the desk.")
    if needed and not context.audience.may(*needed):
        raise ApiError(FORBIDDEN, lacks(*needed))
