"""Where a login service's keys are read: at a URL or in a file, bounded in bytes and time.

Over HTTP neither redirects nor proxies are used, and certificates are checked against the authorities of the
system (`SSL_CERT_FILE` names others). The status must be 200.
"""

import asyncio
import ssl
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol
from urllib.parse import SplitResult, urlsplit

import h11

HEAD_BYTES_MAX, READ_BYTES = 64 * 1024, 16 * 1024
FAULTS = (OSError, ValueError, h11.ProtocolError)
"""The errors of resolving, connecting, TLS, reading, and a malformed answer; a timeout is an OSError."""


class KeySource(Protocol):
    """Where the key set is."""

    async def read(self) -> bytes:
        """The text of the key set; raises one of `FAULTS`."""
        ...


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A file, such as one that another program renews."""

    path: Path
    bytes_max: int

    async def read(self) -> bytes:
        """See `KeySource`."""
        return await asyncio.to_thread(self.content)

    def content(self) -> bytes:
        """The text of the key set; blocks."""
        with self.path.open("rb") as file:
            text = file.read(self.bytes_max + 1)
        _require_size(len(text), self.bytes_max)
        return text


@dataclass(frozen=True, slots=True)
class KeyUrl:
    """An address of the login service."""

    url: str
    bytes_max: int
    timeout_s: float

    async def read(self) -> bytes:
        """See `KeySource`."""
        try:
            async with asyncio.timeout(self.timeout_s):
                return await self._get(urlsplit(self.url))
        except TimeoutError:
            raise TimeoutError(f"no answer within {self.timeout_s:g} s") from None

    async def _get(self, url: SplitResult) -> bytes:
        is_tls = url.scheme == "https"
        port = url.port or (443 if is_tls else 80)
        reader, writer = await asyncio.open_connection(
            url.hostname, port, ssl=_tls() if is_tls else None, limit=READ_BYTES
        )
        try:
            http = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_BYTES_MAX)
            writer.write(_request(http, url))
            await writer.drain()
            return await _body(http, reader, self.bytes_max)
        finally:
            # Not `wait_closed`, which would wait for a peer that does not answer the TLS close.
            writer.transport.abort()


@cache
def _tls() -> ssl.SSLContext:
    """Created when it is needed first: reading all trusted authorities takes a tenth of a second."""
    return ssl.create_default_context()


def _request(http: h11.Connection, url: SplitResult) -> bytes:
    path = url.path or "/"
    request = h11.Request(
        method="GET",
        target=f"{path}?{url.query}" if url.query else path,
        headers=[
            ("host", url.netloc),
            ("accept", "application/jwk-set+json, application/json"),
            ("accept-encoding", "identity"),
            ("user-agent", "margin-call-desk"),
            ("connection", "close"),
        ],
    )
    return (http.send(request) or b"") + (http.send(h11.EndOfMessage()) or b"")


async def _body(http: h11.Connection, reader: asyncio.StreamReader, bytes_max: int) -> bytes:
    body = bytearray()
    while not isinstance(event := http.next_event(), h11.EndOfMessage):
        if event is h11.NEED_DATA:
            http.receive_data(await reader.read(READ_BYTES))
        elif isinstance(event, h11.Response):
            if event.status_code != 200:
                raise ValueError(f"the login service answers with status {event.status_code}")
        elif isinstance(event, h11.Data):
            body += event.data
            _require_size(len(body), bytes_max)
    return bytes(body)


def _require_size(size: int, bytes_max: int) -> None:
    if size > bytes_max:
        raise ValueError(f"the key set has more than {bytes_max} bytes")
