"""Replay recorded closing prices as a live market: the feed of the demo, of tours and of load tests.

The first batch is immediate and quotes every symbol at the first close; then one trading day takes
`day_seconds`. Quotes have the wall clock's time, by which staleness is measured; `progress` is the position
in the recording. The time that a consumer takes is part of the step, so a day keeps its duration; a consumer
slower than a step delays the market and is not flooded afterwards.

Nothing is stored: `acknowledge` has no effect, and a restarted replay starts at the first day.
"""

import asyncio
import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

import structlog

from feeds.base import FeedBatch, FeedMessage, Receipt
from feeds.closes import Closes, fx_rates, quotes_at

SOURCE = "replay"


class AtEnd(StrEnum):
    """After the last close: HOLD it and keep the quotes fresh, LOOP to the first day, or STOP."""

    HOLD = "HOLD"
    LOOP = "LOOP"
    STOP = "STOP"


@dataclass(frozen=True, slots=True)
class Progress:
    """The position in the recording; `day` of `days` from 1, `market_date` is that day's date."""

    market_date: date
    day: int
    days: int
    ended: bool


@dataclass(frozen=True, slots=True)
class Playback:
    """`day_seconds` 0 plays as fast as the consumer reads. A step never takes longer than `refresh_s`,
    however long the day, so that no quote becomes stale; HOLD repeats the last prices every `refresh_s`.
    """

    day_seconds: float = 10
    steps_per_day: int = 10
    refresh_s: float = 5
    at_end: AtEnd = AtEnd.HOLD
    seed: int = 2020
    batch_size: int = 500

    def __post_init__(self) -> None:
        if self.day_seconds < 0 or self.refresh_s <= 0 or min(self.steps_per_day, self.batch_size) < 1:
            raise ValueError("the day must not be negative; steps, refresh and batch size must be positive")

    @property
    def steps(self) -> int:
        """The steps of one day."""
        return max(self.steps_per_day, math.ceil(self.day_seconds / self.refresh_s))

    @property
    def step_s(self) -> float:
        """The time of one step."""
        return self.day_seconds / self.steps


class ReplayFeed:
    """A `Feed` (feeds/base.py) that needs no server."""

    def __init__(
        self,
        closes: Closes,
        clock: Callable[[], datetime],
        playback: Playback,
        *,
        wait: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._closes, self._clock, self._wait = closes, clock, wait
        self._playback = playback
        self._closed = False
        self._log = structlog.get_logger()
        self.progress = self._progress(0, ended=False)

    async def batches(self) -> AsyncGenerator[FeedBatch]:
        """One step of the market after another, each in as few batches as `batch_size` allows."""
        due = self._clock()
        for day, step, pause_s in self._path():
            due = await self._wait_until(due, pause_s)
            if self._closed:
                return
            for batch in self._step(day, step):
                yield batch

    async def acknowledge(self, batch: FeedBatch) -> None:
        """No effect: a replay keeps no record of deliveries."""

    async def reject(self, batch: FeedBatch, index: int, reason: str) -> None:
        """Logs the rejected message."""
        self._log.warning("replayed message rejected", message=repr(batch.messages[index]), reason=reason)

    async def close(self) -> None:
        """The iteration ends at its next step."""
        self._closed = True

    def _path(self) -> Iterator[tuple[int, int, float]]:
        """(day, step, seconds to wait before it), from the opening to the end by `at_end`."""
        last = len(self._closes.dates) - 1
        yield 0, self._playback.steps, 0
        while True:
            for day in range(1, last + 1):
                yield from ((day, step, self._playback.step_s) for step in range(1, self._playback.steps + 1))
            if self._playback.at_end is not AtEnd.LOOP:
                break
            yield 0, self._playback.steps, self._playback.step_s
        self.progress = self._progress(last, ended=True)
        if self._playback.at_end is AtEnd.HOLD:
            self._log.info("the replay has ended: its last prices stay until a restart", day=last + 1)
        while self._playback.at_end is AtEnd.HOLD:
            yield last, self._playback.steps, self._playback.refresh_s

    async def _wait_until(self, due: datetime, pause_s: float) -> datetime:
        """Wait for the step after `due`; returns when it was due, or now if that is long past."""
        due, now = due + timedelta(seconds=pause_s), self._clock()
        await self._wait(min(pause_s, max(0.0, (due - now).total_seconds())))
        return max(due, now)

    def _step(self, day: int, step: int) -> Iterator[FeedBatch]:
        if self.progress.day != day + 1:
            self.progress = self._progress(day, ended=False)
            self._log.info("replayed trading day", date=str(self.progress.market_date), day=day + 1)
        now = self._clock()
        messages: tuple[FeedMessage, ...] = (
            *fx_rates(day, now),
            *quotes_at(self._closes, day, step, self._playback.steps, self._playback.seed, now),
        )
        for start in range(0, len(messages), self._playback.batch_size):
            part = messages[start : start + self._playback.batch_size]
            receipts = tuple(Receipt(f"{day}/{step}/{start + index}") for index in range(len(part)))
            yield FeedBatch(SOURCE, part, receipts)

    def _progress(self, day: int, *, ended: bool) -> Progress:
        return Progress(self._closes.dates[day], day + 1, len(self._closes.dates), ended)
