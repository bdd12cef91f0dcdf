"""A subscriber as docs ask clients to be: remembers its cursor, comes back after any cut, drops what it has.

It speaks WebSocket itself, to know whether a connection ended in the middle of a frame and to be able to
stop reading.
"""

import asyncio
import os
import random
import re
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from tests.chaos.operations import Operation

FIRST_WAIT_S, MAX_WAIT_S = 0.05, 1.0
BUFFER_BYTES = 4096
TEXT, CLOSE = 0x1, 0x8
_PAUSE = re.compile(r"in ([0-9.]+) s")


class Ended(Exception):
    """The connection is over; `code` is the server's close code, None without one."""

    def __init__(self, code: int | None, reason: str = "") -> None:
        super().__init__(f"{code} {reason}")
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Got:
    """One event as it arrived first."""

    id: str
    kind: str
    delay_s: float
    """From its commit to its arrival."""
    at: float
    """When it arrived, monotonic."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where a subscriber connects, and for how long it waits for a handshake, or for anything at all from a
    server that pings, before it gives up."""

    port: int
    silence_s: float


class Subscriber:
    """`run` until cancelled; `got` is what it has, in the order of arrival."""

    def __init__(
        self,
        operation: Operation,
        token: str,
        server: Server,
        cursor: str,
        chance: random.Random,
        heard: Callable[[Got], None],
    ) -> None:
        self.operation = operation
        self.got: list[Got] = []
        self.duplicates = 0
        self.broken = 0
        """Results without their event."""
        self.cut_in_a_frame = 0
        self.resumes = self.recovered = self.refused = 0
        """Cursors shown, those that the gateway said it went on behind, and those that it did not take."""
        self.ends: Counter[str] = Counter()
        self.connected = False
        self.away_s = 0.0
        """How long to stay away after the next end."""
        self.may_read = asyncio.Event()
        self.may_read.set()
        self._known: set[str] = set()
        self._token, self._server, self._cursor = token, server, cursor
        self._chance = chance
        self._heard = heard

    def has(self, event_id: str | None) -> bool:
        """Whether the event has arrived; None always has."""
        return event_id is None or event_id in self._known

    async def run(self) -> None:
        """Come back for ever, a little later after every failure in a row."""
        wait_s = FIRST_WAIT_S
        while True:
            before = len(self.got)
            pause_s = 0.0
            try:
                await self._connection()
            except Ended as end:
                self.ends[_named(end)] += 1
                if found := _PAUSE.search(end.reason):
                    pause_s = float(found[1])
            except (OSError, EOFError) as cut:
                self.ends[type(cut).__name__] += 1
            self.connected = False
            wait_s = FIRST_WAIT_S if len(self.got) > before else min(wait_s * 2, MAX_WAIT_S)
            away_s, self.away_s = self.away_s, 0.0
            await asyncio.sleep(pause_s + away_s + self._chance.uniform(0, wait_s))

    async def _connection(self) -> None:
        """One connection; always ends with an exception."""
        async with asyncio.timeout(self._server.silence_s):
            reader, writer = await asyncio.open_connection("127.0.0.1", self._server.port, limit=BUFFER_BYTES)
        try:
            async with asyncio.timeout(self._server.silence_s):
                await self._shake_hands(reader, writer)
                _send(writer, type="connection_init", payload={"authorization": f"Bearer {self._token}"})
                while (await self._message(reader))["type"] != "connection_ack":
                    pass
            variables = {"filter": self.operation.filter, "after": self._cursor}
            payload = {"query": self.operation.document, "variables": variables}
            _send(writer, id="1", type="subscribe", payload=payload)
            self.connected = True
            self.resumes += bool(self.got)
            while True:
                await self._take(await self._patiently(reader), writer)
        finally:
            writer.transport.abort()

    async def _shake_hands(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = (
            "GET /graphql HTTP/1.1",
            f"Host: 127.0.0.1:{self._server.port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {b64encode(os.urandom(16)).decode()}",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Protocol: graphql-transport-ws",
        )
        writer.write("\r\n".join([*lines, "", ""]).encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        status = answer.split(b" ", 2)[1].decode()
        if status != "101":
            raise Ended(None, f"handshake {status}")

    async def _patiently(self, reader: asyncio.StreamReader) -> dict[str, Any]:
        await self.may_read.wait()
        async with asyncio.timeout(self._server.silence_s):
            return await self._message(reader)

    async def _message(self, reader: asyncio.StreamReader) -> dict[str, Any]:
        """The next one of the protocol; raises Ended."""
        while True:
            opcode, payload = await self._frame(reader)
            if opcode == TEXT:
                message: dict[str, Any] = orjson.loads(payload)
                return message
            if opcode == CLOSE:
                raise Ended(int.from_bytes(payload[:2]), payload[2:].decode())

    async def _frame(self, reader: asyncio.StreamReader) -> tuple[int, bytes]:
        first = await reader.readexactly(1)
        try:
            length = (await reader.readexactly(1))[0]
            if length >= 126:
                length = int.from_bytes(await reader.readexactly(2 if length == 126 else 8))
            return first[0] & 0x0F, await reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.cut_in_a_frame += 1
            raise

    async def _take(self, message: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        match message["type"]:
            case "next":
                self._event(message["payload"])
            case "ping":
                _send(writer, type="pong")
            case "error":
                code = message["payload"][0]["extensions"]["code"]
                self.refused += code in {"CURSOR_EXPIRED", "CURSOR_INVALID"}
                raise Ended(None, f"error {code}")
            case other:
                raise Ended(None, f"unasked-for {other}")

    def _event(self, payload: dict[str, Any]) -> None:
        self._cursor = payload["extensions"]["cursor"]
        if "stream" in payload["extensions"]:
            self.recovered += bool(self.got) and payload["extensions"]["stream"]["resumed"]
        event = (payload["data"] or {}).get(self.operation.field)
        if event is None or "errors" in payload:
            self.broken += 1
        elif event["id"] in self._known:
            self.duplicates += 1
        else:
            self._known.add(event["id"])
            delay_s = time.time() - datetime.fromisoformat(event["at"]).timestamp()
            got = Got(event["id"], event["kind"], delay_s, time.monotonic())
            self.got.append(got)
            self._heard(got)


def _named(end: Ended) -> str:
    return str(end.code) if end.code is not None else end.reason


def _send(writer: asyncio.StreamWriter, **message: Any) -> None:
    """Masked with zeros, which leaves the bytes as they are."""
    payload = orjson.dumps(message)
    head = bytes((0x80 | TEXT,))
    if len(payload) < 126:
        head += bytes((0x80 | len(payload),))
    else:
        head += bytes((0x80 | 126,)) + len(payload).to_bytes(2)
    with suppress(OSError):
        writer.write(head + bytes(4) + payload)
