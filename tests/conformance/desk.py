"""The demo desk in a process of its own, and a trader who works at it and sees every event."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import httpx

from domain.principal import Permission
from gateway.auth import issue
from gateway.settings import DEVELOPMENT_SECRET
from tests.kit.desk_client import Caller, Operation
from tests.kit.patience import PATIENCE_S, pauses
from tests.kit.servers import free_port
from tests.kit.source import ROOT

CASES_NEEDED = 12
SERVE = [sys.executable, "-m", "gateway", "serve", "--demo", "--day-seconds", "1"]
"""The first cases open on the third day of the replay."""
TOKEN_MINUTES = 60
PAGE_ORIGIN = "http://localhost:5173"
"""Of a front-end under development."""
CASES = f"{{ cases(first: {CASES_NEEDED}) {{ nodes {{ id version }} }} }}"
EVENTS = "subscription { caseEvents { id } }"
FOLLOW_UP = (
    """mutation ($input: AddFollowUpInput!) { addFollowUp(input: $input) { result { __typename } } }"""
)
REMARK = """mutation ($input: UpdateRemarkInput!) { updateRemark(input: $input) { result { __typename } } }"""


def token_of(subject: str) -> str:
    """Of a person who may do everything that a trader may."""
    permissions = [Permission.RISK_WARNING_FULL]
    return issue(DEVELOPMENT_SECRET, subject, permissions, None, TOKEN_MINUTES, datetime.now(UTC))


@asynccontextmanager
async def served_demo(settings: Mapping[str, str], log: Path) -> AsyncIterator[int]:
    """The port of a desk as `make run` starts it, except for these settings and a faster market."""
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    with TemporaryDirectory(prefix="conformance-") as directory, log.open("wb") as output:
        environment |= {"GATEWAY_PORT": str(port), "GATEWAY_DATA_DIRECTORY": directory, **settings}
        environment["GATEWAY_ALLOWED_ORIGINS"] = PAGE_ORIGIN
        desk = await asyncio.create_subprocess_exec(
            *SERVE, cwd=ROOT, env=environment, stdout=output, stderr=output
        )
        try:
            await _until_ready(desk, port)
            yield port
        finally:
            if desk.returncode is None:
                desk.terminate()
            await desk.wait()


async def _until_ready(desk: asyncio.subprocess.Process, port: int) -> None:
    async with asyncio.timeout(PATIENCE_S), httpx.AsyncClient(verify=False) as client:
        for pause in pauses():
            assert desk.returncode is None, "the desk ended"
            try:
                if (await client.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(pause)


class Trader:
    """Has a subscription that is never cut."""

    def __init__(self, port: int) -> None:
        self._caller = Caller(port, token_of("uncut"))
        self.received: list[str] = []
        """Ids of the events, in order."""
        self._more = asyncio.Condition()

    async def until_cases(self) -> None:
        """Until the replay has opened as many as the programs need."""
        async with asyncio.timeout(PATIENCE_S):
            for pause in pauses():
                if len(await self._cases()) == CASES_NEEDED:
                    return
                await asyncio.sleep(pause)

    async def follow(self) -> None:
        """Without end."""
        await self._receive(await self._caller.subscribe(EVENTS))

    async def _receive(self, operation: Operation) -> None:
        while True:
            event = await operation.next()
            async with self._more:
                self.received.append(event["id"])
                self._more.notify_all()

    async def until_received(self, event: str) -> None:
        async with asyncio.timeout(PATIENCE_S), self._more:
            await self._more.wait_for(lambda: event in self.received)

    async def work(self) -> None:
        """An event of a case, not of those that a program's first page shows."""
        case = (await self._cases())[-1]
        content = {"caseId": case["id"], "text": "called the client"}
        await self._caller.ask(FOLLOW_UP, input={"idempotencyKey": uuid4().hex, **content})

    async def remark(self, remark: str) -> None:
        """On such a case too, whatever the answer."""
        case = (await self._cases())[-1]
        content = {"caseId": case["id"], "expectedVersion": case["version"], "remark": remark}
        await self._caller.ask(REMARK, input={"idempotencyKey": uuid4().hex, **content})

    async def close(self) -> None:
        await self._caller.close()

    async def _cases(self) -> list[dict[str, Any]]:
        nodes: list[dict[str, Any]] = (await self._caller.ask(CASES))["cases"]["nodes"]
        return nodes
