"""A TCP proxy that breaks its connections, each after so many bytes from the server, wherever they end."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

_PIECE_BYTES = 512


class CuttingProxy:
    """Between a client and a local port. Each connection takes one of `cuts`; then there are no more."""

    def __init__(self, target_port: int, cuts: Iterable[int]) -> None:
        self._target_port = target_port
        self._cuts = iter(cuts)
        self._serving: set[asyncio.Task[None]] = set()
        self.port = 0
        self.made_cuts = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator["CuttingProxy"]:
        """Listen until the end of the block."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._serving:
                task.cancel()
            await asyncio.gather(*self._serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        upwards = asyncio.create_task(_pass_on(reader, server_writer, None))
        try:
            if await _pass_on(server_reader, writer, next(self._cuts, None)):
                self.made_cuts += 1
        except asyncio.CancelledError:
            # Cancelled at the end, by `running` alone: asyncio's streams take a cancelled callback for a bug.
            pass
        finally:
            upwards.cancel()
            await asyncio.wait([upwards])
            writer.transport.abort()
            server_writer.transport.abort()


async def _pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter, most: int | None) -> bool:
    """Until the end, or so many bytes; whether it was the latter."""
    passed = 0
    try:
        while piece := await source.read(_PIECE_BYTES):
            if most is not None and passed + len(piece) >= most:
                target.write(piece[: most - passed])
                await target.drain()
                return True
            passed += len(piece)
            target.write(piece)
            await target.drain()
    except ConnectionError:
        pass
    return False
