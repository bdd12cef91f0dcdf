"""The root fields about markets and instruments."""

from datetime import datetime
from typing import Annotated

import strawberry

from domain.calendar import NoCalendar, session_at_or_after
from domain.ids import Symbol
from domain.market import Instrument as DomainInstrument
from domain.market_hours import MarketState
from models.market import count_instruments, load_markets, page_instruments
from resolvers.kit.arguments import After, Before, First, Last, PageArguments
from resolvers.kit.context import Info, ReadContext, reader
from resolvers.kit.pagination import Connection, Pager
from resolvers.kit.search import search_of
from resolvers.types.market import IF_READABLE, Instrument, Quote, instrument_of, quote_of


@strawberry.type(description="A market on which instruments of the desk trade.")
class Market:
    """By the calendar of the exchange, with the overrides of `marketDays`."""

    code: str = strawberry.field(description="The code of its exchange calendar, such as XHKG or XNYS.")
    time_zone: str | None = strawberry.field(
        description="Its time zone, as a name of the IANA time zone database, such as Asia/Hong_Kong; null "
        "if the desk has no calendar of the market."
    )
    in_session: bool = strawberry.field(
        description="Whether the desk treats the market as in session. A desk that replays recorded prices "
        "treats every market as in session."
    )
    opens_at: datetime | None = strawberry.field(
        description="The start of the current session, or of the next one if the market is closed. A pause "
        "at noon divides a day into two sessions. Null without a calendar."
    )
    closes_at: datetime | None = strawberry.field(
        description="The end of that session. Null without a calendar."
    )


@strawberry.type
class MarketQueries:
    """The root fields about markets and instruments."""

    @strawberry.field(description="The markets on which instruments of the desk trade, sorted by code.")
    async def markets(self, info: Info) -> list[Market]:
        """As of the clock of the desk."""
        context = reader(info)
        return [_market(code, context) for code in await load_markets()]

    @strawberry.field(description="Instruments that the desk knows, sorted by symbol.")
    async def instruments(
        self,
        info: Info,
        search: Annotated[
            str | None,
            strawberry.argument(
                description="Part of the symbol or of the name; at most 200 characters. Ignores case and "
                "width of letters. Omitted: all instruments."
            ),
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Instrument]:
        """A keyset page."""
        context = reader(info)
        text = search_of(search)
        pager: Pager[DomainInstrument] = Pager(("instruments", text), "s", context.api.page_size_max)
        request = pager.request(PageArguments(first, after, last, before))
        return await pager.connection(
            request,
            lambda at: page_instruments(text, at),
            lambda row: (row.symbol,),
            instrument_of,
            lambda: count_instruments(text),
        )

    @strawberry.field(
        description="The last quote of an instrument; null if the desk has none, or does not know the symbol."
    )
    async def quote(
        self,
        info: Info,
        symbol: Annotated[
            str, strawberry.argument(description="The symbol of the instrument, such as 700.HK.")
        ],
    ) -> Quote | None:
        """Batched over aliases."""
        context = reader(info)
        quote = await context.loaders.quotes.load(Symbol(symbol))
        return quote_of(quote, context.api.desk) if quote else None

    @strawberry.field(
        description="An instrument by its symbol; null if the desk does not know the symbol." + IF_READABLE
    )
    async def instrument(
        self,
        info: Info,
        symbol: Annotated[
            str, strawberry.argument(description="The symbol of the instrument, such as 700.HK.")
        ],
    ) -> Instrument | None:
        """Batched over aliases."""
        instrument = await reader(info).loaders.instruments.load(Symbol(symbol))
        return instrument_of(instrument) if instrument else None


def _market(code: str, context: ReadContext) -> Market:
    desk = context.api.desk
    now = desk.clock()
    in_session = desk.market_hours(now).state_of(code) is MarketState.OPEN
    try:
        calendar = desk.calendar_of(code)
        opens_at, closes_at = session_at_or_after(calendar, now)
    except NoCalendar:
        return Market(code=code, time_zone=None, in_session=in_session, opens_at=None, closes_at=None)
    return Market(
        code=code,
        time_zone=str(calendar.zone),
        in_session=in_session,
        opens_at=opens_at,
        closes_at=closes_at,
    )
