"""The state of this process's feed: the outcomes of its messages, the age of its prices, its clocks.

Filled by the leader, which is the only process that reads a feed.
"""

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from statistics import median

import structlog

from desk.context import DeskContext
from desk.monitoring.take_messages import Taken
from desk.statements.incomplete import note_dead_statement
from domain.inputs import DeadReason, InputKind, InputResult, InputSubject, Outcome
from domain.market import Quote
from feeds.base import FeedBatch, Receipt, SetAside
from feeds.unread import Loss
from gateway.loops.policy import attempt
from gateway.watch.clock_offset import ClockOffset
from models.input_outcome import save_outcomes

SAMPLES_MAX, SAMPLES_MIN = 50, 10
"""How many of the last messages are compared with the clock, and how many that requires."""

HELD_REMEMBERED_MAX = 10_000
"""Messages remembered as held; those beyond are counted each time they arrive."""

log = structlog.get_logger()


@dataclass(slots=True)
class StreamHealth:
    """The state of one stream. Times are None until something arrives."""

    read_at: datetime | None = None
    """When its newest message was read."""
    priced_at: datetime | None = None
    """The time of its newest price."""
    waited_s: float = 0
    """Seconds that the message read last had waited in the stream."""


@dataclass(slots=True)
class FeedCounts:
    """Counts of messages since the process started."""

    outcomes: Counter[tuple[InputKind, InputResult]] = field(default_factory=Counter)
    dead: Counter[tuple[str, DeadReason]] = field(default_factory=Counter)
    """By stream and reason."""
    losses: Counter[str] = field(default_factory=Counter)
    """By stream: how often messages were found deleted before they were read."""
    lost: Counter[str] = field(default_factory=Counter)
    """By stream: how many messages that were, where they could be counted."""

    def count(self, source: str, outcome: Outcome) -> None:
        """Count one message."""
        self.outcomes[outcome.subject.kind, outcome.result] += 1
        if outcome.dead is not None:
            self.dead[source, outcome.dead] += 1


def _log_unrecorded(fault: Exception | None, outcome: Outcome) -> None:
    if fault is not None:
        facts = {"subject": str(outcome.subject), "reason": outcome.reason}
        log.error("the outcome of a message could not be recorded", **facts, exc_info=fault)


class FeedWatch:
    """A `FeedObserver` (feeds/base.py), and the state of the feed for the rest of the process."""

    def __init__(
        self,
        desk: DeskContext,
        clock_offset_max: timedelta,
        loss_reported_for: timedelta = timedelta(hours=1),
    ) -> None:
        """`loss_reported_for`: for so long after a loss of messages the feed does not count as delivering."""
        self._desk = desk
        self._ahead_s: deque[float] = deque(maxlen=SAMPLES_MAX)
        self.clocks = (ClockOffset("redis", clock_offset_max), ClockOffset("feed", clock_offset_max))
        self.counts = FeedCounts()
        self.streams: dict[str, StreamHealth] = {}
        self.priced_at: dict[str, datetime] = {}
        """Market -> time of its newest price."""
        self.held = 0
        self._counted_held: set[tuple[str, Receipt]] = set()
        """Messages that the feed delivers again until they can be stored: each is counted once as held."""
        self.reads_since: datetime | None = None
        """Since when this process reads a feed; None: it reads none."""
        self.interruption: str | None = None
        self._loss_reported_for = loss_reported_for
        self._loss: tuple[datetime, str] | None = None
        """When messages were last found to be lost, and which."""
        self._unreadable: dict[str, str] = {}
        """By stream, why it alone cannot be read."""
        self.silent: frozenset[str] = frozenset()
        """Markets in session whose newest price is too old."""

    @property
    def delivers(self) -> bool:
        """Whether the feed can be read, nothing was lost recently, and every market in session has fresh
        prices.
        """
        return self.trouble is None and not self.silent

    @property
    def trouble(self) -> str | None:
        """Why the feed does not deliver everything published, in words for the operator."""
        if self.interruption is not None:
            return self.interruption
        for stream, reason in self._unreadable.items():
            return f"{stream}: {reason}"
        if self._loss is not None and self._desk.clock() - self._loss[0] < self._loss_reported_for:
            return self._loss[1]
        return None

    @property
    def clocks_agree(self) -> bool:
        """Whether this process's clock agrees with those of the feed and its sources."""
        return not any(clock.too_large for clock in self.clocks)

    def started(self) -> None:
        """A feed is read from now on."""
        self.reads_since = self._desk.clock()

    def ends(self) -> None:
        """The feed is no longer read; another process may read it."""
        self.reads_since = self.interruption = None
        self._unreadable.clear()
        self.silent = frozenset()
        self.priced_at.clear()
        self.streams.clear()
        self._ahead_s.clear()
        self._counted_held.clear()
        self.held = 0

    def took(self, batch: FeedBatch, taken: Taken) -> None:
        """A batch was stored."""
        for receipt, outcome in zip(batch.receipts, taken.outcomes, strict=True):
            if self._is_news((batch.source, receipt), outcome):
                self.counts.count(batch.source, outcome)
        health = self._health(batch.source)
        health.read_at = self._desk.clock()
        times = [quote.at for quote in batch.messages if isinstance(quote, Quote)]
        health.priced_at = max((*times, health.priced_at) if health.priced_at else times, default=None)
        for market, at in taken.prices.by_market.items():
            self.priced_at[market] = max(at, self.priced_at.get(market, at))

    async def set_aside(self, messages: Sequence[SetAside]) -> None:
        """Count the messages and store their outcomes; unusable statements make their accounts incomplete.

        If an outcome cannot be stored, that is logged and delays no other, since the content comes from
        outside.
        """
        outcomes = [each.outcome for each in messages]
        for outcome in outcomes:
            if outcome.dead is not None:
                _log_unrecorded(await attempt(partial(note_dead_statement, self._desk, outcome)), outcome)
        if await attempt(partial(save_outcomes, outcomes, self._desk.clock())) is not None:
            for outcome in outcomes:
                _log_unrecorded(await attempt(partial(save_outcomes, [outcome], self._desk.clock())), outcome)
        for each in messages:
            self.counts.count(each.source, each.outcome)

    def read(self, source: str, waited_s: float, ahead_s: Sequence[float]) -> None:
        """See `FeedObserver`."""
        health = self._health(source)
        health.read_at, health.waited_s = self._desk.clock(), waited_s
        self._ahead_s.extend(ahead_s)
        if len(self._ahead_s) >= SAMPLES_MIN:
            now = self._desk.clock()
            self.compared("feed", now, now + timedelta(seconds=median(self._ahead_s)), now)

    def holds(self, messages: int) -> None:
        """See `FeedObserver`."""
        self.held = messages

    def interrupted(self, reason: str | None) -> None:
        """See `FeedObserver`."""
        self.interruption = reason

    async def lost(self, source: str, loss: Loss) -> None:
        """See `FeedObserver`; stored for the command `inputs`."""
        now = self._desk.clock()
        self.counts.losses[source] += 1
        self.counts.lost[source] += loss.messages or 0
        self._loss = (now, f"{source}: {loss}")
        about = InputSubject(InputKind.UNREADABLE, about=source)
        outcome = Outcome(about, InputResult.DEAD, now, str(loss), DeadReason.TRIMMED)
        if (fault := await attempt(partial(save_outcomes, [outcome], now))) is not None:
            _log_unrecorded(fault, outcome)

    def unreadable(self, source: str, reason: str | None) -> None:
        """See `FeedObserver`."""
        if reason is None:
            self._unreadable.pop(source, None)
        else:
            self._unreadable[source] = reason

    def compared(self, against: str, asked: datetime, other: datetime, answered: datetime) -> None:
        """See `FeedObserver`."""
        for clock in self.clocks:
            if clock.against == against:
                clock.compare(asked, other, answered)

    def note_silence(self, silent: Mapping[str, timedelta]) -> None:
        """Set the markets in session without a fresh price, with the age of their newest one. Logs
        changes.
        """
        for market in sorted(silent.keys() - self.silent):
            log.warning(
                "the feed sends no fresh prices of a market",
                market=market,
                age_s=silent[market].total_seconds(),
            )
        for market in sorted(self.silent - silent.keys()):
            log.info("the feed sends prices of the market again", market=market)
        self.silent = frozenset(silent)

    def _is_news(self, place: tuple[str, Receipt], outcome: Outcome) -> bool:
        """Whether the outcome is new: a message that was counted as held before is not."""
        if outcome.result is not InputResult.HELD:
            self._counted_held.discard(place)
            return True
        known = place in self._counted_held
        if len(self._counted_held) < HELD_REMEMBERED_MAX:
            self._counted_held.add(place)
        return not known

    def _health(self, source: str) -> StreamHealth:
        return self.streams.setdefault(source, StreamHealth())
