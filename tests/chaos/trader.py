"""Somebody who works: liquidates the newest cases and cancels an order now and then, over HTTP.

An answer that does not come is asked for again with the same key, as the API wants it.
"""

import asyncio
import random
from collections import Counter
from typing import Any
from uuid import uuid4

import httpx

CASES = "{ cases(first: 40, filter: {status: [OPEN]}) { edges { node { id } } } }"
ORDERS = "{ orders(first: 20, filter: {status: [NEW, PARTIALLY_FILLED]}) { edges { node { id } } } }"
LIQUIDATE = """mutation ($input: LiquidateInput!) { liquidate(input: $input) { results { __typename } } }"""
CANCEL = """mutation ($input: CancelInput!) { cancel(input: $input) { results { __typename } } }"""
TIMEOUT_S, PAUSE_S, AGAIN_S = 5.0, 0.4, 0.3


class Trader:
    """`run` until cancelled; `outcomes` counts what came of it."""

    def __init__(self, port: int, token: str, chance: random.Random) -> None:
        self.outcomes: Counter[str] = Counter()
        self._chance = chance
        self._client = httpx.AsyncClient(
            verify=False,
            base_url=f"http://127.0.0.1:{port}",
            headers={"Authorization": f"Bearer {token}"},
            timeout=TIMEOUT_S,
        )

    async def run(self) -> None:
        async with self._client:
            while True:
                await asyncio.sleep(self._chance.uniform(0, 2 * PAUSE_S))
                await self._liquidate_some()
                if self._chance.random() < 0.3:
                    await self._cancel_one()

    async def _liquidate_some(self) -> None:
        cases = await self._ids("cases", CASES)
        if cases:
            chosen = self._chance.sample(cases, min(len(cases), 3))
            await self._tell("liquidate", LIQUIDATE, {"cases": [{"caseId": case} for case in chosen]})

    async def _cancel_one(self) -> None:
        orders = await self._ids("orders", ORDERS)
        if orders:
            await self._tell("cancel", CANCEL, {"orderIds": [self._chance.choice(orders)]})

    async def _ids(self, field: str, document: str) -> list[str]:
        answer = await self._ask(document, {})
        return [edge["node"]["id"] for edge in answer[field]["edges"]]

    async def _tell(self, field: str, document: str, content: dict[str, Any]) -> None:
        answer = await self._ask(document, {"input": {"idempotencyKey": uuid4().hex, **content}})
        self.outcomes.update(result["__typename"] for result in answer[field]["results"])

    async def _ask(self, document: str, variables: dict[str, Any]) -> dict[str, Any]:
        """Until there is an answer."""
        while True:
            try:
                response = await self._client.post(
                    "/graphql", json={"query": document, "variables": variables}
                )
                data: dict[str, Any] | None = response.json().get("data")
                if data is not None:
                    return data
                self.outcomes["faults answered"] += 1
            except (httpx.TransportError, ValueError):
                self.outcomes["no answer"] += 1
            await asyncio.sleep(AGAIN_S)
