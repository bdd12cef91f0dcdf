"""The end of an option: until when it lives, when what it is worth is settled, and when it is nothing.

The last day of an option is a day of its market, by the clock of that market. On that day it lives. From the
next day on it can neither be traded nor lent against. Where its market exercises by itself what is in the
money, the option is worth what the exercise brings until the settlement is over: by then the book of record
states the shares, or the money, and no longer the option. Everywhere else, and afterwards, it is worth
nothing.
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
"""The clock of a market, by its name."""


class Life(StrEnum):
    """Where an instrument stands. What is no option, or an option without known terms, is always alive."""

    ALIVE = "ALIVE"
    SETTLING = "SETTLING"
    """Expired; worth what its exercise brings."""
    ENDED = "ENDED"
    """Expired and worth nothing."""


@dataclass(frozen=True, slots=True)
class ExpiryRules:
    """What follows the last day of an option."""

    exercise_markets: frozenset[str] = NO_MARKETS
    """Where options that are in the money are exercised without a word from the holder."""
    settlement_days: int = 0
    """Calendar days after the last day until the exercise is settled."""


def life_of(instrument: Instrument, now: datetime, zone_of: ZoneOf, rules: ExpiryRules) -> Life:
    """At `now`, by the date where the instrument trades."""
    if instrument.option is None:
        return Life.ALIVE
    return life_on(instrument, now.astimezone(zone_of(instrument.market)).date(), rules)


def life_on(instrument: Instrument, today: date, rules: ExpiryRules) -> Life:
    """On a day of its market."""
    option = instrument.option
    if option is None or today <= option.expiry:
        return Life.ALIVE
    if instrument.market not in rules.exercise_markets:
        return Life.ENDED
    settled_from = option.expiry + timedelta(days=rules.settlement_days)
    return Life.SETTLING if today <= settled_from else Life.ENDED


def is_expired(instrument: Instrument, day: date) -> bool:
    """Its last day is before this day of its market; never of what is no option."""
    return life_on(instrument, day, ExpiryRules()) is not Life.ALIVE


def next_change(
    instrument: Instrument, now: datetime, zone_of: ZoneOf, rules: ExpiryRules
) -> datetime | None:
    """The next midnight of the market at which the life of the instrument changes; None: it does not."""
    if instrument.option is None:
        return None
    zone = zone_of(instrument.market)
    last_days = [instrument.option.expiry]
    if instrument.market in rules.exercise_markets:
        last_days.append(instrument.option.expiry + timedelta(days=rules.settlement_days))
    midnights = (datetime.combine(day + timedelta(days=1), time(), zone) for day in last_days)
    return min((each.astimezone(UTC) for each in midnights if each > now), default=None)


def intrinsic_value(option: OptionTerms, underlying: Decimal) -> Decimal:
    """What an exercise brings for one unit of the underlying, which is at this price. In `money.exact()`."""
    gain = underlying - option.strike if option.right is OptionRight.CALL else option.strike - underlying
    return max(ZERO, gain)
