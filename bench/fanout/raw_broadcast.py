"""The limit for any ASGI server: a ready text frame, sent to one socket after the other.

Nothing else: no GraphQL, no authorisation, no bound for a client that does not read. The frame has the
same fields.
"""

import asyncio
import sys
from typing import Any

import orjson
import uvicorn

from bench.fanout.redis_events import new_events

ACK = {"type": "websocket.send", "text": '{"type":"connection_ack"}'}


class RawBroadcast:
    """An ASGI application; its sockets are subscribed from their second message on."""

    def __init__(self, redis_url: str, bus_name: str) -> None:
        self._source = redis_url, bus_name
        self._sends: dict[Any, None] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Lifespan and sockets."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "websocket":
            await self._subscriber(receive, send)
        else:
            await send({"type": "http.response.start", "status": 204})
            await send({"type": "http.response.body"})

    async def _subscriber(self, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept", "subprotocol": "graphql-transport-ws"})
        await receive()
        await send(ACK)
        await receive()
        self._sends[send] = None
        while (await receive())["type"] != "websocket.disconnect":
            pass
        del self._sends[send]

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        broadcasting = asyncio.create_task(self._broadcast())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        broadcasting.cancel()
        await send({"type": "lifespan.shutdown.complete"})

    async def _broadcast(self) -> None:
        async for event in new_events(*self._source):
            payload = {"id": "1", "type": "next", "payload": {"data": {"caseEvents": event}}}
            frame = {"type": "websocket.send", "text": orjson.dumps(payload).decode()}
            for send in list(self._sends):
                await send(frame)


def main() -> None:
    """PORT REDIS_URL BUS_NAME"""
    port, redis_url, bus_name = sys.argv[1:]
    app = RawBroadcast(redis_url, bus_name)
    uvicorn.run(app, port=int(port), log_level="warning", ws_per_message_deflate=False)


if __name__ == "__main__":
    main()
