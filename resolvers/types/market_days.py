"""Days on which a market does not trade as its calendar says."""

from datetime import date, datetime, time
from typing import Annotated

import strawberry

from desk.case_work.market_days import SetMarketDay, set_market_day
from desk.command import Done
from domain import calendar
from domain.calendar import MarketDayKind
from domain.moments import parse_time_of_day
from domain.refusals import RefusalCode
from models.market_day import RecordedMarketDay, count_market_days, load_recorded, page_market_days
from resolvers.kit.arguments import INPUT
from resolvers.kit.context import Info, ReadContext, RequestInfo, reader
from resolvers.kit.errors import BAD_USER_INPUT, ApiError
from resolvers.kit.inputs import KEY, check_code, check_key, check_text
from resolvers.kit.node import Node, global_id
from resolvers.kit.pagination import Connection, Pager

MARKET_CHARACTERS_MAX = 10


@strawberry.type(
    description="A word on one day of a market that its calendar did not foresee; the newest on a day holds."
)
class MarketDay(Node):
    """From domain.calendar.MarketDay."""

    market: str = strawberry.field(description="As instruments name it, such as XHKG.")
    day: date = strawberry.field(description="Local to the market.")
    kind: MarketDayKind = strawberry.field(description="How the day differs.")
    closes_at: str | None = strawberry.field(description="HH:MM, local to the market; only of a HALF day.")
    reason: str = strawberry.field(description="Why.")
    by: str = strawberry.field(description="Who put it in.")
    at: datetime = strawberry.field(description="When it was put in.")


@strawberry.input(description="Put in how a day of a market differs from its calendar.")
class SetMarketDayInput:
    """To desk.case_work.market_days.SetMarketDay."""

    idempotency_key: str = strawberry.field(description=KEY)
    market: str = strawberry.field(description="As instruments name it, such as XHKG.")
    day: date = strawberry.field(description="Local to the market.")
    kind: MarketDayKind = strawberry.field(description="How the day differs.")
    closes_at: str | None = strawberry.field(
        default=None, description="HH:MM, local to the market; of a HALF day, and only of one."
    )
    reason: str = strawberry.field(description="Why, 1 to 1000 characters.")

    def command(self) -> SetMarketDay:
        """For the desk; raises ApiError."""
        check_key(self.idempotency_key)
        check_text("reason", self.reason, at_least=1)
        check_code("market", self.market, MARKET_CHARACTERS_MAX)
        if (self.kind is MarketDayKind.HALF) != (self.closes_at is not None):
            raise ApiError(BAD_USER_INPUT, "A HALF day needs closesAt, any other takes none.")
        word = calendar.MarketDay(self.market, self.day, self.kind, _time_of_day(self.closes_at), self.reason)
        return SetMarketDay(self.idempotency_key, word)


@strawberry.type(description="The word was put in; deadlines of live cases follow within seconds.")
class MarketDaySet:
    """From desk.command.Done."""

    market_day: MarketDay = strawberry.field(description="The word.")


@strawberry.type(description="Nothing was put in.")
class MarketDayRefused:
    """From desk.command.Refused."""

    code: RefusalCode = strawberry.field(description="Why.")
    message: str = strawberry.field(description="Why, in words, and what to do about it.")


SetMarketDayResult = Annotated[
    MarketDaySet | MarketDayRefused,
    strawberry.union("SetMarketDayResult", description="What became of a word on a market day."),
]


@strawberry.type(description="The answer of setMarketDay.")
class SetMarketDayPayload:
    """One result."""

    result: SetMarketDayResult = strawberry.field(description="What became of it.")


@strawberry.type
class MarketDayMutations:
    """Words on market days."""

    @strawberry.mutation(
        description="Put in a day on which a market does not trade as its calendar says, such as a typhoon. "
        "Every process goes by it, and deadlines of live cases move, never into the past. Needs "
        "RISK_WARNING_FULL or RISK_SETTING_FULL, for every account."
    )
    async def set_market_day(
        self, info: RequestInfo, input: Annotated[SetMarketDayInput, INPUT]
    ) -> SetMarketDayPayload:
        """Permission and record are the desk's."""
        outcome = await set_market_day(info.context.api.desk, info.context.principal, input.command())
        if not isinstance(outcome, Done):
            return SetMarketDayPayload(result=MarketDayRefused(code=outcome.code, message=outcome.message))
        recorded = (await load_recorded([outcome.id]))[outcome.id]
        return SetMarketDayPayload(result=MarketDaySet(market_day=market_day_of(recorded)))


async def market_days_page(
    info: Info, market: str | None, first: int, after: str | None
) -> Connection[MarketDay]:
    """A page, newest word first."""
    context = reader(info)
    pager: Pager[RecordedMarketDay] = Pager(("marketDays", market), "ts", context.api.page_size_max)
    request = pager.request(first, after)
    page = await page_market_days(market, request)
    return pager.connection(
        page, request, lambda row: (row.at, row.id), market_day_of, lambda: count_market_days(market)
    )


async def find_market_day(context: ReadContext, id_: str) -> MarketDay | None:
    """By its id; everybody who may look sees it."""
    recorded = (await load_recorded([id_])).get(id_)
    return market_day_of(recorded) if recorded else None


def market_day_of(recorded: RecordedMarketDay) -> MarketDay:
    """The GraphQL object."""
    word = recorded.word
    return MarketDay(
        id=global_id("MarketDay", recorded.id),
        market=word.market,
        day=word.day,
        kind=word.kind,
        closes_at=None if word.closes_at is None else f"{word.closes_at:%H:%M}",
        reason=word.reason,
        by=recorded.author,
        at=recorded.at,
    )


def _time_of_day(text: str | None) -> time | None:
    if text is None:
        return None
    try:
        return parse_time_of_day(text)
    except ValueError as reason:
        raise ApiError(BAD_USER_INPUT, f"closesAt must be {reason}.") from None
