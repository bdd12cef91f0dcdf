"""The end of an option: until when it trades, when its value is settled, and when it is worthless.

The last day of an option is a day of its market, in that market's time zone, and the option still trades on
that day. From the next day on it can neither be traded nor lent against. If its market exercises options in
the money automatically, the option is worth the proceeds of the exercise until settlement: by then the book
of record states the shares, or the money, instead of the option. Otherwise, and afterwards, it is worthless.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from enum import StrEnum

from domain.market import Instrument, OptionRight, OptionTerms
from domain.money import ZERO

NO_MARKETS: frozenset[str] = frozenset()

ZoneOf = Callable[[str], tzinfo]
"""The time zone of a market, by its name."""


class Life(StrEnum):
    """The stage of an instrument's life. An instrument that is not an option, or an option without known
    terms, is always alive.
    """

    ALIVE = "ALIVE"
    SETTLING = "SETTLING"
    """Expired; worth the proceeds of its exercise."""
    ENDED = "ENDED"
    """Expired and worthless."""


@dataclass(frozen=True, slots=True)
class ExpiryPolicy:
    """The rules for options after their last day."""

    exercise_markets: frozenset[str] = NO_MARKETS
    """Markets that exercise options in the money without an instruction from the holder."""
    settlement_days: int = 0
    """Calendar days after the last day until the exercise is settled."""


def life_of(instrument: Instrument, now: datetime, zone_of: ZoneOf, policy: ExpiryPolicy) -> Life:
    """The stage at `now`, by the date where the instrument trades."""
    if instrument.option is None:
        return Life.ALIVE
    return life_on(instrument, now.astimezone(zone_of(instrument.market)).date(), policy)


def life_on(instrument: Instrument, today: date, policy: ExpiryPolicy) -> Life:
    """The stage on a day of its market."""
    option = instrument.option
    if option is None or today <= option.expiry:
        return Life.ALIVE
    if instrument.market not in policy.exercise_markets:
        return Life.ENDED
    settled_from = option.expiry + timedelta(days=policy.settlement_days)
    return Life.SETTLING if today <= settled_from else Life.ENDED


def is_expired(instrument: Instrument, day: date) -> bool:
    """Whether its last day is before this day of its market; never for an instrument that is not an
    option.
    """
    return life_on(instrument, day, ExpiryPolicy()) is not Life.ALIVE


def next_change(
    instrument: Instrument, now: datetime, zone_of: ZoneOf, policy: ExpiryPolicy
) -> datetime | None:
    """The next midnight of the market at which the stage changes; None: it does not."""
    if instrument.option is None:
        return None
    zone = zone_of(instrument.market)
    last_days = [instrument.option.expiry]
    if instrument.market in policy.exercise_markets:
        last_days.append(instrument.option.expiry + timedelta(days=policy.settlement_days))
    midnights = (datetime.combine(day + timedelta(days=1), time(), zone) for day in last_days)
    return min((each.astimezone(UTC) for each in midnights if each > now), default=None)


def intrinsic_value(option: OptionTerms, underlying: Decimal) -> Decimal:
    """The proceeds of an exercise per unit of the underlying at this price. Call it inside
    `money.exact()`.
    """
    gain = underlying - option.strike if option.right is OptionRight.CALL else option.strike - underlying
    return max(ZERO, gain)
