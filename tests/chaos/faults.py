"""What is broken, and how. A fault returns when the thing works again; the rest is the gateway's affair."""

import asyncio
import os
import random
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from tests.chaos.desk import Desk
from tests.chaos.subscriber import Subscriber
from tests.kit.patience import PATIENCE_S

POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Scene:
    """What there is to break; `pace` stretches how long things stay broken."""

    desk: Desk
    subscribers: Sequence[Subscriber]
    chance: random.Random
    pace: float
    lease_ttl_s: float

    async def for_about(self, seconds: float) -> None:
        """More or less."""
        await asyncio.sleep(self.pace * seconds * self.chance.uniform(0.6, 1.4))

    def some(self, part: float) -> list[Subscriber]:
        """Chosen subscribers."""
        return [each for each in self.subscribers if self.chance.random() < part]


async def redis_comes_back_empty(scene: Scene) -> None:
    """Killed, away for a while, back on the same port with nothing."""
    await asyncio.to_thread(scene.desk.redis.kill)
    await scene.for_about(1.5)
    await asyncio.to_thread(scene.desk.redis.start)


async def redis_comes_back(scene: Scene) -> None:
    """kill -9, away for a while, back with what its append-only file has."""
    directory = await asyncio.to_thread(scene.desk.redis.crash)
    await scene.for_about(1.5)
    await asyncio.to_thread(scene.desk.redis.restart, directory)


async def redis_freezes(scene: Scene) -> None:
    """SIGSTOP: connections stay open, and no answer comes."""
    scene.desk.redis.freeze()
    try:
        await scene.for_about(2.5)
    finally:
        scene.desk.redis.thaw()


async def redis_connections_are_cut(scene: Scene) -> None:
    """RST, and Redis goes on."""
    scene.desk.redis_proxy.cut()


async def worker_is_killed(scene: Scene) -> None:
    """kill -9 of a process that does not lead."""
    await _kill(await scene.desk.another_worker())


async def leader_is_killed(scene: Scene) -> None:
    """kill -9 of the process with the relay."""
    await _kill(await scene.desk.leader())


async def leader_freezes(scene: Scene) -> None:
    """SIGSTOP until another one leads, then there are two for a moment."""
    leader = await scene.desk.leader()
    if leader is None:
        return
    with suppress(ProcessLookupError):
        os.kill(leader, signal.SIGSTOP)
        try:
            await asyncio.sleep(1.5 * scene.lease_ttl_s)
        finally:
            os.kill(leader, signal.SIGCONT)


async def sockets_are_cut(scene: Scene) -> None:
    """A third of the subscribers' connections, in the middle of a frame; some of them stay away long."""
    for subscriber in scene.some(0.05):
        subscriber.away_s = scene.pace * scene.chance.uniform(2, 8)
    scene.desk.clients.cut(in_the_middle=True, chosen=lambda: scene.chance.random() < 1 / 3)


async def readers_stall(scene: Scene) -> None:
    """Some stop to read for a while, some of them for longer than the gateway bears."""
    stalled = scene.some(0.1)
    for subscriber in stalled:
        subscriber.may_read.clear()
    try:
        await scene.for_about(2)
        for subscriber in stalled[::2]:
            subscriber.may_read.set()
        await scene.for_about(4)
    finally:
        for subscriber in stalled:
            subscriber.may_read.set()


async def postgres_ends_connections(scene: Scene) -> None:
    """pg_terminate_backend of all."""
    await scene.desk.terminate_connections()


async def postgres_is_held_up(scene: Scene) -> None:
    """Nothing passes between gateway and PostgreSQL for a while; then all of it does."""
    scene.desk.postgres_proxy.hold()
    try:
        await scene.for_about(2)
    finally:
        scene.desk.postgres_proxy.release()


async def fleet_is_rolled(scene: Scene) -> None:
    """SIGHUP: every process is replaced, one after the other."""
    before = set(scene.desk.fleet.workers())
    scene.desk.fleet.roll()
    async with asyncio.timeout(PATIENCE_S):
        while before & set(scene.desk.fleet.workers()):  # noqa: ASYNC110 - other processes have no event
            await asyncio.sleep(POLL_S)


FAULTS: dict[str, Callable[[Scene], Awaitable[None]]] = {
    "Redis killed, back empty": redis_comes_back_empty,
    "Redis killed, back with its data": redis_comes_back,
    "Redis frozen": redis_freezes,
    "Redis connections cut": redis_connections_are_cut,
    "worker killed": worker_is_killed,
    "leader killed": leader_is_killed,
    "leader frozen, two leaders": leader_freezes,
    "client sockets cut mid-frame": sockets_are_cut,
    "readers stalled": readers_stall,
    "PostgreSQL connections killed": postgres_ends_connections,
    "PostgreSQL held up": postgres_is_held_up,
    "rolling restart": fleet_is_rolled,
}


async def _kill(worker: int | None) -> None:
    if worker is not None:
        with suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)
