"""Messages whose time has not come: they wait, bounded in number, until the clock reaches it."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from domain.inputs import stated_at
from feeds.base import FeedMessage, Receipt
from feeds.known_messages import Place


@dataclass(frozen=True, slots=True)
class _Waiting:
    message: FeedMessage
    until: datetime


class HeldMessages:
    """At most `most` held messages."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: dict[Place, _Waiting] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, place: Place) -> bool:
        return place in self._waiting

    @property
    def is_full(self) -> bool:
        """Whether no further message can be held."""
        return len(self._waiting) >= self._most

    @property
    def next_due(self) -> datetime | None:
        """When the first of them is due."""
        return min((waiting.until for waiting in self._waiting.values()), default=None)

    def hold(self, place: Place, message: FeedMessage) -> None:
        """Hold the message until its own time."""
        assert not self.is_full
        self._waiting[place] = _Waiting(message, stated_at(message))

    def take_due(self, now: datetime, most: int) -> Iterator[tuple[str, list[tuple[Receipt, FeedMessage]]]]:
        """Messages whose time has come, by stream, in the order of their times, at most `most` per stream."""
        due = sorted(
            ((waiting.until, place) for place, waiting in self._waiting.items() if waiting.until <= now)
        )
        by_stream: dict[str, list[tuple[Receipt, FeedMessage]]] = defaultdict(list)
        for _, (stream, receipt) in due:
            if len(by_stream[stream]) < most:
                by_stream[stream].append((receipt, self._waiting.pop((stream, receipt)).message))
        yield from by_stream.items()
