"""Frames waiting for a slow peer, bounded per operation, and the behaviour at the limit.

A frame is written at once if nothing waits and the socket has room; no task is woken and no queue is used.
Otherwise it waits, in order. When an operation whose field keeps EVERY event reaches its limit, the socket is
closed, and its client resumes from its cursor; with LATEST a frame replaces the waiting one with the same
key, in its place. With THINNED the waiting one is dropped and the frame comes last, because a client resumes
after the last cursor that it has: they stay in order. Nothing here awaits a peer, so a stalled peer does not
affect others.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from subscriptions.connections.frames import Sink
from subscriptions.live.operation import Delivery


@dataclass(frozen=True, slots=True)
class MailboxLimits:
    """Limits on the frames that wait for one operation."""

    frames: int
    bytes: int


@dataclass(slots=True, eq=False)
class Waiting:
    """One frame in the queue; a newer one with its key replaces it."""

    slot: "Slot"
    frame: bytes
    key: str | None
    committed_at: float


@dataclass(slots=True)
class Slot:
    """The share of one operation in its socket's mailbox."""

    delivery: Delivery
    frames: int = 0
    bytes: int = 0
    latest: dict[str, Waiting] = field(default_factory=dict)
    ended: bool = False


class Mailbox:
    """The single output of a socket.

    `overflow(slot)` is called once per slot that reached its limit, `waited(slot, committed_at)` for every
    frame that was sent after waiting.
    """

    __slots__ = ("_asked", "_limits", "_overflow", "_queue", "_sink", "_waited", "_waiting_for_room")

    def __init__(
        self,
        sink: Sink,
        limits: MailboxLimits,
        overflow: Callable[[Slot], None],
        waited: Callable[[Slot, float], None],
    ) -> None:
        self._waited = waited
        self._sink = sink
        self._limits = limits
        self._overflow = overflow
        self._queue: OrderedDict[Waiting, None] | None = None
        """In order; frames are dropped from its midst too. None while nothing waits: nearly all sockets are
        idle.
        """
        self._asked = False
        self._waiting_for_room: list[tuple[Slot, asyncio.Future[None]]] = []

    @property
    def depth(self) -> int:
        """The number of waiting frames."""
        return len(self._queue or ())

    def write(self, frames: bytes) -> bool:
        """Write now if nothing waits and there is room; otherwise do nothing."""
        return not self._queue and self._sink.try_write(frames)

    def put(self, slot: Slot, frame: bytes, key: str | None = None, committed_at: float = 0.0) -> bool:
        """Write or queue; returns whether it was written at once."""
        if not self._queue and self._sink.try_write(frame):
            return True
        if self._sink.gone or slot.ended:
            return False
        if key is not None and slot.delivery is Delivery.THINNED:
            self._drop_older(slot, key)
        elif (
            key is not None
            and slot.delivery is Delivery.LATEST
            and self._replaced(slot, key, frame, committed_at)
        ):
            return False
        if slot.frames >= self._limits.frames or slot.bytes + len(frame) > self._limits.bytes:
            slot.ended = True
            self._overflow(slot)
            return False
        self._append(Waiting(slot, frame, key, committed_at))
        return False

    async def room(self, slot: Slot) -> None:
        """Wait until no frame of the operation waits, or never will: for producers of many frames."""
        if slot.frames and not slot.ended and not self._sink.gone:
            room = asyncio.get_running_loop().create_future()
            self._waiting_for_room.append((slot, room))
            await room

    def drop(self, slot: Slot) -> None:
        """The operation has ended: its waiting frames are not sent."""
        slot.ended = True
        if slot.frames:
            left = [(waiting, None) for waiting in self._queue or () if waiting.slot is not slot]
            self._queue = OrderedDict(left) if left else None
            slot.frames = slot.bytes = 0
            slot.latest.clear()

    def _append(self, waiting: Waiting) -> None:
        slot = waiting.slot
        slot.frames += 1
        slot.bytes += len(waiting.frame)
        if waiting.key is not None and slot.delivery is not Delivery.EVERY:
            slot.latest[waiting.key] = waiting
        if self._queue is None:
            self._queue = OrderedDict()
        self._queue[waiting] = None
        self._ask_for_room()

    def _drop_older(self, slot: Slot, key: str) -> None:
        older = slot.latest.pop(key, None)
        if older is not None and self._queue is not None:
            del self._queue[older]
            slot.frames -= 1
            slot.bytes -= len(older.frame)

    def _replaced(self, slot: Slot, key: str, frame: bytes, committed_at: float) -> bool:
        waiting = slot.latest.get(key)
        if waiting is None:
            return False
        slot.bytes += len(frame) - len(waiting.frame)
        waiting.frame, waiting.committed_at = frame, committed_at
        return True

    def _ask_for_room(self) -> None:
        if not self._asked:
            self._asked = True
            self._sink.when_writable(self._flush)

    def _flush(self) -> None:
        self._asked = False
        if self._sink.gone:
            self._queue = None
        while self._queue:
            first = next(iter(self._queue))
            if not self._sink.try_write(first.frame):
                break
            del self._queue[first]
            self._took(first)
        if self._queue:
            self._ask_for_room()
        else:
            self._queue = None
        if self._waiting_for_room:
            self._tell_of_room()

    def _tell_of_room(self) -> None:
        waiting, self._waiting_for_room = self._waiting_for_room, []
        for slot, room in waiting:
            if room.cancelled():
                continue
            if slot.frames and not self._sink.gone:
                self._waiting_for_room.append((slot, room))
            else:
                room.set_result(None)

    def _took(self, waiting: Waiting) -> None:
        slot = waiting.slot
        slot.frames -= 1
        slot.bytes -= len(waiting.frame)
        if waiting.key is not None and slot.latest.get(waiting.key) is waiting:
            del slot.latest[waiting.key]
        self._waited(slot, waiting.committed_at)
