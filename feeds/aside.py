"""Streams that cannot be read while others can: set aside, and tried again after a growing wait."""

from collections.abc import Callable
from time import monotonic

from outages.log import OutageLogs

FIRST_WAIT_S, LAST_WAIT_S = 0.5, 30.0


class StreamsAside:
    """The streams set aside, and when each is tried again."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._waits: dict[str, tuple[float, float]] = {}
        """When it is tried again, and the length of the wait."""
        self._outages = OutageLogs(
            "stream", "a stream of the feed cannot be read", "a stream of the feed is read again", clock=clock
        )

    def __contains__(self, stream: str) -> bool:
        return stream in self._waits

    def due(self) -> list[str]:
        """Streams to be tried now."""
        now = self._clock()
        return [stream for stream, (at, _) in self._waits.items() if at <= now]

    def put(self, stream: str, why: str) -> None:
        """The stream could not be read."""
        _, before = self._waits.get(stream, (0.0, 0.0))
        wait_s = min(2 * before, LAST_WAIT_S) or FIRST_WAIT_S
        self._waits[stream] = self._clock() + wait_s, wait_s
        self._outages.report(stream, why)

    def take_back(self, stream: str) -> bool:
        """The stream can be read; returns whether it was set aside."""
        self._outages.over(stream)
        return self._waits.pop(stream, None) is not None
