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
from subscriptions.live.rendered import Happened


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
        self._pace: Pace | None = None
        """Of the offers in this turn of the event loop, whatever events they are of."""

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

    async def offer(self, event: Happened, fact: Fact) -> None:
        """Offer the event to each group that it may concern. A cancelled task offers it to all of them
        before it ends, so that no group gets it twice when the feed is run again.
        """
        postings = frozenset(self._postings_of(fact))
        offering = _Offering(postings, {})
        for posting in postings:
            if posting in self._groups:
                offering.waiting.update(self._groups[posting])
        self._offerings.append(offering)
        pace: Pace | None = self._pace_of_this_turn()
        cancelled: asyncio.CancelledError | None = None
        try:
            while True:
                left = self._offer_some(offering.waiting, event, fact, pace)
                if pace is not None and pace.is_over:
                    try:
                        await pace.turn()
                    except asyncio.CancelledError as ended:
                        pace, cancelled = None, ended
                elif not left:
                    break
        finally:
            self._offerings.remove(offering)
        if cancelled is not None:
            raise cancelled

    def _offer_some(self, waiting: dict[Group, None], event: Happened, fact: Fact, pace: Pace | None) -> bool:
        """Until it is time for others, in the order of the groups; whether some are left."""
        for group in list(waiting):
            if group not in waiting:
                # It ended with one before it.
                continue
            del waiting[group]
            if not group.offer(event, fact):
                self._refused(group)
            if pace is not None and pace.is_over:
                break
        return bool(waiting)

    def _pace_of_this_turn(self) -> Pace:
        if self._pace is None:
            self._pace = Pace()
            asyncio.get_running_loop().call_soon(self._others_had_their_turn)
        return self._pace

    def _others_had_their_turn(self) -> None:
        self._pace = None
