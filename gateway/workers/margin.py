"""The leader's loops that watch margin: market data, other transactions, and assessments."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from datetime import timedelta

import structlog

from desk.monitoring.take_messages import Taken
from desk.monitoring.watch_margin import Monitor
from domain.events import CaseEvent, CaseEventKind, Event
from domain.inputs import InputResult
from domain.market import Quote
from feeds.base import Feed, FeedBatch
from gateway.loops.repeat import woken_within
from gateway.resources import MarketListener, Resources
from models.outbox import note_unreadable_event
from models.quote_codec import QUOTES_TOPIC, quote_to_bytes
from models.sql.codec import UnknownFormat, event_from_text
from outages.log import OutageLog
from subscriptions.stream.bus import BusUnavailable, Entry, Message, PositionLost, SlowConsumer

RELOAD_INTERVAL_S = 600.0

_LOGGED = {CaseEventKind.OPENED: "case opened", CaseEventKind.CLOSED: "case closed"}

log = structlog.get_logger()


async def watch_margin(resources: Resources, monitor: Monitor) -> None:
    """Assess whenever something was noted; refresh figures and read all accounts at intervals."""
    try:
        await _watch(resources, monitor)
    finally:
        resources.monitor_watch.accounts = 0


async def _watch(resources: Resources, monitor: Monitor) -> None:
    interval_s = resources.settings.case_refresh_interval_s
    interval = timedelta(seconds=interval_s)
    wake, clock = resources.signals.to_watch, asyncio.get_running_loop().time
    await monitor.follow_settings()
    await monitor.note_everything()
    await _look(resources, monitor)
    log.info("watching margin", accounts=monitor.accounts)
    refreshed = reloaded = clock()
    while True:
        await woken_within(wake, monitor.pause(interval).total_seconds())
        wake.clear()
        await _look(resources, monitor)
        if clock() - refreshed >= interval_s:
            refreshed = clock()
            await monitor.follow_settings()
            await monitor.note_new_accounts()
            await monitor.refresh()
        if clock() - reloaded >= RELOAD_INTERVAL_S:
            reloaded = clock()
            await monitor.note_everything()


async def _look(resources: Resources, monitor: Monitor) -> None:
    with resources.monitor_watch.round():
        await monitor.look()
    resources.monitor_watch.accounts = monitor.accounts


async def listen_for_changes(resources: Resources, monitor: Monitor) -> None:
    """Note the changes of accounts by other transactions; changes before it listened are found by a query."""
    since = resources.desk.clock()
    while True:
        try:
            async with resources.bus.listen(None) as entries:
                await monitor.note_everything()
                async for entry in entries:
                    event = _readable(entry)
                    if event is None:
                        await monitor.note_everything()
                        continue
                    monitor.note_event(event)
                    if event.at >= since:
                        _log_for_operator(event)
                    resources.signals.to_watch.set()
        except (SlowConsumer, PositionLost) as lost:
            log.warning("the monitor missed events and assesses every account", error=repr(lost))


async def take_in(resources: Resources, monitor: Monitor, hear: MarketListener, feed: Feed) -> None:
    """Process each batch of the feed: store it, pass it to the venue and to watchers of quotes, then
    acknowledge it.
    """
    resources.feed_watch.started()
    outage = OutageLog("quotes were not broadcast", "quotes are broadcast again")
    async with aclosing(feed.batches()) as batches:
        async for batch in batches:
            taken = await monitor.take(batch.messages, batch.ahead)
            resources.feed_watch.took(batch, taken)
            done = await _set_aside(feed, batch, taken)
            hear(taken.used)
            resources.signals.to_watch.set()
            await _broadcast(resources, taken.prices.quotes, outage)
            if done is not None:
                await feed.acknowledge(done)


async def _set_aside(feed: Feed, batch: FeedBatch, taken: Taken) -> FeedBatch | None:
    """The part of the batch that is done, if any: held messages stay with the feed, which delivers them again
    if this process dies before they are stored.
    """
    for index, outcome in enumerate(taken.outcomes):
        if outcome.result is InputResult.DEAD:
            await feed.reject(batch, index, outcome.reason)
    kept = [index for index, each in enumerate(taken.outcomes) if each.result is not InputResult.HELD]
    if len(kept) == len(taken.outcomes):
        return batch
    if not kept:
        return None
    messages = tuple(batch.messages[index] for index in kept)
    return FeedBatch(batch.source, messages, tuple(batch.receipts[index] for index in kept))


def _readable(entry: Entry) -> Event | None:
    """The event; None if another version wrote it, or it is damaged: then every account is assessed."""
    try:
        return event_from_text(entry.payload)
    except UnknownFormat as unknown:
        note_unreadable_event(entry.position.offset, unknown)
        return None


async def _broadcast(resources: Resources, quotes: Sequence[Quote], outage: OutageLog) -> None:
    """At most once, by contract: without a bus no client watches quotes, and margin is watched all the
    same.
    """
    messages = [Message(quote.symbol, quote_to_bytes(quote)) for quote in quotes]
    try:
        await resources.bus.broadcast(QUOTES_TOPIC, messages)
        if messages:
            outage.over()
    except BusUnavailable as unavailable:
        outage.report(unavailable)


def _log_for_operator(event: Event) -> None:
    """Log opened and closed cases. A memory bus begins with old events."""
    if not isinstance(event, CaseEvent) or event.kind not in _LOGGED:
        return
    case, account = event.view.case, event.view.account
    facts = {"amount": str(case.figures.amount), "currency": account.base_currency}
    if case.close_reason is not None:
        facts = {"reason": case.close_reason}
    log.info(_LOGGED[event.kind], case_no=case.case_no, account_no=account.account_no, **facts)
