"""Send the due messages of one channel, several at once, each at least once.

A message is claimed before it is sent: the attempt is counted, and no other process sends it for a while. If
the process dies in between, the claim expires, and the message is sent again under the same id.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import structlog

from desk.audit import MESSAGES, message_entry
from desk.context import DeskContext
from desk.fair_scheduler import FairScheduler
from desk.outbound.outbound_counts import OutboundCounts
from desk.outbound.prepare_message import Prepared, prepare
from domain.message import (
    Channel,
    Circuit,
    Fault,
    Message,
    MessageId,
    MessageStatus,
    RetryPolicy,
    after_attempt,
    before_attempt,
    put_off,
)
from messages.base import MessageService, Outgoing
from models.audit import write_audit
from models.book import lock_accounts
from models.message import Due, claim_due, load_due, lock_message, save_message
from models.sql.database import transaction
from outages.log import OutageLog

log = structlog.get_logger()

HELD_UP = "the account is locked, or the desk failed at it; see the log"


@dataclass(frozen=True, slots=True)
class SendingPace:
    """How many messages are sent at once, how often due ones are looked for, and how retries are spread."""

    concurrency: int
    poll_interval_s: float
    jitter: Callable[[], float]
    """Returns numbers from 0 to 1."""


class ChannelSender:
    """The sender of one channel, so that a slow or dead channel does not delay the others."""

    def __init__(
        self,
        desk: DeskContext,
        channel: Channel,
        service: MessageService,
        pace: SendingPace,
        counts: OutboundCounts,
        scheduler: FairScheduler,
    ) -> None:
        """With `scheduler`, a message at which the desk fails delays no other."""
        self._desk = desk
        self._channel = channel
        self._service = service
        self._pace = pace
        self._counts = counts
        self._scheduler = scheduler
        policy = desk.policy.messages
        self._circuit = Circuit(policy.circuit_failures, policy.circuit_pause)
        self._outage = OutageLog("a message channel fails", "a message channel works again", channel=channel)
        self._sending: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Runs until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                for due in await self._claim():
                    task = group.create_task(self._share(due))
                    self._sending.add(task)
                    task.add_done_callback(self._sending.discard)
                await self._pause()

    async def _claim(self) -> list[Due]:
        now = self._desk.clock()
        room = self._circuit.room(now, self._pace.concurrency - len(self._sending))
        if self._circuit.closed_until is not None and self._sending:
            room = 0
        if room == 0:
            return []
        ids = await claim_due(self._channel, room, now, now + self._desk.policy.messages.in_flight)
        claimed: list[Due] = []

        async def read(some: Sequence[MessageId]) -> None:
            claimed.extend(await load_due(some))

        await self._scheduler.run_all(ids, lambda each: f"{_who(each)} read", "reading a message", read)
        return claimed

    async def _share(self, due: Due) -> None:
        """A message that fails stays claimed and is tried again when the claim has expired."""
        message = due.message
        await self._scheduler.run(_who(message.id), "a message", partial(self._deal_with, due))

    async def _pause(self) -> None:
        """Wait until a place is free, or until the next poll."""
        if self._sending:
            await asyncio.wait(
                self._sending, timeout=self._pace.poll_interval_s, return_when=asyncio.FIRST_COMPLETED
            )
        else:
            await asyncio.sleep(self._pace.poll_interval_s)

    async def _deal_with(self, due: Due) -> None:
        policy = self._desk.policy.messages.retry
        message = await self._at_this_moment(due)
        if message is None:
            return
        assert message.recipient is not None, "what has no recipient is not queued"
        outgoing = Outgoing(message.id, message.recipient, message.title, message.body)
        fault = await self._service.send(outgoing)
        if self._circuit.note(fault, self._desk.clock()):
            self._outage.report(fault.reason if fault else "")
        elif self._circuit.closed_until is None:
            self._outage.over()
        self._count(fault)
        jitter = self._pace.jitter()
        await self._settle(message, lambda current, now: after_attempt(current, fault, policy, jitter, now))

    async def _at_this_moment(self, due: Due) -> Message | None:
        """The claimed message with current text; None if it may not be sent now."""
        now, policy, message = self._desk.clock(), self._desk.policy.messages, due.message
        if before_attempt(message, due.case_status, due.contact, policy.retry, now) is not None:
            await self._settle(message, lambda current, now: _unsent(current, due, policy.retry, now))
            return None
        settled = await self._prepared(due, now)
        if settled is None:
            again = now + policy.waits.look_again
            await self._settle(message, lambda current, now: _later(current, again, now))
            return None
        if settled.ready:
            return settled.message
        self._note_end(due.message, settled.message)
        return None

    async def _prepared(self, due: Due, now: datetime) -> Prepared | None:
        """None if its account is locked, or if the desk fails at it."""
        prepared: Prepared | None = None

        async def turn() -> None:
            nonlocal prepared
            async with transaction():
                await lock_accounts([due.account_id])
                prepared = await prepare(self._desk, due, now)

        fault = await self._scheduler.run(due.message.id, "writing a message", turn)
        self._desk.on_commit()
        return prepared if fault is None else None

    def _count(self, fault: Fault | None) -> None:
        counts, channel = self._counts, self._channel
        counts.failed_attempts[channel] += fault is not None and fault.begun
        if self._circuit.closed_until is None:
            counts.failing.discard(channel)
        else:
            counts.failing.add(channel)

    async def _settle(self, message: Message, become: Callable[[Message, datetime], Message]) -> None:
        """Settle by the stored row: another process may have assumed that this one had died."""
        now = self._desk.clock()
        async with transaction():
            current = await lock_message(message.id)
            changed = become(current, now)
            if changed is not current:
                await save_message(changed)
            if changed.status is not current.status:
                await write_audit([message_entry(MESSAGES, now, "messageSettled", current, changed)])
        self._note_end(current, changed)

    def _note_end(self, before: Message, after: Message) -> None:
        if after.status is before.status:
            return
        self._counts.messages[self._channel, after.status] += 1
        if after.status is MessageStatus.FAILED:
            log.warning(
                "a message could not be sent", message=after.id, channel=self._channel, reason=after.reason
            )


def _who(message_id: MessageId) -> str:
    return f"message {message_id}"


def _unsent(current: Message, due: Due, policy: RetryPolicy, now: datetime) -> Message:
    """By the stored row: a process that has sent the message meanwhile prevails."""
    if current.status is not MessageStatus.QUEUED:
        return current
    return before_attempt(current, due.case_status, due.contact, policy, now) or current


def _later(current: Message, again: datetime, now: datetime) -> Message:
    return current if current.status is not MessageStatus.QUEUED else put_off(current, HELD_UP, again, now)
