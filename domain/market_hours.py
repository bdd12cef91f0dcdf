"""Whether something trades now: what the calendar of its market says, and what the feed says of it.

The planner, automatic liquidation and the count of open orders all ask here, so that they agree.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from domain.covered_options import Today
from domain.market import Instrument, TradeStatus


class MarketState(StrEnum):
    """What the calendar of a market says at a moment."""

    OPEN = "OPEN"
    SHUT = "SHUT"
    UNKNOWN_CALENDAR = "UNKNOWN_CALENDAR"
    """No calendar is known of it: for the desk it is shut."""


@dataclass(frozen=True, slots=True)
class MarketHours:
    """The calendars of all markets at one moment."""

    state_of: Callable[[str], MarketState]
    today: Today

    def in_session(self, market: str) -> bool:
        """By its calendar alone."""
        return self.state_of(market) is MarketState.OPEN

    def trades(self, instrument: Instrument) -> bool:
        """Its market is in session, and the feed does not say that the instrument rests."""
        live = instrument.trade_status in (TradeStatus.TRADING, TradeStatus.AUCTION)
        return live and self.in_session(instrument.market)


def _long_ago(instrument: Instrument) -> date:
    return date.min


BY_THE_FEED_ALONE = MarketHours(lambda market: MarketState.OPEN, _long_ago)
"""Every market is in session, and no option has expired."""
