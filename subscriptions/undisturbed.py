"""Work that is not cut off in its midst."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def undisturbed(work: Coroutine[Any, Any, T]) -> T:
    """The result; of a caller that is cancelled it is independent, and goes on to its end.

    For executions of GraphQL: one that is cut off leaves coroutines behind that nobody awaits.
    """
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        task.add_done_callback(_forget)
        raise


def _forget(task: "asyncio.Task[Any]") -> None:
    """Nobody waits for it any more; a failure is nobody's then."""
    if not task.cancelled():
        task.exception()
