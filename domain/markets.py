"""Which markets there are: those that have a calendar. Settings, book files and feeds all ask here."""

from collections.abc import Iterable

from domain.market_names import MARKETS
from domain.near_names import with_hint


def unknown_markets(names: Iterable[str]) -> list[str]:
    """Those that have no calendar, each with the nearest that has one: ``XHGK (did you mean XHKG?)``."""
    return [with_hint(name, MARKETS) for name in names if name not in MARKETS]
