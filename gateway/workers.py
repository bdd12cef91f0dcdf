"""The loops behind the requests. Every process reads the bus; one, the leader, does the desk's own work.

The leader holds a lease in the database. Losing it stops its work; what two leaders might do at once for a
moment is made harmless by the database's constraints, not by the lease. A venue that cannot be opened stops
the trading and nothing else: what is committed is published all the same.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from datetime import timedelta
from typing import TypeVar

import structlog

from desk.approvals import expire_approvals
from desk.collect_stock import collect_stock
from desk.dispatch_orders import Dispatcher
from desk.forget_messages import forget_messages
from desk.reconcile import question_silence, reconcile_all
from desk.record_execution import record_execution
from desk.watch_margin import Monitor
from domain.events import BookChanged, CaseEvent, CaseEventKind, Event, OrderEvent
from domain.market import Quote
from feeds.base import Feed, FeedBatch
from gateway.case_work import follow_market_days, liquidate_automatically
from gateway.evidence_workers import chain_audit, snapshot_daily
from gateway.live import Live
from gateway.outward import run_outward
from gateway.resources import OpenVenue, Resources
from gateway.supervisor import RestartPolicy, Supervisor, Worker
from gateway.wake import tell_leader, wake_for_others
from models import outbox
from models.codec import event_from_text
from models.lease import acquire_lease, release_lease
from models.market import load_instruments, load_quotes
from models.quote_codec import QUOTES_TOPIC, quote_to_bytes
from subscriptions.bus import BusUnavailable, Message, PositionLost, SlowConsumer
from subscriptions.outbox_relay import OutboxRelay

LEASE = "desk"
RECONCILE_ORDERS_MAX = 10_000
PRUNE_INTERVAL_S = 30.0
PRUNE_ROWS = 5_000
PRUNE_MESSAGES = 500
EXPIRE_APPROVALS_MAX = 100
RELOAD_INTERVAL_S = 600.0
DISPATCH_POLL_S = 0.5
PERSISTENT = RestartPolicy(max_crashes=None, max_wait_s=2)
"""A database that is away for an hour must not end the desk: it tries on, is not ready meanwhile, and back at
work soon after the database is."""
OUTAGES = (BusUnavailable, ConnectionError)
"""What bus and database raise while their server is away."""

_TOLD = {CaseEventKind.OPENED: "case opened", CaseEventKind.CLOSED: "case closed"}

log = structlog.get_logger()

T = TypeVar("T")


class Workers:
    """Start and stop with the process; `ready` says whether it can do its part."""

    def __init__(self, resources: Resources, live: Live) -> None:
        self._resources = resources
        self._leader = Leader(resources)
        self._supervisor = Supervisor(
            [
                Worker("bus", resources.bus.run),
                Worker("leader", self._leader.run),
                Worker("live feed", live.feed.run),
                Worker("live quotes", live.run_quotes),
                Worker("socket clock", live.run_clock),
                Worker("waking", lambda: tell_leader(resources.signals, resources.bus, lambda: self.leading)),
                Worker("revocations", lambda: resources.revocations.run(live.close_subject)),
                Worker("market days", resources.market_days.run),
            ],
            PERSISTENT,
            outages=OUTAGES,
        )

    @property
    def ready(self) -> bool:
        """Every loop that this process has to run is running."""
        return self._supervisor.ready and self._leader.ready

    @property
    def leading(self) -> bool:
        """This process does the desk's own work."""
        return self._leader.leading

    def start(self) -> None:
        """Start the loops; inside `Database.active()`."""
        self._supervisor.start()

    async def stop(self) -> None:
        """End them, the leader's before the lease is given back."""
        await self._supervisor.stop(self._resources.settings.shutdown_timeout_s)


class Leader:
    """Waits for the lease, works while it holds it."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._work: Supervisor | None = None
        self._trading: Supervisor | None = None

    @property
    def leading(self) -> bool:
        """It holds the lease."""
        return self._work is not None

    @property
    def ready(self) -> bool:
        """Nothing to do, or everything running."""
        if self._work is None:
            return True
        return self._work.ready and self._trading is not None and self._trading.ready

    async def run(self) -> None:
        """Until cancelled."""
        settings = self._resources.settings
        while True:
            if await self._holds_lease():
                await self._lead()
            await asyncio.sleep(settings.lease_renew_s)

    async def _lead(self) -> None:
        resources = self._resources
        log.info("this process leads the desk", holder=resources.holder)
        self._work = work = Supervisor(
            [
                Worker("relay", _relay(resources)),
                Worker("woken", lambda: wake_for_others(resources.signals, resources.bus)),
                Worker("housekeeping", lambda: _prune(resources)),
                Worker("covered options", lambda: _collect_stock(resources)),
                Worker("audit chain", lambda: chain_audit(resources)),
                Worker("daily snapshots", lambda: snapshot_daily(resources)),
                Worker("approvals", lambda: _expire_approvals(resources)),
                Worker("outward", lambda: _outward(resources)),
                Worker("trading", self._trade),
            ],
            PERSISTENT,
            outages=OUTAGES,
        )
        work.start()
        try:
            await self._keep_lease()
            log.warning("the lease is lost, or the database silent", holder=resources.holder)
        finally:
            self._work = None
            await work.stop(resources.settings.shutdown_timeout_s)
            # Last, for whoever gets it opens venue and feed at once.
            await _in_time(self._gives_lease_back(), resources.settings.shutdown_timeout_s)

    async def _trade(self) -> None:
        async with _trading(self._resources) as trading:
            self._trading = trading
            trading.start()
            try:
                await asyncio.Event().wait()
            finally:
                self._trading = None
                await trading.stop(self._resources.settings.shutdown_timeout_s)

    async def _keep_lease(self) -> None:
        """Until somebody else has it, or it has run out while the database failed or did not answer."""
        settings, clock = self._resources.settings, asyncio.get_running_loop().time
        runs_out = clock() + settings.lease_ttl_s
        while True:
            await asyncio.sleep(settings.lease_renew_s)
            asked = clock()
            try:
                if not await _in_time(self._holds_lease(), max(0.0, runs_out - asked)):
                    return
                runs_out = asked + settings.lease_ttl_s
            except OSError:
                if clock() >= runs_out:
                    raise

    async def _holds_lease(self) -> bool:
        resources = self._resources
        ttl = timedelta(seconds=resources.settings.lease_ttl_s)
        return await acquire_lease(LEASE, resources.holder, resources.desk.clock(), ttl)

    async def _gives_lease_back(self) -> bool:
        await release_lease(LEASE, self._resources.holder)
        return True


async def _in_time(asked: Coroutine[None, None, T], timeout_s: float | None) -> T | None:
    """The answer, or None when it takes longer; whoever is cancelled meanwhile does not wait for it.

    Asked in a task, since a driver whose server is silent waits even after it was cancelled.
    """
    task = asyncio.create_task(asked)
    try:
        done, _ = await asyncio.wait({task}, timeout=timeout_s)
        return task.result() if done else None
    finally:
        if task.cancel():
            task.add_done_callback(lambda late: late.cancelled() or late.exception())


@asynccontextmanager
async def _trading(resources: Resources) -> AsyncIterator[Supervisor]:
    """What takes a venue and a market."""
    opened = resources.open_venue()
    feed = resources.open_feed()
    try:
        await resources.market_days.load()
        await _in_time(_tell_market(opened), None)
        monitor = Monitor(resources.desk)
        workers = [
            Worker("monitor", lambda: _watch(resources, monitor)),
            Worker("events", lambda: _listen(resources, monitor)),
            Worker("dispatcher", lambda: _dispatch(resources, opened)),
            Worker("reports", lambda: _record(resources, opened)),
            Worker("automatic liquidations", lambda: liquidate_automatically(resources, opened.venue)),
            Worker("deadlines", lambda: follow_market_days(resources)),
        ]
        if feed is not None:
            workers.append(Worker("feed", lambda: _feed(resources, monitor, opened, feed)))
        yield Supervisor(workers, PERSISTENT, outages=OUTAGES)
    finally:
        if feed is not None:
            await feed.close()
        await opened.venue.close()


async def _tell_market(opened: OpenVenue) -> None:
    """A simulated venue starts with what the database knows of the market."""
    symbols = list(await load_instruments())
    opened.hear(tuple((await load_quotes(symbols)).values()))


def _relay(resources: Resources) -> Callable[[], Awaitable[None]]:
    settings = resources.settings
    relay = OutboxRelay(
        resources.bus,
        outbox,
        batch=settings.relay_batch,
        poll_interval_s=settings.relay_poll_interval_s,
        refill_max=settings.bus_history_entries,
        wake=resources.signals.to_publish,
    )
    return relay.run


async def _watch(resources: Resources, monitor: Monitor) -> None:
    """Look whenever something was noted, refresh figures and heal in their own time."""
    interval_s = resources.settings.case_refresh_interval_s
    wake, clock = resources.signals.to_watch, asyncio.get_running_loop().time
    await monitor.follow_settings()
    await monitor.note_everything()
    await monitor.look()
    log.info("watching margin", accounts=monitor.accounts)
    refreshed = reloaded = clock()
    while True:
        with suppress(TimeoutError):
            async with asyncio.timeout(interval_s):
                await wake.wait()
        wake.clear()
        await monitor.look()
        if clock() - refreshed >= interval_s:
            refreshed = clock()
            await monitor.follow_settings()
            await monitor.refresh()
        if clock() - reloaded >= RELOAD_INTERVAL_S:
            reloaded = clock()
            await monitor.note_everything()


async def _listen(resources: Resources, monitor: Monitor) -> None:
    """What other transactions did to accounts; whatever went by before it listened is looked up."""
    since = resources.desk.clock()
    while True:
        try:
            async with resources.bus.listen(None) as entries:
                await monitor.note_everything()
                async for entry in entries:
                    event = event_from_text(entry.payload)
                    _note(monitor, event)
                    if event.at >= since:
                        _tell_operator(event)
                    resources.signals.to_watch.set()
        except (SlowConsumer, PositionLost) as lost:
            log.warning("the monitor missed events and looks at every account", error=repr(lost))


def _note(monitor: Monitor, event: Event) -> None:
    match event:
        case OrderEvent():
            monitor.note(event.view.order.account_id)
        case CaseEvent() if event.kind is not CaseEventKind.UPDATED:
            monitor.note(event.view.case.account_id)
        case BookChanged():
            monitor.note(event.account_id)
        case _:
            pass


def _tell_operator(event: Event) -> None:
    """The desk's news in its log: which cases come and go. A memory bus begins with old news."""
    if not isinstance(event, CaseEvent) or event.kind not in _TOLD:
        return
    case, account = event.view.case, event.view.account
    facts = {"amount": str(case.figures.amount), "currency": account.base_currency}
    if case.close_reason is not None:
        facts = {"reason": case.close_reason}
    log.info(_TOLD[event.kind], case_no=case.case_no, account_no=account.account_no, **facts)


async def _dispatch(resources: Resources, opened: OpenVenue) -> None:
    settings, wake = resources.settings, resources.signals.to_dispatch
    settled = await reconcile_all(resources.desk, opened.venue, RECONCILE_ORDERS_MAX)
    log.info("orders compared with the venue", orders=settled)
    dispatcher = Dispatcher(
        resources.desk,
        opened.venue,
        settings.dispatch_batch,
        clear_client_orders=settings.cancel_client_orders,
    )
    clock = asyncio.get_running_loop().time
    questioned = clock()
    while True:
        wake.clear()
        sent = await dispatcher.dispatch()
        if clock() - questioned >= settings.order_ack_timeout_s / 2:
            questioned = clock()
            await question_silence(
                resources.desk, opened.venue, settings.dispatch_batch, settings.order_ack_timeout_s
            )
        if sent < settings.dispatch_batch:
            with suppress(TimeoutError):
                async with asyncio.timeout(DISPATCH_POLL_S):
                    await wake.wait()


async def _record(resources: Resources, opened: OpenVenue) -> None:
    reports = opened.venue.reports()
    async for report in reports:
        await record_execution(resources.desk, report)


async def _feed(resources: Resources, monitor: Monitor, opened: OpenVenue, feed: Feed) -> None:
    async with aclosing(feed.batches()) as batches:
        async for batch in batches:
            await _take(monitor, feed, batch)
            opened.hear(batch.messages)
            resources.signals.to_watch.set()
            quotes = [message for message in batch.messages if isinstance(message, Quote)]
            await _broadcast(resources, quotes)
            await feed.acknowledge(batch)


async def _broadcast(resources: Resources, quotes: Sequence[Quote]) -> None:
    """At most once, by contract: without a bus nobody watches quotes, and margin is watched all the same."""
    messages = [Message(quote.symbol, quote_to_bytes(quote)) for quote in quotes]
    try:
        await resources.bus.broadcast(QUOTES_TOPIC, messages)
    except BusUnavailable as unavailable:
        log.warning("quotes were not broadcast", error=str(unavailable))


async def _take(monitor: Monitor, feed: Feed, batch: FeedBatch) -> None:
    for message, why in await monitor.take(batch.messages):
        await feed.reject(batch, batch.messages.index(message), why)


async def _collect_stock(resources: Resources) -> None:
    while True:
        await collect_stock(resources.desk)
        await asyncio.sleep(resources.settings.covered_options_check_interval_s)


async def _expire_approvals(resources: Resources) -> None:
    while True:
        while await expire_approvals(resources.desk, EXPIRE_APPROVALS_MAX) == EXPIRE_APPROVALS_MAX:
            pass
        await asyncio.sleep(resources.settings.approval_poll_interval_s)


async def _outward(resources: Resources) -> None:
    settings, cursors = resources.settings, resources.api.cursors
    await run_outward(settings, resources.desk, cursors, resources.outward, PERSISTENT, OUTAGES)


async def _prune(resources: Resources) -> None:
    settings, clock = resources.settings, resources.desk.clock
    events = timedelta(hours=settings.outbox_retention_hours)
    messages = timedelta(days=settings.message_retention_days)
    while True:
        while await outbox.prune(clock() - events, PRUNE_ROWS) == PRUNE_ROWS:
            pass
        while await forget_messages(clock() - messages, PRUNE_MESSAGES, clock()) == PRUNE_MESSAGES:
            pass
        await asyncio.sleep(PRUNE_INTERVAL_S)
