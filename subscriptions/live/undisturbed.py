"""Work that the cancellation of its caller does not interrupt."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def undisturbed(work: Coroutine[Any, Any, T]) -> T:
    """The result; if the caller is cancelled, the work continues to its end.

    For executions of GraphQL: an interrupted one leaves coroutines behind that are never awaited.
    """
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        task.add_done_callback(_forget)
        raise


def _forget(task: "asyncio.Task[Any]") -> None:
    """No caller waits for it any more, so its failure is discarded."""
    if not task.cancelled():
        task.exception()
