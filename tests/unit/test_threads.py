"""Calls that block, each in a thread of its own: no permit is lost, and every end of a call is heard of."""

import asyncio
import threading
from collections.abc import Awaitable
from threading import Event
from typing import TypeVar

import pytest

from messages.threads import NoThread, Threads
from tests.kit.no_threads import no_thread_can_be_started
from tests.kit.patience import PATIENCE_S

T = TypeVar("T")


async def in_time(answer: Awaitable[T]) -> T:
    async with asyncio.timeout(PATIENCE_S):
        return await answer


def fails() -> None:
    raise LookupError("the call's own")


def ends() -> None:
    raise StopIteration


async def test_a_thread_that_cannot_be_started_costs_no_permit() -> None:
    threads = Threads(1, "test")
    for _ in range(2):
        with no_thread_can_be_started(), pytest.raises(NoThread, match="thread"):
            await in_time(threads.run(lambda: None))
    assert await in_time(threads.run(lambda: "well")) == "well"


async def test_an_exception_of_a_call_is_raised_where_its_answer_is_awaited() -> None:
    threads = Threads(1, "test")
    with pytest.raises(LookupError, match="the call's own"):
        await in_time(threads.run(fails))
    with pytest.raises(RuntimeError, match="StopIteration"):
        await in_time(threads.run(ends))
    assert await in_time(threads.run(lambda: "well")) == "well"


async def test_an_exception_of_an_abandoned_call_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    threads, goes_on = Threads(1, "test"), Event()

    def waits_and_fails() -> None:
        goes_on.wait()
        fails()

    answer = await threads.begin(waits_and_fails)
    answer.cancel()
    goes_on.set()
    assert await in_time(threads.run(lambda: "well")) == "well"
    assert caplog.text == ""


async def test_a_waiter_that_gives_up_leaves_its_permit_to_the_next() -> None:
    """The permit was granted, and the waiting task had not run again yet when it was cancelled."""
    threads, goes_on, begun = Threads(1, "gives up"), Event(), list[str]()
    await threads.begin(goes_on.wait)
    impatient = asyncio.create_task(threads.run(lambda: begun.append("impatient")))
    next_in_line = asyncio.create_task(threads.run(lambda: begun.append("next")))
    await asyncio.sleep(0)
    goes_on.set()
    (holder,) = [thread for thread in threading.enumerate() if thread.name == "gives up"]
    holder.join(PATIENCE_S)
    # Its news waits for the loop: the permit goes to the first in line, who is cancelled right behind.
    asyncio.get_running_loop().call_soon(impatient.cancel)
    await in_time(next_in_line)
    with pytest.raises(asyncio.CancelledError):
        await impatient
    assert await in_time(threads.run(lambda: "well")) == "well"
    assert begun == ["next"]


async def test_no_more_calls_run_at_once_than_there_are_permits() -> None:
    threads, goes_on = Threads(2, "test"), Event()
    running = [await threads.begin(goes_on.wait) for _ in range(2)]
    third = asyncio.create_task(threads.begin(lambda: "third"))
    await asyncio.sleep(0)
    assert not third.done()
    goes_on.set()
    assert await in_time(asyncio.gather(*running)) == [True, True]
    assert await in_time(await in_time(third)) == "third"
