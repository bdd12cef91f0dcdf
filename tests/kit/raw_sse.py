"""Reads an event stream as the specification of Server-Sent Events says, from any source of bytes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson

from tests.kit.patience import PATIENCE_S


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One dispatched event; `last_id` is what a client would send as Last-Event-ID after it."""

    name: str
    data: str
    last_id: str

    @property
    def json(self) -> Any:
        return orjson.loads(self.data)


@dataclass(slots=True)
class SseReader:
    """The events of one response, one by one; comments are kept aside."""

    response: httpx.Response
    comments: list[str] = field(default_factory=list)
    last_id: str = ""
    _lines: AsyncIterator[str] | None = None

    @property
    def status(self) -> int:
        return self.response.status_code

    async def event(self) -> ServerEvent | None:
        """The next one; None at the end of the stream."""
        async with asyncio.timeout(PATIENCE_S):
            return await self._event()

    async def _event(self) -> ServerEvent | None:
        if self._lines is None:
            self._lines = self.response.aiter_lines()
        name, data = "message", None
        async for line in self._lines:
            if not line and data is not None:
                return ServerEvent(name, data, self.last_id)
            field_name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            match field_name:
                case "" if line:
                    self.comments.append(value)
                case "event":
                    name = value
                case "data":
                    data = value if data is None else f"{data}\n{value}"
                case "id":
                    self.last_id = value
        return None

    async def rest(self) -> list[ServerEvent]:
        """Until the stream ends."""
        events = []
        while (event := await self.event()) is not None:
            events.append(event)
        return events


@asynccontextmanager
async def event_stream(
    client: httpx.AsyncClient, method: str, path: str, **options: Any
) -> AsyncIterator[SseReader]:
    """Ask for a stream; what is answered instead is read and in `response`."""
    headers = {"accept": "text/event-stream"} | options.pop("headers", {})
    async with client.stream(method, path, headers=headers, **options) as response:
        if not response.headers["content-type"].startswith("text/event-stream"):
            await response.aread()
        yield SseReader(response)
