"""The leader's loops that send data to clients and to other systems.

Each is supervised separately, so that a channel that crashes affects no other. Their state is in the
database, so a restart repeats at most what was being sent.
"""

import asyncio
import random
from functools import partial

from desk.fair_scheduler import Fault
from desk.outbound.daily_messages import sweep_messages
from desk.outbound.deliver_webhooks import WebhookDeliverer
from desk.outbound.send_queued import ChannelSender, SendingPace
from domain.events import Event, LostEvent
from domain.message import Channel
from domain.webhook import Webhook, WebhookId
from gateway.loops.policy import round_scheduler, supervised
from gateway.loops.repeat import every
from gateway.loops.supervisor import Supervisor, Worker
from gateway.resources import Resources
from gateway.settings import Settings
from messages.apprise_service import AppriseService
from messages.base import MessageService
from messages.webhook_post import WebhookPoster
from models.webhook import due_webhooks
from resolvers.commands.webhook_body import webhook_body, webhook_cursor
from subscriptions.stream.bus import Position


def of_outbound(resources: Resources) -> Supervisor:
    """All loops, not started yet."""
    settings, desk = resources.settings, resources.desk
    scheduler = round_scheduler(resources.round_faults.count)
    senders = [
        Worker(f"messages by {channel}", _sender(resources, channel, service).run)
        for channel, service in _services(settings).items()
    ]
    return supervised(
        *senders,
        Worker(
            "daily messages",
            lambda: every(settings.message_sweep_interval_s, lambda: sweep_messages(desk, scheduler)),
        ),
        Worker("webhooks", lambda: _deliver(resources)),
    )


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


def _sender(resources: Resources, channel: Channel, service: MessageService) -> ChannelSender:
    settings = resources.settings
    return ChannelSender(
        resources.desk,
        channel,
        service,
        pace=SendingPace(settings.message_concurrency, settings.message_poll_interval_s, random.random),
        counts=resources.outbound,
        scheduler=round_scheduler(resources.round_faults.count),
    )


async def _deliver(resources: Resources) -> None:
    """One task per endpoint with due events, so that a slow endpoint delays no other."""
    settings, desk = resources.settings, resources.desk

    def body(webhook: Webhook, event: Event | LostEvent, offset: int) -> bytes:
        cursor = webhook_cursor(resources.api.cursors, webhook.id, Position(webhook.epoch, offset))
        return webhook_body(event, cursor)

    poster = WebhookPoster(
        desk.policy.webhooks.urls, settings.webhook_timeout_s, resolving_max=settings.webhooks_max
    )
    deliverer = WebhookDeliverer(desk, poster, body, random.random, resources.outbound)
    scheduler = round_scheduler(resources.round_faults.count)
    running: dict[WebhookId, asyncio.Task[Fault | None]] = {}
    async with asyncio.TaskGroup() as group:
        while True:
            for webhook_id in await due_webhooks(desk.clock(), settings.webhooks_max):
                who = f"webhook {webhook_id}"
                if webhook_id not in running and not scheduler.waits(who):
                    deliver = partial(deliverer.deliver, webhook_id)
                    task = group.create_task(scheduler.run(who, "a webhook", deliver))
                    running[webhook_id] = task
                    task.add_done_callback(partial(_ended, running, webhook_id))
            await asyncio.sleep(settings.webhook_poll_interval_s)


def _ended(
    running: dict[WebhookId, asyncio.Task[Fault | None]], webhook_id: WebhookId, _: asyncio.Task[Fault | None]
) -> None:
    del running[webhook_id]
