"""Servers that answer one operation in turn."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from time import monotonic

from bench.query.load import Requests, once, send_for
from bench.query.operations import Operation
from bench.query.report import Result
from bench.query.servers import Server
from domain.principal import Permission
from gateway.auth import issue
from gateway.settings import DEVELOPMENT_SECRET

WARM_UP_S = 1.5
WARM_UP_REQUESTS = 16
"""Of an operation that cannot be repeated."""
LEAST_ROUNDS = 2


@dataclass(frozen=True, slots=True)
class Turns:
    """The servers answer one operation in turn, in short windows."""

    operation: Operation
    connections: int
    quick: bool
    enough_at: float

    async def take(self, servers: Sequence[Server]) -> Sequence[Result]:
        """What each of them did."""
        seconds, rounds = (1.5, 3) if self.quick else (2.0, 4)
        results = [Result(each.name, self.operation.name, self.connections) for each in servers]
        for server in servers:
            await self._warm_up(server)
        for number in range(1, rounds + 1):
            if number > LEAST_ROUNDS and monotonic() > self.enough_at:
                break
            self._say(f"round {number} of {rounds}")
            for server, result in zip(servers, results, strict=True):
                before = server.cpu_s()
                window = await self._send(server, seconds, self.operation.at_most)
                result.cpu_ms.append((server.cpu_s() - before) * 1000 / len(window.latencies_s))
                result.windows.append(window)
        return results

    async def _warm_up(self, server: Server) -> None:
        self._say(f"warming {server.name} up")
        answer = await once(server.port, self.operation.body(server.name), token())
        assert not answer.get("errors"), (server.name, answer)
        assert answer["data"][self.operation.root], (server.name, answer)
        limit = None if self.operation.at_most is None else WARM_UP_REQUESTS
        await self._send(server, WARM_UP_S, limit)

    async def _send(self, server: Server, seconds: float, at_most: int | None) -> Requests:
        requests = islice(self.operation.requests(server.name, token()), at_most)
        return await send_for(seconds, server.port, self.connections, requests)

    def _say(self, what: str) -> None:
        print(f"... {self.operation.name}, {self.connections} connections: {what}", flush=True)


def token() -> str:
    """Of somebody who may do everything that is measured."""
    return issue(DEVELOPMENT_SECRET, "bench", [Permission.RISK_WARNING_FULL], None, 600, datetime.now(UTC))
