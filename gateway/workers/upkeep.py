"""The leader's loops over recorded data: it is published, chained, snapshot once a day, and pruned."""

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from desk.evidence.chain_audit import AuditChainer
from desk.evidence.daily_snapshots import take_daily_snapshots
from desk.outbound.forget_messages import forget_messages
from domain.audit_chain import NOTHING
from gateway.loops.policy import round_scheduler
from gateway.loops.repeat import every, in_batches
from gateway.resources import Resources
from models import outbox
from models.audit import chain_head
from models.input_outcome import prune_outcomes
from subscriptions.stream.outbox_relay import OutboxRelay

HEAD_LOGGED_EVERY = timedelta(hours=1)
PRUNE_INTERVAL_S = 30.0
PRUNE_ROWS = 5_000
PRUNE_MESSAGES = 500

log = structlog.get_logger()


def outbox_relay(resources: Resources) -> OutboxRelay:
    """From the outbox to the bus. One for all restarts of its loop, since it remembers the bus's position."""
    settings = resources.settings
    return OutboxRelay(
        resources.bus,
        outbox,
        batch=settings.relay_batch,
        poll_interval_s=settings.relay_poll_interval_s,
        refill_max=settings.bus_history_entries,
        wake=resources.signals.to_publish,
    )


async def chain_audit(resources: Resources) -> None:
    """Add committed audit rows to the hash chain, and log its head once an hour."""
    settings = resources.settings
    chainer = AuditChainer(resources.desk, settings.audit_chain_batch)
    head_log = HeadLog(resources.desk.clock)

    async def chain() -> None:
        await chainer.chain()
        await head_log.write()

    await every(settings.audit_chain_interval_s, chain)


class HeadLog:
    """Logs the chain's head, since logs go where an attacker who rewrites the chain cannot change them."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._next = clock()
        self._logged = NOTHING

    async def write(self) -> None:
        """Once an hour, unless the head is the one logged last."""
        if self._clock() < self._next:
            return
        self._next = self._clock() + HEAD_LOGGED_EVERY
        head = await chain_head()
        if head != self._logged:
            log.info("audit head", head=str(head))
        self._logged = head


async def snapshot_daily(resources: Resources) -> None:
    """Snapshots of every live case, after the close."""
    settings, scheduler = resources.settings, round_scheduler(resources.round_faults.count)

    async def take() -> None:
        taken = await take_daily_snapshots(resources.desk, settings.daily_snapshot_batch, scheduler)
        if taken:
            log.info("daily snapshots taken", cases=taken)

    await every(settings.daily_snapshot_interval_s, take)


async def prune(resources: Resources) -> None:
    """Delete published events and settled messages after their retention."""
    settings, clock = resources.settings, resources.desk.clock
    events = timedelta(hours=settings.outbox_retention_hours)
    messages = timedelta(days=settings.message_retention_days)

    async def sweep() -> None:
        await in_batches(PRUNE_ROWS, lambda: outbox.prune(clock() - events, PRUNE_ROWS))
        await in_batches(PRUNE_ROWS, lambda: prune_outcomes(settings.input_outcomes, PRUNE_ROWS))
        await in_batches(PRUNE_MESSAGES, lambda: forget_messages(clock() - messages, PRUNE_MESSAGES, clock()))

    await every(PRUNE_INTERVAL_S, sweep)
