"""A TCP proxy in front of PostgreSQL that counts statements and strikes at a chosen one.

A statement is what the client waits for an answer to: a simple query, or a bound one up to its Sync. Counted
are those that begin, change, lock or commit something, whoever sends them: requests and workers alike. At
the others nothing can be lost that is not lost at the ones around them. A COMMIT is told by what it commits:
its text is followed by that of the last statement before it.
"""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit, urlunsplit

_SSL_REQUEST, _LENGTH_BYTES = 80877103, 4


class Moment(StrEnum):
    """When to strike."""

    BEFORE = "before"
    """The statement is not passed on."""
    AFTER = "after"
    """The statement is done, and its answer is not passed on."""


@dataclass(frozen=True, slots=True)
class Statement:
    """Strike at the `number`-th statement, counted from 1, whose text contains `containing`."""

    number: int
    moment: Moment
    containing: str = ""

    def __str__(self) -> str:
        return f"{self.moment} {self.containing or 'statement'} {self.number}"


@dataclass(slots=True)
class _Link:
    """One connection: the texts of its statements, and whether to strike at the next answer."""

    prepared: dict[bytes, str] = field(default_factory=dict)
    running: str | None = None
    done: str = ""
    """The last counted statement."""
    strike_at_answer: bool = False


class PostgresProxy:
    """`statements` are those counted since `arm`; `struck_at` is the one at which it struck."""

    def __init__(self, database_url: str) -> None:
        self._target = urlsplit(database_url)
        self._point: Statement | None = None
        self._strike: Callable[[], None] = lambda: None
        self._flows = asyncio.Event()
        self._flows.set()
        self._links: set[asyncio.Task[None]] = set()
        self.statements: list[str] = []
        self._freeze_at = ""
        self.struck_at: str | None = None
        self._striking = False
        self.url = ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator["PostgresProxy"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        user = self._target.netloc.rpartition("@")[0]
        self.url = urlunsplit(self._target._replace(netloc=f"{user}@127.0.0.1:{port}"))
        try:
            yield self
        finally:
            server.close()
            for link in self._links:
                link.cancel()
            if self._links:
                await asyncio.wait(self._links)

    def arm(self, point: Statement | None, strike: Callable[[], None]) -> None:
        """Count from now on, and call `strike` once at the point (None: never)."""
        self.statements, self.struck_at, self._striking = [], None, False
        self._point, self._strike = point, strike

    def freeze(self, at: str = "") -> None:
        """Pass nothing from now on, without closing a connection, as if a cable were pulled.

        `at`: only from the next statement whose text contains it.
        """
        if at:
            self._freeze_at = at
            return
        self._flows.clear()

    @property
    def frozen(self) -> bool:
        return not self._flows.is_set()

    def thaw(self) -> None:
        """Everything that waited passes."""
        self._flows.set()

    def disarm(self) -> None:
        self._point = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._links.add(task)
        task.add_done_callback(self._links.discard)
        try:
            await self._flows.wait()
            assert self._target.hostname is not None
            upstream = await asyncio.open_connection(self._target.hostname, self._target.port)
            try:
                await self._link(reader, writer, *upstream)
            finally:
                upstream[1].transport.abort()
        except (OSError, EOFError):
            pass
        finally:
            writer.transport.abort()

    async def _link(
        self,
        reader: asyncio.StreamReader,
        client: asyncio.StreamWriter,
        answers: asyncio.StreamReader,
        server: asyncio.StreamWriter,
    ) -> None:
        link = _Link()
        await self._greet(reader, client, server)
        await _first_to_end(self._upwards(link, reader, server), self._downwards(link, answers, client))

    async def _greet(
        self, reader: asyncio.StreamReader, client: asyncio.StreamWriter, server: asyncio.StreamWriter
    ) -> None:
        """The messages before the typed ones: encryption is declined, a start or a cancel is passed on."""
        while True:
            length = await reader.readexactly(_LENGTH_BYTES)
            body = await reader.readexactly(struct.unpack("!i", length)[0] - _LENGTH_BYTES)
            if struct.unpack("!i", body[:4])[0] != _SSL_REQUEST:
                server.write(length + body)
                return
            client.write(b"N")

    async def _upwards(self, link: _Link, reader: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
        while True:
            kind, length, body = await _message(reader)
            text = _statement(link, kind, body)
            if self._freeze_at and self._freeze_at in (link.running or ""):
                self._freeze_at = ""
                self._flows.clear()
            await self._flows.wait()
            if text is not None and self._counts(text) and self._hits(_described(link, text)):
                assert self._point is not None
                if self._point.moment is Moment.BEFORE:
                    self._hit()
                    return
                link.strike_at_answer = True
            server.write(kind + length + body)

    async def _downwards(
        self, link: _Link, reader: asyncio.StreamReader, client: asyncio.StreamWriter
    ) -> None:
        while True:
            kind, length, body = await _message(reader)
            if kind == b"Z" and link.strike_at_answer:
                self._hit()
                return
            if client.is_closing():
                return
            client.write(kind + length + body)

    def _counts(self, text: str) -> bool:
        """A plain read changes nothing, and a lease is renewed all the time; what the point names counts."""
        if self._point is not None and self._point.containing and self._point.containing in text:
            return True
        changes = not text.startswith("SELECT") or "FOR UPDATE" in text
        return changes and not text.startswith(("INSERT INTO lease", "UPDATE lease"))

    def _hits(self, text: str) -> bool:
        if self.struck_at is not None or self._striking:
            return False
        self.statements.append(text)
        if self._point is None or self._point.containing not in text:
            return False
        found = sum(self._point.containing in each for each in self.statements)
        self._striking = found == self._point.number
        return self._striking

    def _hit(self) -> None:
        self.struck_at = self.statements[-1]
        self._point = None
        self._strike()


def _described(link: _Link, text: str) -> str:
    described = f"{text} {link.done}" if text.startswith("COMMIT") else text
    link.done = text
    return described


def _statement(link: _Link, kind: bytes, body: bytes) -> str | None:
    """The text of the statement that this message completes."""
    match kind:
        case b"Q":
            return body.rstrip(b"\0").decode()
        case b"P":
            name, text, _ = body.split(b"\0", 2)
            link.prepared[name] = text.decode()
        case b"B":
            link.running = link.prepared[body.split(b"\0", 2)[1]]
        case b"S":
            running, link.running = link.running, None
            return running
    return None


async def _message(reader: asyncio.StreamReader) -> tuple[bytes, bytes, bytes]:
    kind = await reader.readexactly(1)
    length = await reader.readexactly(_LENGTH_BYTES)
    return kind, length, await reader.readexactly(struct.unpack("!i", length)[0] - _LENGTH_BYTES)


async def _first_to_end(*directions: Coroutine[object, None, None]) -> None:
    """Run both directions until one ends, then end the other."""
    tasks = [asyncio.create_task(direction) for direction in directions]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError, OSError, EOFError):
                await task
