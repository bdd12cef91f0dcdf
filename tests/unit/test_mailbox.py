"""What waits for a slow peer: in order, bounded in frames and bytes, and what happens at the bound."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscriptions.connections.mailbox import Mailbox, MailboxLimits, Slot
from subscriptions.live.operation import Delivery
from tests.kit.patience import PATIENCE_S


@dataclass(slots=True)
class Pipe:
    """A sink with room for so many frames."""

    room: int = 0
    written: list[bytes] = field(default_factory=list)
    gone: bool = False
    callbacks: list[Callable[[], None]] = field(default_factory=list)

    def try_write(self, frame: bytes) -> bool:
        if self.gone:
            return True
        if not self.room:
            return False
        self.room -= 1
        self.written.append(frame)
        return True

    def when_writable(self, callback: Callable[[], None]) -> None:
        self.callbacks.append(callback)

    def close(self, code: int, reason: str) -> None:
        self.gone = True

    def read(self, frames: int) -> None:
        """The peer takes so many."""
        self.room += frames
        self.tell()

    def tell(self) -> None:
        callbacks, self.callbacks = self.callbacks, []
        for callback in callbacks:
            callback()


@dataclass(slots=True)
class Box:
    """A mailbox, its pipe, and what it said."""

    pipe: Pipe = field(default_factory=Pipe)
    limits: MailboxLimits = field(default_factory=lambda: MailboxLimits(frames=3, bytes=100))
    overflows: list[Slot] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)
    mailbox: Mailbox = field(init=False)

    def __post_init__(self) -> None:
        self.mailbox = Mailbox(
            self.pipe, self.limits, self.overflows.append, lambda _, at: self.waited.append(at)
        )

    def put(self, slot: Slot, *frames: bytes, key: str | None = None) -> list[bool]:
        return [self.mailbox.put(slot, frame, key) for frame in frames]


def every() -> Slot:
    return Slot(Delivery.EVERY)


def latest() -> Slot:
    return Slot(Delivery.LATEST)


def thinned() -> Slot:
    return Slot(Delivery.THINNED)


def test_with_room_a_frame_is_written_at_once() -> None:
    box = Box(Pipe(room=2))
    assert box.put(every(), b"1", b"2") == [True, True]
    assert (box.pipe.written, box.mailbox.depth, box.waited) == ([b"1", b"2"], 0, [])


def test_waiting_frames_go_first_when_there_is_room_again() -> None:
    box, slot = Box(Pipe(room=1)), every()
    assert box.put(slot, b"1", b"2", b"3") == [True, False, False]
    box.pipe.room = 1
    assert box.put(slot, b"4") == [False]
    box.pipe.tell()
    assert box.pipe.written == [b"1", b"2"]
    box.pipe.read(5)
    assert box.pipe.written == [b"1", b"2", b"3", b"4"]
    assert (box.mailbox.depth, slot.frames, slot.bytes) == (0, 0, 0)


def test_a_frame_that_waited_is_reported_with_its_commit_time() -> None:
    box, slot = Box(), every()
    box.mailbox.put(slot, b"1", committed_at=7.0)
    box.pipe.read(1)
    assert box.waited == [7.0]


def test_one_frame_too_many_of_an_operation_that_keeps_every_event_overflows_once() -> None:
    box, slot = Box(), every()
    box.put(slot, b"1", b"2", b"3", b"4", b"5")
    assert box.overflows == [slot]
    box.pipe.read(10)
    assert box.pipe.written == [b"1", b"2", b"3"]


def test_one_byte_too_many_overflows() -> None:
    box, slot = Box(), every()
    box.put(slot, b"x" * 100)
    assert not box.overflows
    box.put(slot, b"x")
    assert box.overflows == [slot]


def test_the_bound_is_of_each_operation() -> None:
    box, first, second = Box(), every(), every()
    box.put(first, b"1", b"2", b"3")
    box.put(second, b"4", b"5", b"6")
    assert not box.overflows
    box.put(second, b"7")
    assert box.overflows == [second]


def test_of_latest_values_the_newest_of_each_key_waits_in_the_place_of_the_first() -> None:
    box, slot = Box(), latest()
    for number in range(10):
        box.put(slot, b"AAPL %d" % number, key="AAPL")
        box.put(slot, b"TSLA %d" % number, key="TSLA")
    box.put(every(), b"an event")
    box.pipe.read(10)
    assert box.pipe.written == [b"AAPL 9", b"TSLA 9", b"an event"]
    assert not box.overflows
    box.put(slot, b"AAPL 10", key="AAPL")
    assert box.pipe.written[-1] == b"AAPL 10"


def test_of_thinned_frames_the_newest_of_each_key_waits_in_its_own_place() -> None:
    box, slot = Box(), thinned()
    box.put(slot, b"A 1", key="A")
    box.put(slot, b"remark")
    box.put(slot, b"A 22", key="A")
    assert (box.mailbox.depth, slot.frames, slot.bytes) == (2, 2, 10)
    box.pipe.read(1)
    box.put(slot, b"A 3", key="A")
    box.pipe.read(3)
    assert box.pipe.written == [b"remark", b"A 3"]
    assert (box.mailbox.depth, slot.frames, slot.bytes, slot.latest) == (0, 0, 0, {})


def test_thinned_frames_overflow_by_what_waits_alone() -> None:
    box, slot = Box(), thinned()
    for number in range(1000):
        box.put(slot, b"x" * 40, key=str(number % 2))
    assert not box.overflows
    assert box.put(slot, b"1", b"2") == [False, False]
    assert box.overflows == [slot]


def test_a_thinned_operation_that_has_ended_leaves_those_beside_it_alone() -> None:
    box, ended, goes_on = Box(), thinned(), thinned()
    box.put(ended, b"1", key="A")
    box.put(goes_on, b"2", key="A")
    box.mailbox.drop(ended)
    box.put(ended, b"3", key="A")
    box.put(goes_on, b"4", key="A")
    box.pipe.read(10)
    assert box.pipe.written == [b"4"]


def test_more_keys_than_may_wait_overflow_even_where_only_the_latest_matters() -> None:
    box, slot = Box(), latest()
    for number in range(4):
        box.put(slot, b"x", key=str(number))
    assert box.overflows == [slot]


def test_a_larger_replacement_counts() -> None:
    box, slot = Box(), latest()
    box.put(slot, b"x", key="a")
    box.put(slot, b"x" * 60, key="a")
    assert slot.bytes == 60
    box.put(slot, b"x" * 41, key="b")
    assert box.overflows == [slot]


def test_an_operation_that_has_ended_gets_nothing_more_and_the_others_do() -> None:
    box, ended, goes_on = Box(), every(), every()
    box.put(ended, b"1")
    box.put(goes_on, b"2")
    box.mailbox.drop(ended)
    box.put(ended, b"3")
    box.pipe.read(10)
    assert box.pipe.written == [b"2"]


def test_for_a_peer_that_is_gone_nothing_is_kept() -> None:
    box, slot = Box(), every()
    box.put(slot, b"1")
    box.pipe.gone = True
    box.put(slot, *[b"2"] * 10)
    box.pipe.tell()
    assert (box.mailbox.depth, box.overflows) == (0, [])


async def test_an_operation_with_room_waits_until_none_of_its_frames_wait() -> None:
    box, slot, other = Box(), every(), every()
    await box.mailbox.room(slot)
    box.put(slot, b"1", b"2")
    box.put(other, b"3")
    waiting = asyncio.create_task(box.mailbox.room(slot))
    await asyncio.sleep(0)
    box.pipe.read(1)
    await asyncio.sleep(0)
    assert not waiting.done()
    box.pipe.read(1)
    async with asyncio.timeout(PATIENCE_S):
        await waiting
    assert box.mailbox.depth == 1


@pytest.mark.parametrize("end", ["the peer goes", "the wait is cut off"])
async def test_waiting_for_room_ends_with_the_peer_and_can_be_cut_off(end: str) -> None:
    box, slot = Box(), every()
    box.put(slot, b"1")
    waiting = asyncio.create_task(box.mailbox.room(slot))
    await asyncio.sleep(0)
    if end == "the peer goes":
        box.pipe.gone = True
    else:
        waiting.cancel()
    box.pipe.read(1)
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(waiting, return_exceptions=True)
    await box.mailbox.room(slot)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 2))))
def test_every_operation_sees_its_frames_in_order_and_none_twice(steps: list[tuple[str, int]]) -> None:
    box = Box(limits=MailboxLimits(frames=10_000, bytes=10**6))
    slots = {"a": every(), "b": every()}
    for number, (name, room) in enumerate(steps):
        box.put(slots[name], b"%s %d" % (name.encode(), number))
        box.pipe.read(room)
    box.pipe.read(len(steps))
    assert box.pipe.written == [b"%s %d" % (name.encode(), n) for n, (name, _) in enumerate(steps)]


@given(st.lists(st.tuples(st.sampled_from(["", "A", "B"]), st.integers(0, 2))))
def test_of_thinned_frames_those_without_a_key_and_the_newest_of_each_are_sent_in_order(
    steps: list[tuple[str, int]],
) -> None:
    box = Box(limits=MailboxLimits(frames=10_000, bytes=10**6))
    slot, beside = thinned(), every()
    for number, (key, room) in enumerate(steps):
        box.put(slot, b"%d" % number, key=key or None)
        box.put(beside, b"beside %d" % number)
        box.pipe.read(room)
    box.pipe.read(2 * len(steps))
    sent = [int(frame) for frame in box.pipe.written if frame.isdigit()]
    newest = {key: number for number, (key, _) in enumerate(steps)}
    assert sent == sorted(sent)
    assert set(sent) >= {n for n, (key, _) in enumerate(steps) if not key} | set(newest.values())
    assert [f for f in box.pipe.written if not f.isdigit()] == [b"beside %d" % n for n in range(len(steps))]
    assert (slot.frames, slot.bytes, slot.latest) == (0, 0, {})
