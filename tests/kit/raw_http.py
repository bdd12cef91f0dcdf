"""An HTTP/1.1 client that writes what it is given, right or wrong, and shows what comes back."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import orjson

from tests.kit.patience import PATIENCE_S


@dataclass(frozen=True, slots=True)
class Answer:
    """One response. `status` 0: the connection ended without one."""

    status: int
    body: bytes = b""
    is_last: bool = False
    """It says that the connection ends with it."""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def code(self) -> str | None:
        """Of the error in it."""
        document: Any = orjson.loads(self.body) if self.body else None
        return document["errors"][0]["extensions"]["code"] if document else None


class RawHttp(asyncio.Protocol):
    """One connection. What arrives is kept at once: nothing is lost when the server cuts it off."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._ended = False
        self._happened = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._transport = cast(asyncio.Transport, None)

    @staticmethod
    @asynccontextmanager
    async def open(port: int) -> AsyncIterator["RawHttp"]:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(RawHttp, "127.0.0.1", port)
        try:
            yield connection
        finally:
            connection._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        self._happened.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        self._happened.set()
        self._writable.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    async def send(self, pieces: Iterable[bytes]) -> bool:
        """One after the other, until the server answers or ends the connection; whether all of them left."""
        async with asyncio.timeout(PATIENCE_S):
            for piece in pieces:
                if self._ended or self._received:
                    return False
                self._transport.write(piece)
                await self._writable.wait()
                await asyncio.sleep(0)
        return True

    async def answer(self) -> Answer:
        """The next response."""
        await self._until(lambda: b"\r\n\r\n" in self._received)
        head, blank, _ = bytes(self._received).partition(b"\r\n\r\n")
        if not blank:
            return Answer(0)
        status, *lines = head.decode("latin-1").split("\r\n")
        headers = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in lines}
        length = int(headers.get("content-length", "0"))
        await self._until(lambda: len(self._received) >= len(head) + 4 + length)
        body = bytes(self._received[len(head) + 4 :][:length])
        del self._received[: len(head) + 4 + length]
        return Answer(int(status.split()[1]), body, headers.get("connection") == "close", headers)

    async def ended(self) -> bool:
        """Whether the server ends the connection."""
        await self._until(lambda: False)
        return True

    async def _until(self, holds: Callable[[], bool]) -> None:
        """Or until the connection has ended."""
        async with asyncio.timeout(PATIENCE_S):
            while not holds() and not self._ended:
                self._happened.clear()
                await self._happened.wait()
