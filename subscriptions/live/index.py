"""The groups by the keys of the events that may concern them, and how an event is offered to all of these.

An event may concern thousands of groups, since each filter and each selection has one. To look at a group and
to render the event for it takes from microseconds to milliseconds, so other tasks get their turn in between.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass

from models.sql.pace import Pace
from subscriptions.live.group import Group
from subscriptions.live.operation import Fact
from subscriptions.stream.bus import Position


@dataclass(frozen=True, slots=True)
class _Offering:
    """An event that is being offered."""

    postings: frozenset[Hashable]
    waiting: dict[Group, None]
    """The groups that it has not been offered to yet."""


class GroupIndex:
    """`refused(group)` is called when a group cannot take an event."""

    def __init__(
        self, postings_of: Callable[[Fact], Iterable[Hashable]], refused: Callable[[Group], None]
    ) -> None:
        self._postings_of = postings_of
        self._refused = refused
        self._groups: defaultdict[Hashable, dict[Group, None]] = defaultdict(dict)
        self._offerings: list[_Offering] = []

    def add(self, group: Group) -> None:
        """The group is also offered the events that are being offered now, because it begins before them."""
        for posting in group.operation.postings:
            self._groups[posting][group] = None
        for offering in self._offerings:
            if not offering.postings.isdisjoint(group.operation.postings):
                offering.waiting[group] = None

    def remove(self, group: Group) -> None:
        """The group is offered nothing any more."""
        for posting in group.operation.postings:
            self._groups[posting].pop(group, None)
            if not self._groups[posting]:
                del self._groups[posting]
        for offering in self._offerings:
            offering.waiting.pop(group, None)

    async def offer(self, position: Position, fact: Fact) -> None:
        """Offer the event to each group that it may concern. A cancelled task offers it to all of them
        before it ends, so that no group gets it twice when the feed is run again.
        """
        postings = frozenset(self._postings_of(fact))
        offering = _Offering(postings, {})
        for posting in postings:
            if posting in self._groups:
                offering.waiting.update(self._groups[posting])
        self._offerings.append(offering)
        pace, cancelled = Pace(), None
        try:
            while offering.waiting:
                group = next(iter(offering.waiting))
                del offering.waiting[group]
                if not group.offer(position, fact):
                    self._refused(group)
                try:
                    if cancelled is None:
                        await pace.turn()
                except asyncio.CancelledError as ended:
                    cancelled = ended
        finally:
            self._offerings.remove(offering)
        if cancelled is not None:
            raise cancelled
