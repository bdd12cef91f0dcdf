"""The day of an intraday account, which may borrow within the day only.

Shortly before the close it takes no new orders, then it has to be flat: whatever it owes is asked for, as of
a cash account, until the next session begins.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from domain.calendar import TradingCalendar, in_last_minutes, last_minutes_begin


class IntradayPhase(StrEnum):
    """What an intraday account may still do."""

    OPEN = "OPEN"
    REDUCE_ONLY = "REDUCE_ONLY"
    FLAT = "FLAT"
    """It may owe nothing."""


@dataclass(frozen=True, slots=True)
class IntradayRules:
    """When what begins; nothing ever does where `flat_before_close` is zero."""

    flat_before_close: timedelta
    last_order_before_close: timedelta
    liquidates_at_once: bool
    """A margin call of an intraday account is liquidated by the desk as soon as it opens."""


def intraday_phase(calendar: TradingCalendar, rules: IntradayRules, now: datetime) -> IntradayPhase:
    """By the market whose calendar sets the account's deadlines."""
    if not rules.flat_before_close:
        return IntradayPhase.OPEN
    if in_last_minutes(calendar, now, rules.flat_before_close):
        return IntradayPhase.FLAT
    if in_last_minutes(calendar, now, rules.last_order_before_close):
        return IntradayPhase.REDUCE_ONLY
    return IntradayPhase.OPEN


def flat_time(calendar: TradingCalendar, rules: IntradayRules, called_at: datetime) -> datetime | None:
    """Until when an intraday account that is called at this time may cure: it has to be flat from then on.

    At once where it has to be flat already. None where intraday accounts never have to be.
    """
    if not rules.flat_before_close:
        return None
    if in_last_minutes(calendar, called_at, rules.flat_before_close):
        return called_at
    return last_minutes_begin(calendar, called_at, rules.flat_before_close)
