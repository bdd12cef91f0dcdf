"""Sort read entries: to be delivered, to be held until their time, or unusable."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from domain.inputs import (
    DeadReason,
    InputResult,
    InputSubject,
    Outcome,
    at_time,
    stated_at,
    subject_of,
)
from feeds.base import FeedBatch, FeedMessage, Receipt
from feeds.held import HeldMessages
from feeds.known_messages import KnownMessages
from feeds.messages import MAX_MESSAGE_BYTES, BadMessage, decode, subject_in

TRIMMED = "the stream was trimmed before the desk read this entry to its end"


@dataclass(frozen=True, slots=True)
class AheadPolicy:
    """The policy for messages whose own time is ahead of the clock."""

    tolerance: timedelta = timedelta(seconds=60)
    """A message ahead by no more than this is delivered at once, as of its arrival."""
    held_for_at_most: timedelta = timedelta(hours=1)
    """A message further ahead is held until its time, if that comes within so long; otherwise it is dead."""


USUAL_AHEAD = AheadPolicy()


@dataclass(frozen=True, slots=True)
class DeadEntry:
    """An entry of a stream that cannot be used."""

    entry_id: bytes
    raw: bytes
    outcome: Outcome


@dataclass(slots=True)
class Arrivals:
    """The entries of one stream that were read at a time."""

    stream: str
    messages: list[FeedMessage] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    ahead: dict[int, datetime] = field(default_factory=dict)
    """Messages ahead of the clock, and the times as of which they count instead."""
    dead: list[DeadEntry] = field(default_factory=list)
    held: list[Outcome] = field(default_factory=list)
    """Messages that are held from now on."""
    repeats: list[tuple[Receipt, Outcome]] = field(default_factory=list)
    """Messages that were read before, from another place."""

    def batch(self) -> FeedBatch | None:
        """The messages to deliver, none of them later than now; those ahead keep their order."""
        if not self.messages:
            return None
        for index, at in self.ahead.items():
            self.messages[index] = at_time(self.messages[index], at)
        return FeedBatch(self.stream, tuple(self.messages), tuple(self.receipts), frozenset(self.ahead))

    def ahead_s(self, now: datetime) -> list[float]:
        """By how many seconds each readable message is ahead of the clock; 0 if it is not. Call it before
        `batch`.
        """
        times = [stated_at(message) for message in self.messages]
        times += [each.stated_at for each in self.held if each.stated_at is not None]
        return [max(0.0, (time - now).total_seconds()) for time in times]


@dataclass(frozen=True, slots=True)
class Sorter:
    """Sorts what is read; `held` and `known` keep their state between calls."""

    policy: AheadPolicy
    held: HeldMessages
    known: KnownMessages
    max_bytes: int = MAX_MESSAGE_BYTES

    def sort(
        self,
        stream: str,
        entries: Iterable[tuple[bytes, bytes | None]],
        now: datetime,
        entered: Callable[[Receipt], datetime | None] = lambda _: None,
    ) -> Arrivals:
        """Entries are ids and texts; None: the entry has no text. Held messages are skipped.

        `entered`: when an entry that is read again arrived; None: now.
        """
        arrivals = Arrivals(stream)
        for entry_id, raw in entries:
            receipt = Receipt(entry_id.decode())
            if (stream, receipt) in self.held:
                continue
            try:
                message = _read(raw, now + self.policy.held_for_at_most, self.max_bytes)
                if self.known.is_repeat((stream, receipt), message):
                    arrivals.repeats.append((receipt, _repeated(message)))
                    continue
                waits = self._holds(arrivals, receipt, message, now)
                self.known.note((stream, receipt), message)
                if not waits:
                    self._deliver(arrivals, receipt, message, partial(_arrived, entered, receipt, now), now)
            except BadMessage as bad:
                arrivals.dead.append(dead_entry(stream, entry_id, raw, str(bad), bad.dead))
        return arrivals

    def _holds(self, arrivals: Arrivals, receipt: Receipt, message: FeedMessage, now: datetime) -> bool:
        """Whether the message is held until its time."""
        at = stated_at(message)
        if at - now <= self.policy.tolerance:
            return False
        if self.held.is_full:
            raise BadMessage(
                "its time is ahead of the clock, and no more messages can be held", DeadReason.AHEAD
            )
        self.held.hold((arrivals.stream, receipt), message)
        arrivals.held.append(held_outcome(subject_of(message), at))
        return True

    def _deliver(
        self,
        arrivals: Arrivals,
        receipt: Receipt,
        message: FeedMessage,
        arrived: Callable[[], datetime],
        now: datetime,
    ) -> None:
        if self.known.was_ahead(message) or stated_at(message) > now:
            arrivals.ahead[len(arrivals.messages)] = self.known.counts_as_of(message, arrived)
        arrivals.messages.append(message)
        arrivals.receipts.append(receipt)


def dead_entry(stream: str, entry_id: bytes, raw: bytes | None, reason: str, why: DeadReason) -> DeadEntry:
    """The outcome of an entry that cannot be used."""
    subject, at = subject_in(raw or b"", stream)
    return DeadEntry(entry_id, raw or b"", Outcome(subject, InputResult.DEAD, at, reason, why))


def trimmed_entry(stream: str, entry_id: bytes) -> DeadEntry:
    """The outcome of an entry whose text is gone, so that its subject is unknown."""
    return dead_entry(stream, entry_id, None, TRIMMED, DeadReason.TRIMMED)


def held_outcome(subject: InputSubject, at: datetime) -> Outcome:
    """The outcome of a message whose time has not come."""
    return Outcome(subject, InputResult.HELD, at, f"its time is in the future: held until {at.isoformat()}")


def _read(raw: bytes | None, latest: datetime, max_bytes: int) -> FeedMessage:
    if raw is None:
        raise BadMessage("the entry has no field `message`")
    return decode(raw, latest, max_bytes)


def _repeated(message: FeedMessage) -> Outcome:
    reason = "it repeats a message that was read before"
    return Outcome(subject_of(message), InputResult.SUPERSEDED, stated_at(message), reason)


def _arrived(entered: Callable[[Receipt], datetime | None], receipt: Receipt, now: datetime) -> datetime:
    return entered(receipt) or now
