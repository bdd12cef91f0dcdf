"""Overrides for days on which a market does not follow its exchange calendar."""

from datetime import date, datetime, time
from typing import Annotated

import strawberry

from desk.case_work.market_days import SetMarketDay, set_market_day
from desk.outcomes import Done
from domain import calendar
from domain.calendar import MarketDayKind
from domain.moments import parse_time_of_day
from models.market_day import RecordedMarketDay, count_market_days, load_recorded, page_market_days
from resolvers.kit.arguments import INPUT, PageArguments
from resolvers.kit.context import Info, ReadContext, RequestInfo, reader
from resolvers.kit.errors import BAD_USER_INPUT, ApiError
from resolvers.kit.inputs import KEY, check_code, check_key, check_text
from resolvers.kit.node import Node, global_id
from resolvers.kit.pagination import Connection, Pager
from resolvers.types.refusal import AnyRefusal

MARKET_CHARACTERS_MAX = 10


@strawberry.type(
    description="An override for a day on which a market does not follow its exchange calendar. The newest "
    "override of a day applies."
)
class MarketDay(Node):
    """From domain.calendar.MarketDay."""

    market: str = strawberry.field(
        description="The market, by its code in `Instrument.market`, such as XHKG."
    )
    day: date = strawberry.field(description="The overridden day, local to the market.")
    kind: MarketDayKind = strawberry.field(description="The way in which the day differs from the calendar.")
    closes_at: str | None = strawberry.field(
        description="The closing time of a HALF day, HH:MM local to the market; null for other kinds."
    )
    reason: str = strawberry.field(description="The reason for the override.")
    by: str = strawberry.field(description="The subject of the operator who set the override.")
    at: datetime = strawberry.field(description="The time at which the override was set.")


@strawberry.input(
    description="An override for a day on which a market does not follow its exchange calendar."
)
class SetMarketDayInput:
    """To desk.case_work.market_days.SetMarketDay."""

    idempotency_key: str = strawberry.field(description=KEY)
    market: str = strawberry.field(
        description="The market, by its code in `Instrument.market`, such as XHKG."
    )
    day: date = strawberry.field(description="The day to override, local to the market.")
    kind: MarketDayKind = strawberry.field(description="The way in which the day differs from the calendar.")
    closes_at: str | None = strawberry.field(
        default=None,
        description="The closing time, HH:MM local to the market. Required for a HALF day, not allowed "
        "otherwise.",
    )
    reason: str = strawberry.field(description="The reason, 1 to 1000 characters, kept with the override.")

    def command(self) -> SetMarketDay:
        """The command for the desk; raises ApiError."""
        check_key(self.idempotency_key)
        check_text("reason", self.reason, at_least=1)
        check_code("market", self.market, MARKET_CHARACTERS_MAX)
        if (self.kind is MarketDayKind.HALF) != (self.closes_at is not None):
            raise ApiError(BAD_USER_INPUT, "Give closesAt for a HALF day, and omit it for any other kind.")
        override = calendar.MarketDay(
            self.market, self.day, self.kind, _time_of_day(self.closes_at), self.reason
        )
        return SetMarketDay(self.idempotency_key, override)


@strawberry.type(
    description="The override is set. The desk moves the deadlines of live cases within seconds."
)
class MarketDaySet:
    """From desk.outcomes.Done."""

    market_day: MarketDay = strawberry.field(description="The new override of the day.")


@strawberry.type(description="The override was refused; nothing was changed.")
class MarketDayRefused(AnyRefusal):
    """From desk.outcomes.Refused."""


SetMarketDayResult = Annotated[
    MarketDaySet | MarketDayRefused,
    strawberry.union("SetMarketDayResult", description="The outcome of setMarketDay."),
]


@strawberry.type(description="The payload of setMarketDay.")
class SetMarketDayPayload:
    """One result."""

    result: SetMarketDayResult = strawberry.field(description="The outcome of the command.")


@strawberry.type
class MarketDayMutations:
    """The root field that sets market days."""

    @strawberry.mutation(
        description="Override the exchange calendar of a market for one day, such as a typhoon day. The "
        "override applies within seconds everywhere in the desk, and moves the deadlines of live cases, "
        "but never into the past. Requires RISK_WARNING_FULL or RISK_SETTING_FULL, with access to all "
        "accounts."
    )
    async def set_market_day(
        self, info: RequestInfo, input: Annotated[SetMarketDayInput, INPUT]
    ) -> SetMarketDayPayload:
        """The desk checks the permission and keeps the record."""
        outcome = await set_market_day(info.context.api.desk, info.context.principal, input.command())
        if not isinstance(outcome, Done):
            return SetMarketDayPayload(result=MarketDayRefused(code=outcome.code, message=outcome.message))
        recorded = (await load_recorded([outcome.id]))[outcome.id]
        return SetMarketDayPayload(result=MarketDaySet(market_day=market_day_of(recorded)))


async def market_days_page(info: Info, market: str | None, asked: PageArguments) -> Connection[MarketDay]:
    """A page of overrides, newest first."""
    context = reader(info)
    pager: Pager[RecordedMarketDay] = Pager(("marketDays", market), "ts", context.api.page_size_max)
    request = pager.request(asked)
    return await pager.connection(
        request,
        lambda at: page_market_days(market, at),
        lambda row: (row.at, row.id),
        market_day_of,
        lambda: count_market_days(market),
    )


async def find_market_day(context: ReadContext, id_: str) -> MarketDay | None:
    """By its id; visible to every caller who may read."""
    recorded = (await load_recorded([id_])).get(id_)
    return market_day_of(recorded) if recorded else None


def market_day_of(recorded: RecordedMarketDay) -> MarketDay:
    """The GraphQL object."""
    override = recorded.override
    return MarketDay(
        id=global_id("MarketDay", recorded.id),
        market=override.market,
        day=override.day,
        kind=override.kind,
        closes_at=None if override.closes_at is None else f"{override.closes_at:%H:%M}",
        reason=override.reason,
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
