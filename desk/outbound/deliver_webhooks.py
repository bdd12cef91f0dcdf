"""Deliver the alert feed to one endpoint: in order, each event at least once.

The position is stored after every delivery, so a restart repeats at most the event that was being sent, under
the same id. Before every delivery the desk checks whether the owner still has access, and whether the
endpoint was removed or replayed or its secret rotated.
"""

from collections.abc import Callable
from dataclasses import replace

import structlog

from desk.audit import WEBHOOKS, webhook_entry
from desk.context import DeskContext
from desk.outbound.outbound_counts import OutboundCounts
from domain.events import Event, LostEvent
from domain.ids import EventId
from domain.webhook import (
    Post,
    Webhook,
    WebhookId,
    WebhookStatus,
    WebhookTrigger,
    after_post,
    disabled,
)
from domain.webhook_secret import signature_headers, signing_secrets
from messages.base import WebhookPort
from models import outbox
from models.audit import write_audit
from models.outbox import OutboxRow
from models.sql.codec import UnknownFormat, event_from_text
from models.sql.database import transaction
from models.webhook import load_webhook, revoked_since, save_progress

log = structlog.get_logger()

Body = Callable[[Webhook, Event | LostEvent, int], bytes]
"""The body of the request for the event at this offset."""


class WebhookDeliverer:
    """Delivers to all endpoints; one endpoint is served by one caller at a time."""

    def __init__(
        self,
        desk: DeskContext,
        port: WebhookPort,
        body: Body,
        jitter: Callable[[], float],
        counts: OutboundCounts,
    ) -> None:
        self._desk = desk
        self._port = port
        self._body = body
        self._jitter = jitter
        self._counts = counts

    async def deliver(self, webhook_id: WebhookId) -> None:
        """Deliver everything due, until nothing is left, the receiver fails, or the owner changes the
        endpoint.
        """
        while await self._deliver_batch(webhook_id):
            pass

    async def _deliver_batch(self, webhook_id: WebhookId) -> bool:
        """Whether there may be more."""
        webhook = await load_webhook(webhook_id)
        if webhook is None or webhook.status is not WebhookStatus.ACTIVE:
            return False
        rows = await self._next_rows(webhook)
        if rows is None:
            await self._disable(
                webhook, WebhookTrigger.GAP, "events that were not yet delivered to it were pruned"
            )
            return False
        reached = webhook
        for row in rows:
            moved = await self._deliver_row(reached, row)
            if moved is None:
                return False
            reached = moved
        if reached.offset != webhook.offset:
            await save_progress(reached, webhook.generation)
        return len(rows) == self._desk.policy.webhooks.batch

    async def _next_rows(self, webhook: Webhook) -> list[OutboxRow] | None:
        """The next published events; None if some in between were pruned."""
        head = await outbox.stream_head()
        if webhook.epoch != head.epoch or webhook.offset > head.last_offset:
            return None
        rows = await outbox.published_after(webhook.offset, self._desk.policy.webhooks.batch)
        if not rows:
            return rows if webhook.offset >= head.first_offset - 1 else None
        is_whole = rows[0].offset == webhook.offset + 1 and rows[-1].offset == webhook.offset + len(rows)
        return rows if is_whole else None

    async def _deliver_row(self, webhook: Webhook, row: OutboxRow) -> Webhook | None:
        """The endpoint with its position after this event; None: it cannot continue now."""
        event = self._event(row)
        if not webhook.wants(event):
            return replace(webhook, offset=row.offset)
        if await revoked_since(webhook.owner, webhook.authorized_at):
            await self._disable(webhook, WebhookTrigger.REVOKED, "the owner's access was revoked")
            return None
        current = await load_webhook(webhook.id)
        if current is None or current.generation != webhook.generation:
            return None
        fault = await self._port.post(webhook.url, *self._signed(current, event, row.offset))
        self._counts.posts[fault is None] += 1
        policy = self._desk.policy.webhooks
        after = after_post(
            webhook,
            Post(row.offset, fault, self._desk.clock()),
            policy=policy.retry,
            disable_after=policy.disable_after,
            jitter=self._jitter(),
        )
        if after.status is WebhookStatus.DISABLED:
            await self._store_disabled(webhook, after)
            return None
        kept = await save_progress(after, webhook.generation)
        return after if kept and fault is None else None

    def _event(self, row: OutboxRow) -> Event | LostEvent:
        """A damaged event does not delay those after it; its loss is posted."""
        try:
            return event_from_text(row.payload)
        except UnknownFormat as damaged:
            outbox.note_unreadable_event(row.offset, damaged)
            return LostEvent(EventId(row.event_id), row.at or self._desk.clock())

    def _signed(
        self, webhook: Webhook, event: Event | LostEvent, offset: int
    ) -> tuple[dict[str, str], bytes]:
        body = self._body(webhook, event, offset)
        now = self._desk.clock()
        secrets = signing_secrets(self._desk.policy.webhooks.secret_key, webhook, now)
        return signature_headers(secrets, event.id, now, body), body

    async def _disable(self, webhook: Webhook, trigger: WebhookTrigger, reason: str) -> None:
        await self._store_disabled(webhook, disabled(webhook, trigger, reason, self._desk.clock()))

    async def _store_disabled(self, before: Webhook, webhook: Webhook) -> None:
        async with transaction():
            kept = await save_progress(webhook, webhook.generation)
            if kept:
                about = {"owner": webhook.owner, "url": webhook.url}
                now = self._desk.clock()
                await write_audit([webhook_entry(WEBHOOKS, now, "webhookDisabled", before, webhook, **about)])
        if kept:
            log.warning(
                "a webhook is disabled", webhook=webhook.id, owner=webhook.owner, reason=webhook.reason
            )
