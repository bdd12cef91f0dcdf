"""Known markets: those with a calendar. Settings, book files and feeds are all checked against them."""

from collections.abc import Iterable

from domain.market_names import MARKETS
from domain.near_names import with_hint


def unknown_markets(names: Iterable[str]) -> list[str]:
    """The names without a calendar, each with the nearest known one: ``XHGK (did you mean XHKG?)``."""
    return [with_hint(name, MARKETS) for name in names if name not in MARKETS]
