"""Short ways to talk graphql-transport-ws to a served desk, for the tests of the protocol."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson

from domain.principal import Permission
from gateway.auth import issue
from tests.kit.live_desk import LiveDesk
from tests.kit.raw_websocket import CLOSE, RawWebSocket

CASES = "subscription ($after: String) { caseEvents(after: $after) { id kind case { caseNo remark } } }"
QUOTES = 'subscription { quotes(symbols: ["AAPL.US"]) { last } }'
COUNT = "{ __typename }"
CASE_LIST = "{ cases { nodes { id status account { client { name } } } } }"
LIQUIDATE = """mutation ($input: LiquidateInput!) {
  liquidate(input: $input) { results { __typename ... on LiquidationRefused { code message } } }
}"""
PERSON = "👩🏽‍💼"
"""17 bytes of UTF-8 in four characters: reasons of close frames are bounded in bytes."""


@asynccontextmanager
async def ready(desk: LiveDesk, token: str | None = None, **options: Any) -> AsyncIterator[RawWebSocket]:
    """A socket whose connection_init was acknowledged."""
    async with RawWebSocket.open(desk.port, **options) as socket:
        socket.send(type="connection_init", payload={"authorization": token or desk.token()})
        assert (await socket.receive())["type"] == "connection_ack"
        yield socket


async def subscribe(
    desk: LiveDesk, socket: RawWebSocket, query: str = CASES, id_: str = "1", **more: Any
) -> None:
    """And wait until the feed knows of it."""
    async with desk.joining():
        socket.send(id=id_, type="subscribe", payload={"query": query, **more})


async def answer(socket: RawWebSocket, query: str, **more: Any) -> dict[str, Any]:
    """The payload of the one `next` of a query or a mutation, which is completed."""
    socket.send(id="q", type="subscribe", payload={"query": query, **more})
    result = await socket.receive()
    assert (result["id"], result["type"]) == ("q", "next"), result
    assert await socket.receive() == {"id": "q", "type": "complete"}
    payload: dict[str, Any] = result["payload"]
    return payload


async def refusal(socket: RawWebSocket, query: str, **more: Any) -> dict[str, Any]:
    """The first error of an operation that never begins."""
    socket.send(id="bad", type="subscribe", payload={"query": query, **more})
    message = await socket.receive()
    assert (message["id"], message["type"]) == ("bad", "error"), message
    error: dict[str, Any] = message["payload"][0]
    return error


async def works(socket: RawWebSocket) -> bool:
    """Whether the socket is still answered."""
    socket.send(type="ping", payload={"still": "there"})
    return await socket.receive() == {"type": "pong", "payload": {"still": "there"}}


def forged(desk: LiveDesk) -> str:
    """Signed with another secret."""
    secret = "not the secret of the desk, but as long as it"
    return f"Bearer {issue(secret, 'trader', [Permission.RISK_WARNING_FULL], None, 60, desk.clock())}"


async def take_all(socket: RawWebSocket, arrived: list[str], most: int | None = None) -> str:
    """Events until the socket is closed, or so many; the last cursor."""
    cursor = ""
    while most is None or most > 0:
        frame = await socket.frame()
        if frame.opcode == CLOSE:
            break
        payload = orjson.loads(frame.payload)["payload"]
        arrived.append(payload["data"]["caseEvents"]["id"])
        cursor = payload["extensions"]["cursor"]
        most = None if most is None else most - 1
    return cursor
