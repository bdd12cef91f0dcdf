"""Run a coroutine and cut it off at a chosen suspension, as a client does that hangs up.

Cut off early, the cancellation comes while the coroutine waits; cut off late, it comes when the answer is
there and the coroutine has not seen it yet.
"""

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any


class CutOff:
    """Awaiting it runs the coroutine; `steps` counts its suspensions, at the `cut_at`-th it is cancelled."""

    def __init__(
        self, coroutine: Coroutine[Any, Any, object], cut_at: int | None = None, late: bool = False
    ) -> None:
        self._coroutine = coroutine
        self._cut_at = cut_at
        self._late = late
        self.steps = 0

    def __await__(self) -> Generator[Any, Any, object]:
        try:
            waits_for = self._coroutine.send(None)
            while True:
                self._count(waits_for)
                try:
                    answer = yield waits_for
                except BaseException as thrown:
                    waits_for = self._coroutine.throw(thrown)
                else:
                    waits_for = self._coroutine.send(answer)
        except StopIteration as done:
            return done.value

    def _count(self, waits_for: Any) -> None:
        self.steps += 1
        if self.steps != self._cut_at:
            return
        task = asyncio.current_task()
        assert task is not None
        if self._late and waits_for is not None:
            waits_for.add_done_callback(lambda _: task.cancel())
        else:
            asyncio.get_running_loop().call_soon(task.cancel)


async def steps_of(coroutine: Coroutine[Any, Any, object]) -> int:
    """How often the coroutine waits if it is not cancelled."""
    run = CutOff(coroutine)
    await run
    return run.steps


async def cut_off(coroutine: Coroutine[Any, Any, object], at: int, late: bool) -> bool:
    """Run it in a task of its own; whether it was cut off before it was done."""

    async def run() -> None:
        await CutOff(coroutine, at, late)

    task = asyncio.create_task(run())
    await asyncio.wait([task])
    if task.cancelled():
        return True
    task.result()
    return False
