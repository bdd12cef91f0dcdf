"""The event stream for subscriptions: live from the bus, and older events from the outbox.

The guarantees of the bus (`subscriptions.stream.bus`) hold over the longer history of the outbox. A snapshot
and the following events fit together if `position_now` is called before the snapshot is read: an event may
then be in both, never in neither.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager

from subscriptions.stream.bus import Bus, BusUnavailable, Entry, Position, PositionLost
from subscriptions.stream.history import History


class EventStream:
    """Entries after any position that bus or outbox still have. Needs an active database."""

    def __init__(self, bus: Bus, history: History, *, page_max: int) -> None:
        self._bus = bus
        self._history = history
        self._page_max = page_max

    async def position_now(self) -> Position:
        """The newest assigned position. Read from the database, since a bus that is being refilled is behind
        it.
        """
        head = await self._history.stream_head()
        return Position(head.epoch, head.last_offset)

    @asynccontextmanager
    async def entries(self, after: Position | None) -> AsyncIterator[AsyncIterator[Entry]]:
        """See `Bus.listen`; PositionLost means that neither bus nor outbox can continue from `after`."""
        after = after or await self.position_now()
        async with AsyncExitStack() as stack:
            try:
                entries = await stack.enter_async_context(self._bus.listen(after))
            except (PositionLost, BusUnavailable):
                live = await stack.enter_async_context(self._bus.listen(None))
                await self._require_held(after)
                entries = await stack.enter_async_context(aclosing(self._replayed(after, live)))
            yield entries

    async def _require_held(self, after: Position) -> None:
        head = await self._history.stream_head()
        if after.epoch != head.epoch or not head.first_offset - 1 <= after.offset <= head.last_offset:
            raise PositionLost(f"{after} is outside the stream, which is at {head}")

    async def _replayed(self, last: Position, live: AsyncIterator[Entry]) -> AsyncGenerator[Entry, None]:
        """The outbox up to where `live` was joined or further, then `live` without replayed entries."""
        while rows := await self._history.published_after(last.offset, self._page_max):
            for row in rows:
                last = _next(last, Position(last.epoch, row.offset))
                yield Entry(last, row.payload)
        async for entry in live:
            if entry.position.epoch == last.epoch and entry.position.offset <= last.offset:
                continue
            last = _next(last, entry.position)
            yield entry


def _next(last: Position, position: Position) -> Position:
    if position != Position(last.epoch, last.offset + 1):
        raise PositionLost(f"{last} is followed by {position}")
    return position
