"""One run: start everything, let it work, break it again and again, let it come to rest, compare."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from domain.principal import Permission
from gateway.auth import issue
from gateway.settings import DEVELOPMENT_SECRET
from tests.chaos.desk import Desk, running_desk
from tests.chaos.faults import FAULTS, Scene
from tests.chaos.operations import READER, Operation, make_operations
from tests.chaos.report import Report, Strike
from tests.chaos.stories import Storytellers
from tests.chaos.subscriber import Got, Server, Subscriber
from tests.chaos.trader import Trader
from tests.chaos.truth import Comparison, Truth, compare
from tests.kit.patience import PATIENCE_S

RECOVERY_TIMEOUT_S, POLL_S = 20.0, 0.1
BEHIND_S = 4.0
"""If events arrive later than this after their commit, the machine is overloaded and the load is reduced."""
OVERLAPPING = 0.25
"""How often a fault strikes before the one before it is over."""
TOKEN_MINUTES = 60


@dataclass(frozen=True, slots=True)
class Plan:
    """How long, how many, how often. Faults stay for `pace` times as long as they would."""

    seed: int
    workers: int
    subscribers: int
    seconds: float
    """For the faults; new ones begin until then."""
    rounds: int
    """How often every fault strikes, if there is time."""
    pace: float = 1.0
    lease_ttl_s: float = 4.0
    silence_s: float = 5.0
    """A subscriber gives a connection up of which it hears nothing for so long, though the server pings."""
    events_per_s: float = 30.0
    """Beside what the market and the trader cause."""


def full(seed: int, seconds: float) -> Plan:
    """Every fault several times."""
    return Plan(seed, workers=3, subscribers=200, seconds=seconds, rounds=5)


def short(seed: int) -> Plan:
    """Every fault once, on whatever machine: none is so slow that its subscribers give up for ever."""
    return Plan(seed, workers=2, subscribers=30, seconds=30, rounds=1, pace=0.3, silence_s=PATIENCE_S)


class Run:
    """The state of a run between start and report."""

    def __init__(self, plan: Plan, desk: Desk, truth: Truth) -> None:
        self.plan = plan
        self.desk = desk
        self.truth = truth
        self.chance = random.Random(plan.seed)
        self.subscribers: list[Subscriber] = []
        self.resting = False
        self._last_delay_s = 0.0
        self.strikes: list[Strike] = [Strike("before the first fault", time.monotonic())]

    def heard(self, got: Got) -> None:
        """Every first arrival of an event at a subscriber."""
        self._last_delay_s = got.delay_s
        self.strikes[-1].hear(got.delay_s)

    def at_its_end(self) -> bool:
        """Nothing is left to cause with more events."""
        return self.resting or self._last_delay_s > BEHIND_S

    def subscribe(self, operations: list[Operation]) -> None:
        """Make the subscribers; many share an operation, and every operation has one."""
        self.truth.add(operations)
        server = Server(self.desk.clients.port, self.plan.silence_s)
        for number in range(self.plan.subscribers):
            operation = operations[number % len(operations)]
            self.subscribers.append(
                Subscriber(
                    operation,
                    _token(f"subscriber {number}", operation),
                    server,
                    operation.cursor_at(self.truth.start),
                    random.Random(self.chance.random()),
                    self.heard,
                )
            )

    async def strike_all(self) -> None:
        """Every fault in every round, in an order of chance."""
        scene = Scene(self.desk, self.subscribers, self.chance, self.plan.pace, self.plan.lease_ttl_s)
        deadline = time.monotonic() + self.plan.seconds
        for _ in range(self.plan.rounds):
            for name in self.chance.sample(list(FAULTS), len(FAULTS)):
                if time.monotonic() > deadline:
                    return
                await self._strike(name, FAULTS[name](scene))

    async def _strike(self, name: str, fault: Awaitable[None]) -> None:
        strike = Strike(name, time.monotonic())
        strike.begin(self.subscribers)
        self.strikes.append(strike)
        await fault
        if self.chance.random() >= OVERLAPPING:
            strike.recovered_s = await self.recovered(strike.began)
        strike.end(self.subscribers)
        await asyncio.sleep(self.plan.pace * self.chance.uniform(0.2, 1))

    async def recovered(self, since: float) -> float | None:
        """Seconds until every subscriber had every event committed by now; None: not in time."""
        now, deadline = time.time(), time.monotonic() + RECOVERY_TIMEOUT_S
        while not self._level(now):
            await asyncio.sleep(POLL_S)
            if time.monotonic() > deadline:
                return None
        return time.monotonic() - since

    def _level(self, committed_at: float) -> bool:
        """A later commit has its offset, and every subscriber is connected and has the newest event."""
        return (
            self.truth.newest_at > committed_at
            and all(each.connected for each in self.subscribers)
            and all(each.has(self.truth.newest_of(each.operation)) for each in self.subscribers)
        )

    async def come_to_rest(self) -> int:
        """Until all that was committed by now has arrived, or time is up; the last offset of that."""
        self.resting = True
        now, deadline = time.time(), time.monotonic() + PATIENCE_S
        while self.truth.newest_at <= now:  # noqa: ASYNC110 - the database has no event
            await asyncio.sleep(POLL_S)
        until = self.truth.last_offset
        while any(each.lost or each.late for each in self.compared(until)):
            await asyncio.sleep(1)
            if time.monotonic() > deadline:
                break
        return until

    def compared(self, until: int) -> list[Comparison]:
        """Every subscriber against the truth."""
        return [
            compare(self.truth.expected[each.operation], [(got.id, got.kind) for got in each.got], until)
            for each in self.subscribers
        ]


async def run(plan: Plan, postgres_url: str, log: Path | None = None) -> Report:
    """All of it; nothing is left running."""
    began = time.monotonic()
    async with running_desk(postgres_url, plan.workers, plan.lease_ttl_s, log) as desk:
        epoch = await desk.database.fetchval("SELECT epoch FROM stream")
        this = Run(plan, desk, Truth(desk.database, epoch))
        async with background(this.truth.run()):
            accounts = await desk.accounts()
            this.subscribe(make_operations(accounts, this.chance))
            trader = Trader(desk.fleet.port, _token("trader", None), this.chance)
            stories = Storytellers(
                desk.database_url, accounts, this.chance, plan.events_per_s, this.at_its_end
            )
            async with background(trader.run(), stories.run(), *[each.run() for each in this.subscribers]):
                await this.recovered(time.monotonic())
                await this.strike_all()
                until = await this.come_to_rest()
        # Nobody listens any more. What arrived has its offset, but may be newer than the last look.
        await this.truth.read()
        report = Report(
            plan.seed,
            plan.workers,
            this.subscribers,
            this.compared(until),
            this.strikes,
            this.truth.wrong,
            until,
            trader.outcomes,
        )
    report.seconds = time.monotonic() - began
    return report


@asynccontextmanager
async def background(*coroutines: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """They run during the block; a crash of one ends it."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each) for each in coroutines]
        yield
        for task in tasks:
            task.cancel()


def _token(subject: str, operation: Operation | None) -> str:
    permissions = READER if operation else {Permission.RISK_WARNING_FULL}
    accounts = operation.accounts if operation else None
    return issue(DEVELOPMENT_SECRET, subject, permissions, accounts, TOKEN_MINUTES, datetime.now(UTC))
