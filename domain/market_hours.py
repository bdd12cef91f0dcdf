"""Whether an instrument trades now, by the calendar of its market and by its stated status.

The planner, automatic liquidation and the cover by open orders all use this module, so that they agree.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from domain.covered_options import Today
from domain.market import Instrument, TradeStatus


class MarketState(StrEnum):
    """The state of a market at a moment, by its calendar."""

    OPEN = "OPEN"
    SHUT = "SHUT"
    UNKNOWN_CALENDAR = "UNKNOWN_CALENDAR"
    """The market has no calendar: the desk treats it as closed."""


@dataclass(frozen=True, slots=True)
class MarketHours:
    """The calendars of all markets at one moment."""

    state_of: Callable[[str], MarketState]
    today: Today

    def in_session(self, market: str) -> bool:
        """Whether the market is in session, by its calendar alone."""
        return self.state_of(market) is MarketState.OPEN

    def trades(self, instrument: Instrument) -> bool:
        """Whether its market is in session and its stated status does not stop trading."""
        live = instrument.trade_status in (TradeStatus.TRADING, TradeStatus.AUCTION)
        return live and self.in_session(instrument.market)


def _long_ago(instrument: Instrument) -> date:
    return date.min


BY_THE_FEED_ALONE = MarketHours(lambda market: MarketState.OPEN, _long_ago)
"""Every market is in session, and no option has expired."""
