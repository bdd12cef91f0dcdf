"""An HTTP/1.1 client for many small requests: a third of the time of a test went into that of a library.

It keeps connections open and parses with httptools, as the server does. Tests of the transport itself use the
clients that others wrote.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from httptools import HttpResponseParser


@dataclass(slots=True)
class Response:
    """`headers`: by lower-case name; those that came twice are joined by a comma."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)


class Disconnected(ConnectionError):
    """The server ended the connection before the response was complete."""


class HttpClient:
    """Connections to one server."""

    def __init__(self, port: int, *, idle_s: float, patience_s: float) -> None:
        """`idle_s`: a connection that was idle for longer is not used again. `patience_s`: the longest wait
        for a response.
        """
        self._port = port
        self._idle_s, self._patience_s = idle_s, patience_s
        self._idle: list[_Connection] = []

    async def request(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        """The response, however it says that it ends. Raises `Disconnected`."""
        connection = self._usable() or await self._connected()
        try:
            async with asyncio.timeout(self._patience_s):
                response = await connection.exchange(_head(method, path, self._port, headers, body) + body)
        except BaseException:
            connection.end()
            raise
        if connection.stays_open:
            self._idle.append(connection)
        else:
            connection.end()
        return response

    def close(self) -> None:
        """End all connections."""
        for connection in self._idle:
            connection.end()
        self._idle.clear()

    def _usable(self) -> "_Connection | None":
        while self._idle:
            connection = self._idle.pop()
            if connection.stays_open and connection.idle_for_s() < self._idle_s:
                return connection
            connection.end()
        return None

    async def _connected(self) -> "_Connection":
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: _Connection(loop), "127.0.0.1", self._port)
        return connection


async def got(port: int, path: str, patience_s: float) -> Response:
    """The response to a GET by a client that comes once."""
    client = HttpClient(port, idle_s=0, patience_s=patience_s)
    try:
        return await client.request("GET", path, {}, b"")
    finally:
        client.close()


def _head(method: str, path: str, port: int, headers: Mapping[str, str], body: bytes) -> bytes:
    sent = {"host": f"127.0.0.1:{port}", "accept": "*/*", "content-length": str(len(body))}
    sent |= {name.lower(): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode()


class _Connection(asyncio.Protocol):
    """One request at a time. The methods that begin with `on_` are called by the parser."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.stays_open = False
        self._loop = loop
        self._transport = cast(asyncio.Transport, None)
        self._parser = HttpResponseParser(self)
        self._response = Response()
        self._answered: asyncio.Future[Response] | None = None
        self._used_at = loop.time()

    async def exchange(self, request: bytes) -> Response:
        self._response, self._answered = Response(), self._loop.create_future()
        self._transport.write(request)
        return await self._answered

    def idle_for_s(self) -> float:
        return self._loop.time() - self._used_at

    def end(self) -> None:
        self.stays_open = False
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.stays_open = True

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.stays_open = False
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(Disconnected(repr(exc)))

    def on_header(self, name: bytes, value: bytes) -> None:
        headers, key, text = self._response.headers, name.decode().lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text

    def on_body(self, part: bytes) -> None:
        self._response.body += part

    def on_message_complete(self) -> None:
        self._response.status = self._parser.get_status_code()
        # Uvicorn ends the connection behind the answer of a fault, and does not say so in it.
        is_last = self._response.status >= 500 or not self._parser.should_keep_alive()
        self.stays_open = self.stays_open and not is_last
        self._used_at = self._loop.time()
        if self._answered is not None and not self._answered.done():
            self._answered.set_result(self._response)
