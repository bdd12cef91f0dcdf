"""A small HTTP server on a real socket: what was posted to it, answered as the test says."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.kit.patience import PATIENCE_S


@dataclass(frozen=True, slots=True)
class Posted:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Receiver:
    """Answers `status`, or with `answers_by` what that path is set to; `silent` paths not before `speak`."""

    status: int = 200
    answers_by: dict[str, int] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    posted: list[Posted] = field(default_factory=list)
    port: int = 0
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)
    _speaks: asyncio.Event = field(default_factory=asyncio.Event)

    def url(self, path: str = "/hook", scheme: str = "http") -> str:
        return f"{scheme}://127.0.0.1:{self.port}{path}"

    def at(self, path: str) -> list[Posted]:
        """What came to this path, in order."""
        return [each for each in self.posted if each.path == path]

    def speak(self) -> None:
        """Answer from now on, and all who wait for it too."""
        self.silent.clear()
        self._speaks.set()

    async def until(self, count: int, path: str | None = None) -> list[Posted]:
        """Wait for so many requests; all that came."""

        def came() -> list[Posted]:
            return self.posted if path is None else self.at(path)

        async with asyncio.timeout(PATIENCE_S), self._news:
            await self._news.wait_for(lambda: len(came()) >= count)
        return came()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])
            }
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            path = head[0].split()[1].partition("?")[0]
            async with self._news:
                self.posted.append(Posted(path, headers, body))
                self._news.notify_all()
            if path in self.silent:
                await self._speaks.wait()
            status = self.answers_by.get(path, self.status)
            writer.write(f"HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def a_receiver(**given: object) -> AsyncIterator[Receiver]:
    """On a free port, until the block ends."""
    receiver = Receiver(**given)  # type: ignore[arg-type]
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(receiver.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
