"""What a WebSocket has received and its application has not read yet.

`asyncio.Queue` keeps three deques, 2 KB, as long as it lives. Nearly all sockets of a desk are idle, so this
one has a deque only while something waits. It needs no bound of its own: the protocol stops reading from its
peer until the application has taken everything.
"""

from asyncio import Future, get_running_loop
from collections import deque
from typing import Any


class Inbox:
    """As far as uvicorn uses `asyncio.Queue`: one task reads it."""

    __slots__ = ("_taker", "_waiting")

    def __init__(self) -> None:
        self._waiting: deque[Any] | None = None
        self._taker: Future[None] | None = None

    def empty(self) -> bool:
        """Whether nothing waits."""
        return not self._waiting

    def put_nowait(self, message: Any) -> None:
        """Add a message behind the others."""
        if self._waiting is None:
            self._waiting = deque()
        self._waiting.append(message)
        if self._taker is not None and not self._taker.done():
            self._taker.set_result(None)

    async def get(self) -> Any:
        """The oldest message, once there is one. Cancelled, it removes none."""
        while not self._waiting:
            self._taker = get_running_loop().create_future()
            try:
                await self._taker
            finally:
                self._taker = None
        message = self._waiting.popleft()
        if not self._waiting:
            self._waiting = None
        return message
