"""A WebSocket client that sends what it is told to, right or wrong, and shows what arrives (RFC 6455).

It answers nothing by itself: no pong, no close. Servers' keep-alive pings of the WebSocket layer are skipped.
"""

import asyncio
import os
import socket
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

import orjson

from tests.kit.patience import PATIENCE_S

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_FINAL, _MASKED, _RESERVED = 0x80, 0x80, 0x70


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame from the server."""

    opcode: int
    payload: bytes
    compressed: bool


@dataclass(frozen=True, slots=True)
class Closed:
    """The server's close frame; code None: the connection ended without one."""

    code: int | None
    reason: str


class RawWebSocket:
    """One connection; `status` and `headers` are the answer to the handshake."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.status = 0
        self.headers: dict[str, str] = {}

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        port: int,
        *,
        protocols: str | None = "graphql-transport-ws",
        headers: Mapping[str, str] | None = None,
        path: str = "/graphql",
        receive_buffer: int | None = None,
    ) -> AsyncIterator[Self]:
        """Shake hands. `receive_buffer`: of the kernel, in bytes, for a reader that stalls soon."""
        connection = socket.socket()
        if receive_buffer is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
        # The limit is the stream's own buffer: it stops to read from the kernel at twice as much.
        reader, writer = await asyncio.open_connection(sock=connection, limit=receive_buffer or 2**16)
        opened = cls(reader, writer)
        try:
            await opened._shake_hands(port, path, protocols, headers or {})
            yield opened
        finally:
            writer.transport.abort()

    async def _shake_hands(
        self, port: int, path: str, protocols: str | None, headers: Mapping[str, str]
    ) -> None:
        lines = {
            "Host": f"127.0.0.1:{port}",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": b64encode(os.urandom(16)).decode(),
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Extensions": "permessage-deflate",
        }
        if protocols is not None:
            lines["Sec-WebSocket-Protocol"] = protocols
        lines |= headers
        request = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in lines.items()), "", ""]
        self._writer.write("\r\n".join(request).encode())
        async with asyncio.timeout(PATIENCE_S):
            answer = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        self.status = int(answer[0].split()[1])
        pairs = [line.partition(":") for line in answer[1:] if line]
        self.headers = {name.lower(): value.strip() for name, _, value in pairs}

    def send(self, **message: Any) -> None:
        """One message of the protocol."""
        self.send_text(orjson.dumps(message).decode())

    def send_text(self, text: str) -> None:
        self.send_frame(TEXT, text.encode())

    def send_frame(self, opcode: int, payload: bytes, *, final: bool = True) -> None:
        """Masked, as a client has to."""
        mask, length = os.urandom(4), len(payload)
        head = bytes((opcode | (_FINAL if final else 0),))
        if length < 126:
            head += bytes((_MASKED | length,))
        elif length < 2**16:
            head += bytes((_MASKED | 126,)) + length.to_bytes(2)
        else:
            head += bytes((_MASKED | 127,)) + length.to_bytes(8)
        repeated = (mask * (length // 4 + 1))[:length]
        masked = (int.from_bytes(payload) ^ int.from_bytes(repeated)).to_bytes(length)
        self._writer.write(head + mask + masked)

    async def frame(self) -> Frame:
        """The next one, whatever it is; raises IncompleteReadError at the end of the connection."""
        first, second = await self._reader.readexactly(2)
        assert first & _FINAL, "servers have no reason to send fragments"
        assert not second & _MASKED, "a server must not mask"
        length = second & 0x7F
        if length >= 126:
            length = int.from_bytes(await self._reader.readexactly(2 if length == 126 else 8))
        return Frame(first & 0x0F, await self._reader.readexactly(length), bool(first & _RESERVED))

    async def receive(self) -> dict[str, Any]:
        """The next message of the protocol."""
        async with asyncio.timeout(PATIENCE_S):
            while (frame := await self.frame()).opcode in {PING, PONG}:
                pass
        assert frame.opcode == TEXT, frame
        message: dict[str, Any] = orjson.loads(frame.payload)
        return message

    async def closed(self) -> Closed:
        """How the server closes; messages before that are skipped."""
        async with asyncio.timeout(PATIENCE_S):
            try:
                while (frame := await self.frame()).opcode != CLOSE:
                    pass
            except (asyncio.IncompleteReadError, ConnectionError):
                return Closed(None, "")
        return Closed(int.from_bytes(frame.payload[:2]), frame.payload[2:].decode())

    async def ended(self) -> bool:
        """Whether the server ends the connection."""
        async with asyncio.timeout(PATIENCE_S):
            try:
                while await self._reader.read(2**16):
                    pass
            except ConnectionError:
                pass
        return True

    def stop_reading(self) -> None:
        """What arrives stays in the kernel's buffers, until they are full."""
        transport = self._writer.transport
        assert isinstance(transport, asyncio.ReadTransport)
        transport.pause_reading()

    def read_on(self) -> None:
        """Again."""
        transport = self._writer.transport
        assert isinstance(transport, asyncio.ReadTransport)
        transport.resume_reading()
