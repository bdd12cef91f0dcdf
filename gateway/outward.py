"""What leads out of the desk to clients and to other systems: its rules from settings, and its loops.

Both loops are the leader's. All that they must remember is in the database, so a restart repeats at most what
was on its way.
"""

import asyncio
import random
from datetime import timedelta
from functools import partial

from desk.daily_messages import sweep_messages
from desk.deliver_webhooks import WebhookDeliverer
from desk.desk import Desk
from desk.outward_counts import OutwardCounts
from desk.outward_rules import MessageRules, WebhookRules
from desk.send_queued import ChannelSender
from domain.events import Event
from domain.message import Channel, RetryPolicy
from domain.webhook import UrlRules, Webhook, WebhookId
from gateway.settings import Settings
from gateway.supervisor import RestartPolicy, Supervisor, Worker
from messages.apprise_service import AppriseService
from messages.base import MessageService
from messages.webhook_post import WebhookPoster
from models.webhook import due_webhooks
from resolvers.webhook_body import webhook_body, webhook_cursor
from subscriptions.bus import Position
from subscriptions.cursor import CursorSigner

WEBHOOK_ATTEMPTS = 1
"""Deliveries are counted in time, not in attempts."""


def message_rules(settings: Settings) -> MessageRules:
    """About messages to clients."""
    return MessageRules(
        channels=frozenset(settings.message_urls),
        automatic=settings.message_automatic_channels,
        daily_from=settings.message_daily_from,
        lifetime=timedelta(hours=settings.message_lifetime_hours),
        retry=RetryPolicy(
            timedelta(seconds=settings.message_retry_first_s),
            timedelta(seconds=settings.message_retry_longest_s),
            settings.message_attempts,
        ),
        circuit_failures=settings.message_circuit_failures,
        circuit_pause=timedelta(seconds=settings.message_circuit_pause_s),
        in_flight=timedelta(seconds=2 * settings.message_timeout_s),
    )


def webhook_rules(settings: Settings) -> WebhookRules:
    """About webhooks."""
    key = settings.webhook_secret_key or settings.auth_secret
    return WebhookRules(
        secret_key=key.get_secret_value().encode(),
        urls=UrlRules(settings.webhook_allow_http, settings.webhook_allow_private),
        retry=RetryPolicy(
            timedelta(seconds=settings.webhook_retry_first_s),
            timedelta(seconds=settings.webhook_retry_longest_s),
            WEBHOOK_ATTEMPTS,
        ),
        disable_after=timedelta(hours=settings.webhook_disable_after_hours),
        max_per_subject=settings.webhooks_max_per_subject,
        max_endpoints=settings.webhooks_max,
        batch=settings.webhook_batch,
    )


async def run_outward(
    settings: Settings,
    desk: Desk,
    cursors: CursorSigner,
    counts: OutwardCounts,
    policy: RestartPolicy,
    outages: tuple[type[Exception], ...],
) -> None:
    """Every loop until cancelled, each supervised by itself: a channel that crashes does so alone."""
    senders = [
        Worker(f"messages by {channel}", _sender(settings, desk, channel, service, counts).run)
        for channel, service in _services(settings).items()
    ]
    loops = [
        Worker("daily messages", lambda: _sweep(settings, desk)),
        Worker("webhooks", lambda: _deliver(settings, desk, cursors, counts)),
    ]
    supervisor = Supervisor([*senders, *loops], policy, outages=outages)
    supervisor.start()
    try:
        await asyncio.Event().wait()
    finally:
        await supervisor.stop(settings.shutdown_timeout_s)


def _services(settings: Settings) -> dict[Channel, AppriseService]:
    return {
        channel: AppriseService(
            url,
            threads=settings.message_concurrency,
            timeout_s=settings.message_timeout_s,
            name=channel.lower(),
        )
        for channel, url in settings.message_urls.items()
    }


def _sender(
    settings: Settings, desk: Desk, channel: Channel, service: MessageService, counts: OutwardCounts
) -> ChannelSender:
    return ChannelSender(
        desk,
        channel,
        service,
        concurrency=settings.message_concurrency,
        poll_interval_s=settings.message_poll_interval_s,
        jitter=random.random,
        counts=counts,
    )


async def _sweep(settings: Settings, desk: Desk) -> None:
    while True:
        await sweep_messages(desk)
        await asyncio.sleep(settings.message_sweep_interval_s)


async def _deliver(settings: Settings, desk: Desk, cursors: CursorSigner, counts: OutwardCounts) -> None:
    """One task for each endpoint that something is due for, so that a slow one delays nobody."""

    def body(webhook: Webhook, event: Event, offset: int) -> bytes:
        return webhook_body(event, webhook_cursor(cursors, webhook.id, Position(webhook.epoch, offset)))

    poster = WebhookPoster(
        desk.rules.webhooks.urls, settings.webhook_timeout_s, resolving_max=settings.webhooks_max
    )
    deliverer = WebhookDeliverer(desk, poster, body, random.random, counts)
    running: dict[WebhookId, asyncio.Task[None]] = {}
    async with asyncio.TaskGroup() as group:
        while True:
            for webhook_id in await due_webhooks(desk.clock(), settings.webhooks_max):
                if webhook_id not in running:
                    running[webhook_id] = task = group.create_task(deliverer.deliver(webhook_id))
                    task.add_done_callback(partial(_ended, running, webhook_id))
            await asyncio.sleep(settings.webhook_poll_interval_s)


def _ended(
    running: dict[WebhookId, asyncio.Task[None]], webhook_id: WebhookId, _: asyncio.Task[None]
) -> None:
    del running[webhook_id]
