"""A commit in any process wakes the leader's loops, so that they need not poll often.

Within the leader that is a flag (`gateway.resources.Signals`). From other processes it is a broadcast, which
may be lost: the loops still poll, so a lost one costs half a second.
"""

from collections.abc import Callable
from contextlib import suppress

from gateway.resources import Signals
from subscriptions.stream.bus import Bus, BusUnavailable, Message

COMMITTED_TOPIC = "committed"
_COMMITTED = [Message("committed", b"")]


async def wake_leader(signals: Signals, bus: Bus, leading: Callable[[], bool]) -> None:
    """Until cancelled; commits during a broadcast are covered by one further broadcast."""
    while True:
        await signals.to_announce.wait()
        signals.to_announce.clear()
        if not leading():
            with suppress(BusUnavailable):
                await bus.broadcast(COMMITTED_TOPIC, _COMMITTED)


async def wake_for_others(signals: Signals, bus: Bus) -> None:
    """In the leader, until cancelled."""
    async with bus.watch(COMMITTED_TOPIC) as commits:
        async for _ in commits:
            signals.to_publish.set()
            signals.to_dispatch.set()
