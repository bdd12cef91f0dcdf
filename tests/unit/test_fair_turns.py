"""Hundreds of look-ups of one subject do not keep another subject from its turn."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from subscriptions.live.turns import FairTurns, on_behalf_of
from subscriptions.stream.memory_bus import MemoryBus
from tests.kit.patience import FAR_S
from tests.unit.live_streams import LIMITS, Reader, Topic, until, world

MANY = 100


class Work:
    """Executions that end one by one, in the order in which they got their turn."""

    def __init__(self, turns: FairTurns) -> None:
        self.turns = turns
        self.done: list[str] = []

    def starts(self, name: str, *subjects: str) -> "asyncio.Task[None]":
        async def execute() -> None:
            on_behalf_of.set(subjects)
            async with self.turns:
                await asyncio.sleep(0)
                self.done.append(name)

        return asyncio.create_task(execute())


async def test_subjects_take_turns_however_much_each_has() -> None:
    work = Work(FairTurns(1))
    await work.turns.acquire()
    tasks = [work.starts(f"a{number}", "a") for number in range(MANY)]
    tasks += [work.starts("b0", "b"), work.starts("b1", "b"), work.starts("c0", "c")]
    await asyncio.sleep(0)
    work.turns.release()
    await asyncio.gather(*tasks)
    assert work.done[:6] == ["a0", "b0", "c0", "a1", "b1", "a2"]
    assert len(work.done) == MANY + 3


async def test_a_shared_execution_waits_with_the_subject_that_has_least_in_front_of_it() -> None:
    work = Work(FairTurns(1))
    await work.turns.acquire()
    tasks = [work.starts(f"a{number}", "a") for number in range(MANY)]
    tasks.append(work.starts("shared", "a", "b"))
    await asyncio.sleep(0)
    work.turns.release()
    await asyncio.gather(*tasks)
    assert work.done[:2] == ["a0", "shared"]


@pytest.mark.parametrize("when", ["waiting", "chosen", "just now"])
async def test_who_is_cancelled_passes_the_turn_on(when: str) -> None:
    work = Work(FairTurns(1))
    await work.turns.acquire()
    first, second = work.starts("first", "a"), work.starts("second", "b")
    await asyncio.sleep(0)
    if when == "chosen":
        work.turns.release()
    first.cancel()
    if when == "just now":
        # Its task has not run since, and the next turn is given away.
        work.turns.release()
    await asyncio.wait([first])
    if when == "waiting":
        work.turns.release()
    await second
    assert work.done == ["second"]
    await asyncio.gather(*(work.starts(name, "c") for name in "xyz"))
    assert work.done == ["second", "x", "y", "z"], "no turn is lost"


async def test_as_many_as_allowed_run_at_once() -> None:
    turns = FairTurns(3)
    for _ in range(3):
        await turns.acquire()
    fourth = asyncio.create_task(turns.acquire())
    await asyncio.sleep(0)
    assert not fourth.done()
    turns.release()
    await fourth


class LooksUp(Topic):
    """Takes a turn for each event, in which it waits once."""

    def __init__(self, word: str, turns: FairTurns, order: list[str], subjects: list[Sequence[str]]) -> None:
        super().__init__()
        self.key = word
        self._name, self._turns, self._order, self._subjects = word, turns, order, subjects

    async def render(self, root: str, position: object, *, resumable: bool = True) -> bytes:
        self._subjects.append(on_behalf_of.get())
        async with self._turns:
            await asyncio.sleep(0)
            self._order.append(self._name)
        return root.encode()


async def test_a_group_without_members_waits_with_the_subject_that_left_it() -> None:
    turns, order, subjects = FairTurns(1), list[str](), list[Sequence[str]]()
    bus = MemoryBus(history_max=1000, buffer_max=1000, watch_keys_max=10)
    async with world(bus, limits=replace(LIMITS, linger_s=FAR_S)) as w:
        topic, reader = LooksUp("left", turns, order, subjects), Reader(subject="gone")
        await w.join(topic, reader)
        await w.happen("one")
        await until(lambda: len(order) == 1)
        w.feed.leave(topic, reader)
        await w.happen("two")
        await until(lambda: len(order) == 2)
        assert subjects == [("gone",)] * 2


async def test_an_event_is_executed_for_each_group_on_behalf_of_its_members() -> None:
    turns, order, subjects = FairTurns(1), list[str](), list[Sequence[str]]()
    bus = MemoryBus(history_max=1000, buffer_max=1000, watch_keys_max=10)
    async with world(bus) as w:
        for number in range(MANY):
            await w.join(LooksUp(f"{number}", turns, order, subjects), Reader(subject="many"))
        victim = Reader(subject="other")
        await w.join(LooksUp("other's", turns, order, subjects), victim)
        await w.join(LooksUp("shared", turns, order, subjects), Reader(subject="many"))
        await w.join(LooksUp("shared", turns, order, subjects), Reader(subject="third"))
        await w.happen("fact")
        await until(lambda: len(order) == MANY + 2)
        assert max(order.index("other's"), order.index("shared")) <= 4
        assert victim.got == [(1, "fact")]
        assert {frozenset(each) for each in subjects} == {
            frozenset({"many"}),
            frozenset({"other"}),
            frozenset({"many", "third"}),
        }
