"""Which messages were heard already, so that a repeat changes nothing, however late it comes.

A repeat states the same about the same as of the same time. Mostly its time alone makes it harmless. But one
whose time was ahead of the clock counted as of its arrival: repeated, it would arrive anew behind what is
newer. And of two different ones of the same time the later one counts, not the one that is repeated.
"""

from collections.abc import Callable
from datetime import datetime

from domain.freshness import CLOCKS_DIFFER_BY
from domain.inputs import InputSubject, stated_at, subject_of
from feeds.base import FeedMessage, Receipt

Place = tuple[str, Receipt]
"""A stream and a message in it."""

REMEMBERED_MAX = 10_000
BEHIND = 2 * CLOCKS_DIFFER_BY
"""How much older a message counts than one that is further ahead: certainly older."""


class HeardMessages:
    """The last `most` of them."""

    def __init__(self, most: int = REMEMBERED_MAX) -> None:
        self._most = most
        self._places: dict[FeedMessage, Place] = {}
        self._messages: dict[Place, FeedMessage] = {}
        self._counts_as_of: dict[FeedMessage, datetime] = {}
        self._furthest: dict[InputSubject, FeedMessage] = {}
        """Of each subject the message that was furthest ahead."""

    def is_repeat(self, place: Place, message: FeedMessage) -> bool:
        """It was heard at another place, and could be used there."""
        return self._places.get(message, place) != place

    def note(self, place: Place, message: FeedMessage) -> None:
        """It is used from there, or held."""
        if message in self._places:
            return
        while len(self._places) >= self._most:
            self._forget(next(iter(self._places)))
        self._places[message], self._messages[place] = place, message

    def was_ahead(self, message: FeedMessage) -> bool:
        """It was ahead of the clock when it came first."""
        return message in self._counts_as_of

    def counts_as_of(self, message: FeedMessage, arrived: Callable[[], datetime]) -> datetime:
        """Of when a noted message is that is ahead of the clock: of its arrival, the first if there were
        several, but before another of the same subject that is further ahead."""
        if message in self._counts_as_of:
            return self._counts_as_of[message]
        at, subject = arrived(), subject_of(message)
        further = self._furthest.get(subject)
        if further is None or stated_at(further) <= stated_at(message):
            self._furthest[subject] = message
        else:
            at = min(at, self._counts_as_of[further] - BEHIND)
        self._counts_as_of[message] = at
        return at

    def rejected(self, place: Place) -> None:
        """It could not be used: published again after a repair it is no repeat."""
        if place in self._messages:
            self._forget(self._messages[place])

    def _forget(self, message: FeedMessage) -> None:
        del self._messages[self._places.pop(message)]
        self._counts_as_of.pop(message, None)
        subject = subject_of(message)
        if self._furthest.get(subject) == message:
            del self._furthest[subject]
