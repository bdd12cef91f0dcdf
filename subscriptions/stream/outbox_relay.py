"""Publish committed outbox rows to the bus: every row, in the order of its offset.

At least once to the bus, which ignores repeats, so exactly once for listeners. A row gets its offset in its
own transaction and keeps it; a relay that dies between that and publishing leaves a row which the next relay
finds, because it begins by publishing whatever the bus lacks. While the bus cannot be reached rows still get
their offsets, so that processes can read the outbox itself, and the bus is filled later. One relay is meant
to run, the leader's; two at once only cost work.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

from models.outbox import OutboxRow
from outages.log import OutageLog
from subscriptions.stream.bus import Bus, BusBehind, BusUnavailable
from subscriptions.stream.history import History


class Outbox(History, Protocol):
    """The module `models.outbox`."""

    async def assign_positions(self, limit: int) -> Sequence[OutboxRow]:
        """Assign the next offsets to the oldest unpublished rows."""

    async def any_unpublished(self) -> bool:
        """Whether a row waits for its offset."""


class StreamDiverged(Exception):
    """The bus is ahead of the database: it was restored to an older state, and needs a new epoch."""


class OutboxRelay:
    """`run` needs an active database. Set `wake` after a commit, otherwise the next poll finds the rows."""

    def __init__(
        self,
        bus: Bus,
        outbox: Outbox,
        *,
        batch: int,
        poll_interval_s: float,
        refill_max: int,
        wake: asyncio.Event,
    ) -> None:
        """`refill_max`: the most rows published to a bus that has none of this epoch."""
        self._bus = bus
        self._outbox = outbox
        self._batch = batch
        self._poll_interval_s = poll_interval_s
        self._refill_max = refill_max
        self._wake = wake
        self._epoch = ""
        self._caught_up = False
        self._outage = OutageLog(
            "the bus cannot be reached: subscribers are served from the outbox",
            "the bus accepts events again",
        )

    async def run(self) -> None:
        """Relay until cancelled. A fault of database or bus ends it; running it again loses nothing."""
        # Rows may have their offsets from a COMMIT whose answer was lost.
        self._caught_up = False
        while True:
            self._wake.clear()
            rows = await self._outbox.assign_positions(self._batch)
            try:
                await self._publish(rows)
                self._outage.over()
            except BusUnavailable as away:
                self._outage.report(away)
                self._caught_up = False
            except BusBehind:
                # It lost its memory again while it was being filled.
                self._caught_up = False
            if len(rows) < self._batch:
                await self._woken()

    async def _woken(self) -> None:
        """Until there is something to do. The desk is idle most of the time, so a poll is a single look."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._poll_interval_s):
                    await self._wake.wait()
                    return
            if not self._caught_up or await self._outbox.any_unpublished():
                return

    async def _publish(self, rows: Sequence[OutboxRow]) -> None:
        if not self._caught_up:
            await self._publish_what_the_bus_lacks()
            self._caught_up = True
            return
        try:
            if rows:
                await self._bus.publish(self._epoch, _entries(rows))
        except BusBehind:
            await self._publish_what_the_bus_lacks()

    async def _publish_what_the_bus_lacks(self) -> None:
        offset, begin = await self._held_by_the_bus()
        while rows := await self._outbox.published_after(offset, self._batch):
            await self._bus.publish(self._epoch, _entries(rows), begin=begin)
            offset, begin = rows[-1].offset, False

    async def _held_by_the_bus(self) -> tuple[int, bool]:
        """The offset to continue after, and whether the bus has to begin a new history there.

        The bus is asked first: another relay may publish in between, which must not make it seem ahead.
        """
        held = await self._bus.last_position()
        head = await self._outbox.stream_head()
        self._epoch = head.epoch
        if held is None or held.epoch != head.epoch or held.offset < head.first_offset - 1:
            return max(head.first_offset - 1, head.last_offset - self._refill_max), True
        if held.offset > head.last_offset:
            raise StreamDiverged(
                f"StreamDiverged: the bus is at {held}, the database at {head}; it was restored and needs a "
                "new epoch"
            )
        return held.offset, False


def _entries(rows: Sequence[OutboxRow]) -> list[tuple[int, bytes]]:
    return [(row.offset, row.payload) for row in rows]
