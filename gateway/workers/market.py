"""Pass market data of the feed to the open venue: a simulated one trades on it."""

from collections.abc import Awaitable, Callable, Sequence

from feeds.base import FeedMessage
from gateway.resources import MarketListener, OpenVenue


class MarketWire:
    """The feed runs whether or not a venue is open. One venue at a time."""

    def __init__(self) -> None:
        self._listener: MarketListener | None = None

    def hear(self, messages: Sequence[FeedMessage]) -> None:
        """Pass the messages on. A venue that opens later starts with the data known by then."""
        if self._listener is not None:
            self._listener(messages)

    async def connect(self, opened: OpenVenue, known: Callable[[], Awaitable[Sequence[FeedMessage]]]) -> None:
        """Pass the venue what is `known`, then the messages since, and from then on everything."""
        meanwhile: list[FeedMessage] = []
        self._listener = meanwhile.extend
        opened.hear(await known())
        opened.hear(meanwhile)
        self._listener = opened.hear

    def disconnect(self) -> None:
        """The venue is closed."""
        self._listener = None
