"""Clients that send one request after another, each on a connection that it keeps."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from bench.fanout.fleet import percentile


class Wrong(Exception):
    """An answer that is not what the benchmark measures."""


@dataclass(frozen=True, slots=True)
class Requests:
    """How long the requests of one window took."""

    seconds: float
    latencies_s: list[float]

    @property
    def per_second(self) -> float:
        """Answers per second."""
        return len(self.latencies_s) / self.seconds

    def percentile_ms(self, share: float) -> float:
        """Of the time until the whole answer."""
        return percentile(self.latencies_s, share) * 1000


async def once(port: int, body: Mapping[str, Any], token: str) -> Any:
    """The JSON of one answer."""
    connection = await Connection.open(port)
    try:
        return json.loads(await connection.send(request_of(body, token)))
    finally:
        connection.close()


async def send_for(seconds: float, port: int, connections: int, requests: Iterator[bytes]) -> Requests:
    """As many of the requests as the server answers; each connection waits for its answer."""
    started = perf_counter()
    each = await asyncio.gather(*(_send_until(started + seconds, port, requests) for _ in range(connections)))
    return Requests(perf_counter() - started, [latency for latencies in each for latency in latencies])


def request_of(body: Mapping[str, Any], token: str) -> bytes:
    """The request as it goes over the wire."""
    content = json.dumps(body).encode()
    head = (
        "POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Accept: application/json\r\nAuthorization: Bearer {token}\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


async def _send_until(end: float, port: int, requests: Iterator[bytes]) -> list[float]:
    latencies: list[float] = []
    connection = await Connection.open(port)
    try:
        while (before := perf_counter()) < end and (request := next(requests, None)) is not None:
            answer = await connection.send(request)
            if _failed(answer[-4000:]):
                raise Wrong(answer[-500:].decode())
            latencies.append(perf_counter() - before)
    finally:
        connection.close()
    return latencies


def _failed(answer: bytes) -> bool:
    """A leader may just be at work on the same account: a client is asked to repeat its request."""
    refused = b'"LiquidationRefused"' in answer and b'"VERSION_CONFLICT"' not in answer
    return refused or b'"errors"' in answer


@dataclass(frozen=True, slots=True)
class Connection:
    """HTTP/1.1 as these servers speak it: a client of the standard would cost as much as they do."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def open(cls, port: int) -> "Connection":
        """To a server of this machine."""
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=2**20))

    async def send(self, request: bytes) -> bytes:
        """The body of the answer, whose status is 200."""
        self.writer.write(request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        fields = head.lower().split(b"\r\n")
        if not fields[0].startswith(b"http/1.1 200"):
            raise Wrong(f"{head.decode()}{(await self.reader.read(500)).decode()}")
        for each in fields:
            if each.startswith(b"content-length:"):
                return await self.reader.readexactly(int(each.partition(b":")[2]))
        parts: list[bytes] = []
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            parts.append((await self.reader.readexactly(size + 2))[:-2])
        await self.reader.readexactly(2)
        return b"".join(parts)

    def close(self) -> None:
        """At once."""
        self.writer.close()
