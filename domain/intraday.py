"""The trading day of an intraday account, which may borrow within the day only.

Shortly before the close it may place no new orders, then it has to be flat: its whole debt is demanded, as
from a cash account, until the next session begins.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from domain.calendar import TradingCalendar, in_last_minutes, last_minutes_begin


class IntradayPhase(StrEnum):
    """The actions that an intraday account may still take."""

    OPEN = "OPEN"
    REDUCE_ONLY = "REDUCE_ONLY"
    FLAT = "FLAT"
    """It must not owe anything."""


@dataclass(frozen=True, slots=True)
class IntradayPolicy:
    """When the phases begin; with `flat_before_close` of zero they never do."""

    flat_before_close: timedelta
    last_order_before_close: timedelta
    liquidates_at_once: bool
    """The desk liquidates a margin call of an intraday account as soon as it opens."""


def intraday_phase(calendar: TradingCalendar, policy: IntradayPolicy, now: datetime) -> IntradayPhase:
    """The phase of the market whose calendar sets the account's deadlines."""
    if not policy.flat_before_close:
        return IntradayPhase.OPEN
    if in_last_minutes(calendar, now, policy.flat_before_close):
        return IntradayPhase.FLAT
    if in_last_minutes(calendar, now, policy.last_order_before_close):
        return IntradayPhase.REDUCE_ONLY
    return IntradayPhase.OPEN


def flat_time(calendar: TradingCalendar, policy: IntradayPolicy, called_at: datetime) -> datetime | None:
    """The deadline of an intraday account called at this time: it has to be flat from then on.

    `called_at` itself if it has to be flat already; None if intraday accounts never have to be flat.
    """
    if not policy.flat_before_close:
        return None
    if in_last_minutes(calendar, called_at, policy.flat_before_close):
        return called_at
    return last_minutes_begin(calendar, called_at, policy.flat_before_close)
