"""A TCP proxy whose connections can be cut, cut in the middle of a message, or held."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

RESET_ON_CLOSE = struct.pack("ii", 1, 0)
SMALL_SEGMENT_BYTES = 536
"""As segment size of a connection it keeps the kernel's send buffer small, so that a stall is felt soon."""
ARRIVAL_S = 0.02
"""For what was written to be read before the reset overtakes it."""


class _Link:
    """One client's connection and the one behind it."""

    def __init__(
        self,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        flowing: asyncio.Event,
        buffer_bytes: int,
    ) -> None:
        self._client, self._server = client, server
        self._flowing = flowing
        self._buffer_bytes = buffer_bytes
        self._cut_next = False

    async def pump(self) -> None:
        """Until either side ends."""
        directions = [
            asyncio.create_task(self._forward(self._client[0], self._server[1], downwards=False)),
            asyncio.create_task(self._forward(self._server[0], self._client[1], downwards=True)),
        ]
        try:
            await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for direction in directions:
                direction.cancel()
            await asyncio.gather(*directions, return_exceptions=True)
            self.reset()

    def reset(self) -> None:
        """RST to both sides."""
        for _, writer in (self._client, self._server):
            connection = writer.get_extra_info("socket")
            if not writer.transport.is_closing():
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            writer.transport.abort()

    def cut_in_the_middle(self) -> None:
        """Pass on only a part of what the server says next, then reset."""
        self._cut_next = True

    async def _forward(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, downwards: bool
    ) -> None:
        while data := await reader.read(self._buffer_bytes):
            await self._flowing.wait()
            if downwards and self._cut_next:
                writer.write(data[: len(data) * 2 // 3])
                await asyncio.sleep(ARRIVAL_S)
                return
            writer.write(data)
            await writer.drain()


class TcpProxy:
    """In front of one port; `port` is its own. With `small_buffers` a reader that stalls is felt early."""

    def __init__(self, target_port: int, *, small_buffers: bool = False) -> None:
        self.port = 0
        self._target_port = target_port
        self._small = small_buffers
        self._links: dict[asyncio.Task[None], _Link] = {}
        self._flowing = asyncio.Event()
        self._flowing.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["TcpProxy"]:
        """Listen until the end of the block, then reset what is left."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=self._buffer_bytes)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            tasks = list(self._links)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def connections(self) -> int:
        return len(self._links)

    def cut(self, *, in_the_middle: bool = False, chosen: Callable[[], bool] = lambda: True) -> int:
        """Reset those connections for which `chosen` says so; how many."""
        links = [link for link in self._links.values() if chosen()]
        for link in links:
            if in_the_middle:
                link.cut_in_the_middle()
            else:
                link.reset()
        return len(links)

    def hold(self) -> None:
        """Nothing passes in any direction, and no peer is notified."""
        self._flowing.clear()

    def release(self) -> None:
        self._flowing.set()

    @property
    def _buffer_bytes(self) -> int:
        return 4096 if self._small else 65_536

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        try:
            behind = await self._connect()
        except OSError:
            writer.transport.abort()
            return
        if self._small:
            writer.transport.set_write_buffer_limits(high=self._buffer_bytes)
        link = self._links[task] = _Link((reader, writer), behind, self._flowing, self._buffer_bytes)
        try:
            await link.pump()
        except (OSError, asyncio.CancelledError):
            # Cancelled at the end, by `running` alone: asyncio's streams take a cancelled callback for a bug.
            pass
        finally:
            del self._links[task]

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        connection = socket.socket()
        connection.setblocking(False)
        if self._small:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._buffer_bytes)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SMALL_SEGMENT_BYTES)
        try:
            await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", self._target_port))
        except BaseException:
            connection.close()
            raise
        return await asyncio.open_connection(sock=connection, limit=self._buffer_bytes)
