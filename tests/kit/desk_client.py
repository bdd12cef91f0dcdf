"""A client of the GraphQL API as others would write it: POST, and sockets on which no message is missed."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from json import dumps, loads
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.kit.http_client import HttpClient
from tests.kit.patience import PATIENCE_S

_IDLE_S = 2.0
"""Shorter than what the server keeps a quiet connection for: a request never meets its end."""
PROTOCOL = Subprotocol("graphql-transport-ws")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a POST was answered with."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def data(self) -> Any:
        """Of an answer without errors."""
        assert self.status == 200, self
        assert "errors" not in self.body, self
        return self.body["data"]

    @property
    def codes(self) -> list[str]:
        """The codes of the errors."""
        return [error["extensions"]["code"] for error in self.body.get("errors", ())]


class Caller:
    """One client with one token."""

    def __init__(self, port: int, token: str | None) -> None:
        self.address = f"127.0.0.1:{port}/graphql"
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self.token = token
        self._http = HttpClient(port, idle_s=_IDLE_S, patience_s=PATIENCE_S)
        self._sockets: list[Socket] = []

    async def ask(self, document: str, **variables: object) -> Any:
        """The data; an error of any kind fails the test."""
        return (await self.answer(document, **variables)).data

    async def answer(self, document: str, **variables: object) -> Answer:
        """Whatever comes."""
        return await self.post(json={"query": document, "variables": variables})

    async def post(
        self,
        method: str = "POST",
        *,
        json: Any = None,
        content: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """A request by hand: with `json`, or with `content` as it is."""
        sent = self._headers | dict(headers or {})
        if json is not None:
            content = dumps(json, ensure_ascii=False, allow_nan=False).encode()
            sent = {"Content-Type": "application/json"} | sent
        response = await self._http.request(method, "/graphql", sent, content)
        is_json = response.headers.get("content-type", "").startswith("application/json")
        body = loads(response.body) if is_json else response.body.decode()
        return Answer(response.status, body, response.headers)

    async def socket(
        self, payload: Any = ..., *, acknowledged: bool = True, headers: Mapping[str, str] | None = None
    ) -> "Socket":
        """A socket behind its connection_init; the token is in the payload unless another one is given."""
        connection = await connect(
            f"ws://{self.address}",
            subprotocols=[PROTOCOL],
            compression=None,
            open_timeout=PATIENCE_S,
            ping_interval=None,
            additional_headers=headers,
        )
        socket = Socket(connection)
        self._sockets.append(socket)
        if payload is ...:
            payload = {"authorization": self._headers.get("Authorization")}
        await socket.send({"type": "connection_init", "payload": payload})
        if acknowledged:
            assert (await socket.next())["type"] == "connection_ack"
        return socket

    async def subscribe(self, document: str, **variables: object) -> "Operation":
        """An operation on a socket of its own. It receives every event from now on, unless it is refused."""
        socket = await self.socket()
        operation = await socket.operate(document, **variables)
        await socket.round_trip()
        return operation

    async def close(self) -> None:
        for socket in self._sockets:
            await socket.close()
        self._http.close()


class SocketClosed(AssertionError):
    """A message was waited for."""

    def __init__(self, code: int | None) -> None:
        super().__init__(f"closed with {code}, waiting for a message")
        self.code = code


class Socket:
    """Reads all the time, so that nothing waits in the network; messages are queued by operation."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._queues: dict[str | None, asyncio.Queue[dict[str, Any] | None]] = {None: asyncio.Queue()}
        """None behind the last message: the socket is closed."""
        self._numbers = count(1)
        self._reader = asyncio.create_task(self._read())

    async def send(self, message: object) -> None:
        await self._connection.send(message if isinstance(message, str) else dumps(message))

    async def next(self) -> dict[str, Any]:
        """The next message that belongs to no operation."""
        return await self.next_of(None)

    async def next_of(self, operation: str | None) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_S):
            message = await self._queues[operation].get()
        if message is None:
            self._queues[operation].put_nowait(None)
            raise SocketClosed(self._connection.close_code)
        return message

    def waiting(self, operation: str) -> int:
        """How many messages of the operation are here and not read."""
        return self._queues[operation].qsize()

    async def operate(self, document: str, **variables: object) -> "Operation":
        """Start an operation. A pong behind it shows that the server has begun with it."""
        name = str(next(self._numbers))
        self._queues[name] = asyncio.Queue()
        payload = {"query": document, "variables": variables}
        await self.send({"id": name, "type": "subscribe", "payload": payload})
        return Operation(self, name)

    async def ask(self, document: str, **variables: object) -> Any:
        """A query or mutation over the socket; its data."""
        operation = await self.operate(document, **variables)
        answer = await operation.next()
        await operation.end()
        return answer

    async def round_trip(self) -> None:
        """Everything that the server sent before is here."""
        await self.send({"type": "ping"})
        assert (await self.next())["type"] == "pong"

    async def closed(self) -> int:
        """The code that the server closes with."""
        async with asyncio.timeout(PATIENCE_S):
            await self._reader
        assert self._connection.close_code is not None
        return self._connection.close_code

    async def close(self) -> None:
        await self._connection.close()
        await self._reader

    async def _read(self) -> None:
        try:
            async for text in self._connection:
                message = loads(text)
                if message["type"] == "ping":
                    await self.send({"type": "pong"})
                    continue
                self._queues[message.get("id")].put_nowait(message)
        except ConnectionClosed:
            pass
        finally:
            for queue in self._queues.values():
                queue.put_nowait(None)


class Operation:
    """One operation of a socket."""

    def __init__(self, socket: Socket, name: str) -> None:
        self._socket = socket
        self.name = name

    async def message(self) -> dict[str, Any]:
        """The next message, of whatever type."""
        return await self._socket.next_of(self.name)

    async def next(self) -> Any:
        """The data of the next result, of the only root field."""
        message = await self.message()
        assert message["type"] == "next", message
        assert "errors" not in message["payload"], message
        (field,) = message["payload"]["data"].values()
        return field

    async def until(self, wanted: Callable[[Any], bool]) -> list[Any]:
        """The results up to and with the first wanted one."""
        results = [await self.next()]
        while not wanted(results[-1]):
            results.append(await self.next())
        return results

    async def end(self) -> None:
        message = await self.message()
        assert message["type"] == "complete", message

    async def error_codes(self) -> list[str]:
        """The codes of the errors that end the operation, or come with its next result."""
        message = await self.message()
        errors = message["payload"] if message["type"] == "error" else message["payload"]["errors"]
        return [error["extensions"]["code"] for error in errors]

    def unread(self) -> int:
        """How many messages are here and not read."""
        return self._socket.waiting(self.name)

    async def stop(self) -> None:
        """Ask for the end."""
        await self._socket.send({"id": self.name, "type": "complete"})
