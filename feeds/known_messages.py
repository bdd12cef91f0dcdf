"""Messages read before, so that a repeat changes nothing, however late it arrives.

A repeat has the same content about the same subject as of the same time. Usually its time alone makes it
harmless. But a message whose time was ahead of the clock counted as of its arrival: a repeat would arrive
again after newer messages. And of two different messages with the same time the later one counts, not the
repeated one.
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


class KnownMessages:
    """The last `most` messages."""

    def __init__(self, most: int = REMEMBERED_MAX) -> None:
        self._most = most
        self._places: dict[FeedMessage, Place] = {}
        self._messages: dict[Place, FeedMessage] = {}
        self._counts_as_of: dict[FeedMessage, datetime] = {}
        self._furthest: dict[InputSubject, FeedMessage] = {}
        """For each subject the message that was furthest ahead."""

    def is_repeat(self, place: Place, message: FeedMessage) -> bool:
        """Whether it was read at another place, and was usable there."""
        return self._places.get(message, place) != place

    def note(self, place: Place, message: FeedMessage) -> None:
        """The message at this place is used, or held."""
        if message in self._places:
            return
        while len(self._places) >= self._most:
            self._forget(next(iter(self._places)))
        self._places[message], self._messages[place] = place, message

    def was_ahead(self, message: FeedMessage) -> bool:
        """Whether it was ahead of the clock when it first arrived."""
        return message in self._counts_as_of

    def counts_as_of(self, message: FeedMessage, arrived: Callable[[], datetime]) -> datetime:
        """The time as of which a noted message ahead of the clock counts: its first arrival, but before
        another message of the same subject that is further ahead.
        """
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
        """The message could not be used: published again after a repair, it is not a repeat."""
        if place in self._messages:
            self._forget(self._messages[place])

    def _forget(self, message: FeedMessage) -> None:
        del self._messages[self._places.pop(message)]
        self._counts_as_of.pop(message, None)
        subject = subject_of(message)
        if self._furthest.get(subject) == message:
            del self._furthest[subject]
