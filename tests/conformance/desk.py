"""A trader who works at the demo desk and sees every event."""

import asyncio
from typing import Any
from uuid import uuid4

from tests.kit.demo_desk import token_of
from tests.kit.desk_client import Caller, Operation
from tests.kit.patience import PATIENCE_S, pauses

CASES_NEEDED = 12
PAGE_ORIGIN = "http://localhost:5173"
"""Of a front-end under development."""
CASES = f"{{ cases(first: {CASES_NEEDED}) {{ nodes {{ id version }} }} }}"
EVENTS = "subscription { caseEvents { id } }"
FOLLOW_UP = (
    """mutation ($input: AddFollowUpInput!) { addFollowUp(input: $input) { result { __typename } } }"""
)
REMARK = """mutation ($input: UpdateRemarkInput!) { updateRemark(input: $input) { result { __typename } } }"""


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
