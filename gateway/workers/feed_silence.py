"""Report a feed that falls silent: missing prices cause no event by themselves."""

from datetime import datetime, timedelta

from desk.context import DeskContext
from domain.calendar import NoCalendar, is_open
from gateway.loops.repeat import every
from gateway.resources import Resources
from gateway.watch.feed_watch import FeedWatch
from models.market import held_markets

CHECKS_PER_PRICE_AGE = 4
MARKETS_READ_EVERY = timedelta(seconds=60)


async def watch_feed(resources: Resources) -> None:
    """Check, for every market in session with holdings, whether its newest price is fresh."""
    listener = SilenceListener(resources.desk, resources.feed_watch)
    await every(resources.settings.max_price_age_s / CHECKS_PER_PRICE_AGE, listener.listen)


class SilenceListener:
    """Remembers the relevant markets, and since when each of them is in session."""

    def __init__(self, desk: DeskContext, watch: FeedWatch) -> None:
        self._desk = desk
        self._watch = watch
        self._markets: tuple[str, ...] = ()
        self._read_at: datetime | None = None
        self._open_since: dict[str, datetime] = {}

    async def listen(self) -> None:
        """Update the markets that are silent now."""
        now = self._desk.clock()
        if self._read_at is None or now - self._read_at >= MARKETS_READ_EVERY:
            self._markets, self._read_at = tuple(await held_markets()), now
        in_session = [market for market in self._markets if self._is_open(market, now)]
        self._open_since = {market: self._open_since.get(market, now) for market in in_session}
        ages = {market: now - self._newest(market, now) for market in in_session}
        most = self._desk.policy.max_price_age
        self._watch.note_silence({market: age for market, age in ages.items() if age > most})

    def _newest(self, market: str, now: datetime) -> datetime:
        """The time of the newest price; none is expected before the market opens and the feed is read."""
        known = (self._open_since[market], self._watch.reads_since or now, self._watch.priced_at.get(market))
        return max(moment for moment in known if moment is not None)

    def _is_open(self, market: str, now: datetime) -> bool:
        try:
            return is_open(self._desk.calendar_of(market), now)
        except NoCalendar:
            return False
