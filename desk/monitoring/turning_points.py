"""Moments at which the value of an account changes with time alone, without a new price."""

from datetime import datetime, timedelta

from domain.expiry import next_change
from domain.margin import Book
from domain.market import Instrument
from models.book import BookPolicy


def next_turn(book: Book, policy: BookPolicy, now: datetime) -> datetime | None:
    """The next moment at which an option expires or is settled, or a suspended stock becomes dead; None:
    never.
    """
    moments = []
    for held in book.holdings:
        instrument = held.instrument
        moments.append(next_change(instrument, now, policy.zone_of, policy.expiry))
        moments.append(_dies_at(instrument, policy.suspended_dead_after))
    return min((moment for moment in moments if moment is not None and moment > now), default=None)


def _dies_at(instrument: Instrument, suspended_for: timedelta) -> datetime | None:
    return None if instrument.suspended_since is None else instrument.suspended_since + suspended_for
