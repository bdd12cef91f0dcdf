"""Long computations of one request give other tasks their turn, and leave nothing to be searched for."""

import asyncio
import gc
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from domain.ids import AccountId
from domain.principal import Audience, Permission
from models.sql.pace import TURN_S, Pace
from resolvers.kit.context import ReadContext

TASKS = 12


async def test_tasks_that_become_ready_together_wait_for_each_other() -> None:
    """Each takes most of a turn: with the second the turn is over."""
    clock, ready, done = [0.0], asyncio.Event(), list[int]()
    pace = Pace(lambda: clock[0])

    async def computes() -> None:
        await ready.wait()
        await pace.turn()
        clock[0] += 0.6 * TURN_S
        done.append(1)

    tasks = [asyncio.create_task(computes()) for _ in range(TASKS)]
    await asyncio.sleep(0)
    ready.set()
    steps = []
    while len(done) < TASKS:
        before = len(done)
        await asyncio.sleep(0)
        steps.append(len(done) - before)
    await asyncio.gather(*tasks)
    assert max(steps) == 2, "what the loop does at a time"


async def test_one_task_pauses_only_when_its_turn_is_over() -> None:
    clock, others = [0.0], 0
    pace = Pace(lambda: clock[0])
    for _ in range(10):
        clock[0] += 0.25 * TURN_S
        turn = pace.turn()
        try:
            turn.send(None)
            others += 1
            turn.close()
        except StopIteration:
            continue
        clock[0] += TURN_S
        await pace.turn()
    assert others == 2


@contextmanager
def without_search_for_garbage() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class Loaded:
    """Stands for the books of an answer."""


async def test_what_an_operation_loaded_is_freed_with_it() -> None:
    """Without a search for garbage, which would free all of a large answer in one step."""
    audience = Audience(frozenset({Permission.RISK_WARNING_FULL}), None)
    context = ReadContext(api=type("Api", (), {"desk": None})(), audience=audience)
    book: Any = Loaded()
    context.loaders.books.prime_many({AccountId("A1"): book})
    freed = weakref.ref(book)
    # As the executor does: it knows the context, and the context the executor.
    context.rows = partial(lambda of, info, fields: None, context)
    with without_search_for_garbage():
        context.release()
        del book, context
        assert freed() is None
