"""Open the resources of one process from the settings, and close them in reverse order."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from uuid_utils import uuid7

from desk.context import DeskContext
from desk.fair_scheduler import FaultCount
from desk.outbound.outbound_counts import OutboundCounts
from domain.book_changes import TradeStatusStated
from domain.calendar import TradingCalendar
from domain.market import Quote
from domain.money import Currency
from feeds.arrivals import AheadPolicy
from feeds.base import Feed, FeedMessage, FeedObserver
from feeds.closes import read_closes
from feeds.redis_feed import RedisFeed
from feeds.redis_source import FeedLimits, RedisSource
from feeds.replay import Playback, ReplayFeed
from gateway import settings as configuration
from gateway.auth import TokenVerifier
from gateway.book_what_if_process import BookWhatIfProcess
from gateway.login_service import accepted_tokens, open_login_keys
from gateway.loops.policy import attempt_item
from gateway.policy import desk_policy
from gateway.rates.rate_limits import RateLimits, RateSettings
from gateway.rates.windows import Windows
from gateway.settings import Settings
from gateway.tracing import open_telemetry
from gateway.version import VERSION
from gateway.watch.calendars import Calendars
from gateway.watch.clock_offset import ClockOffset
from gateway.watch.feed_watch import FeedWatch
from gateway.watch.login_keys import LoginKeys
from gateway.watch.market_days import MarketDays
from gateway.watch.monitor_watch import MonitorWatch
from gateway.watch.revocation import Revocations
from gateway.watch.samples import WorkerSamples
from models import outbox
from models.sql.configuration import SessionLimits
from models.sql.database import Database
from resolvers.kit.context import Api
from subscriptions.live.turns import FairTurns
from subscriptions.stream.bus import Bus
from subscriptions.stream.cursor import CursorSigner, key_id_of
from subscriptions.stream.event_stream import EventStream
from subscriptions.stream.memory_bus import MemoryBus
from subscriptions.stream.redis_bus import RedisBus
from subscriptions.stream.redis_limits import BusLimits
from venues.base import Venue
from venues.paper import PaperBehaviour, PaperSettings, PaperVenue

CALENDAR_YEARS_AHEAD = 2
"""A process may run across the turn of a year."""
HISTORY_PAGE_ROWS = 500
SUMMARY_INTERVAL_S = 1.0
SNAPSHOT_ROWS_MAX = 5_000

if TYPE_CHECKING:
    from gateway.telemetry import Telemetry

MarketListener = Callable[[Sequence[FeedMessage]], None]


@dataclass(frozen=True, slots=True)
class OpenVenue:
    """A venue, and the market data and days that it needs (none, unless it is simulated)."""

    venue: Venue
    hear: MarketListener
    end_days: Callable[[Callable[[str], TradingCalendar]], None] = lambda calendar_of: None
    """Called about every second: expires what is valid for the day only."""


@dataclass(frozen=True, slots=True)
class Signals:
    """Wake the workers of this process, so that they need not poll."""

    to_publish: asyncio.Event
    to_dispatch: asyncio.Event
    to_watch: asyncio.Event
    to_announce: asyncio.Event
    """Notify the leader, if that is another process; see `gateway.workers.wake`."""

    def committed(self) -> None:
        """A transaction committed something to publish, and perhaps to send."""
        self.to_publish.set()
        self.to_dispatch.set()
        self.to_announce.set()


@dataclass(slots=True)
class OrderPath:
    """The state of the leader's order path, for the metrics."""

    dispatcher: int = 0
    """Accounts whose orders wait, because their row is locked or the desk failed at them."""
    reports: int = 0
    """Accounts whose reports wait for the same reasons."""


@dataclass(frozen=True, slots=True)
class Resources:
    """The resources that requests and workers of one process share."""

    settings: Settings
    telemetry: "Telemetry | None"
    """None: the process is not traced."""
    database: Database
    bus: Bus
    stream: EventStream
    desk: DeskContext
    api: Api
    tokens: TokenVerifier
    login_keys: LoginKeys | None
    """None: the desk accepts its own tokens."""
    revocations: Revocations
    rates: RateLimits
    market_days: MarketDays
    signals: Signals
    outbound: OutboundCounts
    liquidation_faults: FaultCount
    order_path: OrderPath
    monitor_watch: MonitorWatch
    round_faults: FaultCount
    """Of all other rounds."""
    holder: str
    """This process's name in leases."""
    database_clock: ClockOffset
    feed_watch: FeedWatch
    open_venue: Callable[[], OpenVenue]
    open_feed: Callable[[], Feed | None]


@dataclass(frozen=True, slots=True)
class Parts:
    """Replacements of the usual parts: another clock, venue or feed; and the place in a fleet."""

    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    open_venue: Callable[[Settings, Callable[[], datetime]], OpenVenue] | None = None
    open_feed: Callable[[Settings, Callable[[], datetime]], Feed | None] | None = None
    samples: WorkerSamples | None = None
    """Where this process leaves its metrics, as one of several workers of a fleet."""


@asynccontextmanager
async def open_resources(settings: Settings, parts: Parts) -> AsyncIterator[Resources]:
    """Open everything; what was opened is closed again, even if a later part fails."""
    async with AsyncExitStack() as stack:
        telemetry = open_telemetry()
        if telemetry is not None:
            stack.push_async_callback(asyncio.to_thread, telemetry.close)
        database = Database(
            settings.database_url, settings.database_pool_size, database_limits(settings), telemetry
        )
        await database.open()
        stack.push_async_callback(database.close)
        bus = open_bus(settings)
        stack.push_async_callback(bus.close)
        signals = Signals(asyncio.Event(), asyncio.Event(), asyncio.Event(), asyncio.Event())
        calendars = make_calendars(parts.clock)
        desk = make_desk(settings, parts.clock, signals.committed, calendars)
        feed_watch = FeedWatch(
            desk,
            timedelta(seconds=settings.clock_offset_max_s),
            timedelta(seconds=settings.feed_loss_told_s),
        )
        revocations = Revocations(settings.revocation_poll_interval_s)
        login_keys = open_login_keys(settings)
        stream = EventStream(bus, outbox, page_max=HISTORY_PAGE_ROWS)
        windows = open_windows(settings)
        stack.push_async_callback(windows.close)
        yield Resources(
            settings=settings,
            telemetry=telemetry,
            database=database,
            bus=bus,
            stream=stream,
            desk=desk,
            api=_api(settings, desk, bus, stream),
            tokens=TokenVerifier(
                accepted_tokens(settings, login_keys), settings.auth_leeway_s, revocations.revoked_at
            ),
            login_keys=login_keys,
            revocations=revocations,
            rates=RateLimits(rate_settings(settings), windows),
            market_days=MarketDays(calendars, parts.clock, settings.market_day_poll_interval_s),
            signals=signals,
            outbound=OutboundCounts(),
            liquidation_faults=FaultCount(),
            order_path=OrderPath(),
            monitor_watch=MonitorWatch(),
            round_faults=FaultCount(),
            holder=f"{socket.gethostname()}:{os.getpid()}:{uuid7().hex[-6:]}",
            database_clock=ClockOffset("database", timedelta(seconds=settings.clock_offset_max_s)),
            open_venue=lambda: (parts.open_venue or open_paper_venue)(settings, parts.clock),
            feed_watch=feed_watch,
            open_feed=lambda: (
                parts.open_feed(settings, parts.clock)
                if parts.open_feed
                else open_feed(settings, parts.clock, feed_watch)
            ),
        )


def lease_database(settings: Settings) -> Database:
    """The connection, not opened yet, by which a leader renews its lease."""
    return Database(settings.database_url, 1, database_limits(settings))


def database_limits(settings: Settings) -> SessionLimits:
    """SessionLimits of every session of this process."""
    return SessionLimits(
        lock_timeout_s=settings.database_lock_timeout_s,
        statement_timeout_s=settings.database_statement_timeout_s,
        unreachable_after_s=settings.database_unreachable_after_s,
        standstill_s=settings.database_standstill_s,
        pooler=settings.database_pooler,
    )


def make_calendars(clock: Callable[[], datetime]) -> Calendars:
    """Calendars of the years around now."""
    this_year = clock().year
    return Calendars(this_year - 1, this_year + CALENDAR_YEARS_AHEAD)


def make_desk(
    settings: Settings,
    clock: Callable[[], datetime],
    on_commit: Callable[[], None],
    calendars: Calendars | None = None,
) -> DeskContext:
    """The rules in force, from settings."""
    calendars = calendars or make_calendars(clock)
    policy = desk_policy(settings, calendars)
    return DeskContext(policy, clock, lambda: uuid7().hex, calendars.of, on_commit, attempt_item)


def open_bus(settings: Settings) -> Bus:
    """Redis Streams if Redis is configured, otherwise memory."""
    if settings.redis_url is None:
        return MemoryBus(
            history_max=settings.bus_remembered_entries,
            buffer_max=settings.listener_buffer_entries,
            watch_keys_max=settings.bus_watched_keys,
        )
    limits = BusLimits(
        history_max=settings.bus_history_entries,
        remember_max=settings.bus_remembered_entries,
        buffer_max=settings.listener_buffer_entries,
        watch_keys_max=settings.bus_watched_keys,
    )
    return RedisBus(settings.redis_url, settings.bus_name, limits, fallback=outbox)


def open_windows(settings: Settings) -> Windows:
    """The windows of the rate limits, beside the streams of the bus."""
    return Windows(settings.redis_url, f"{settings.bus_name}:limits", settings.rate_redis_timeout_s)


def rate_settings(settings: Settings) -> RateSettings:
    """The rate limits."""
    return RateSettings(
        window_s=settings.rate_window_s,
        operations=settings.rate_operations,
        cost=settings.rate_cost,
        new_documents=settings.rate_new_documents,
        mutations=settings.rate_mutations,
        book_what_ifs=settings.rate_book_what_ifs,
        body_bytes=settings.rate_body_bytes,
        refused_tokens=settings.rate_refused_tokens,
        names_max=settings.rate_names_max,
    )


def open_paper_venue(settings: Settings, clock: Callable[[], datetime]) -> OpenVenue:
    """The simulated exchange, with its journal in the data directory."""
    settings.data_directory.mkdir(parents=True, exist_ok=True)
    venue = PaperVenue(
        clock,
        settings.data_directory / "paper_venue.jsonl",
        PaperBehaviour(
            ack_latency_s=settings.paper_ack_latency_s, fill_latency_s=settings.paper_fill_latency_s
        ),
        PaperSettings(fsync=settings.paper_fsync, max_quote_age=timedelta(seconds=settings.max_price_age_s)),
    )
    return paper(venue)


def paper(venue: PaperVenue) -> OpenVenue:
    """A paper venue that gets market data and the clock."""

    def hear(messages: Sequence[FeedMessage]) -> None:
        for message in messages:
            if isinstance(message, Quote):
                venue.on_quote(message)
            elif isinstance(message, TradeStatusStated):
                venue.on_trade_status(message.symbol, message.status, message.at)

    return OpenVenue(venue, hear, venue.end_days)


def open_feed(
    settings: Settings, clock: Callable[[], datetime], observer: FeedObserver | None = None
) -> Feed | None:
    """The feed named by the settings; the observer is notified of its state."""
    if settings.feed is configuration.Feed.NONE:
        return None
    if settings.feed is configuration.Feed.REDIS:
        assert settings.redis_url is not None, "the settings refuse a Redis feed without Redis"
        return RedisFeed(
            # One name for every process: a successor continues with its predecessor's unfinished messages, in
            # order.
            RedisSource(settings.redis_url, settings.feed_streams, group="desk", consumer="desk"),
            clock,
            limits=FeedLimits(
                batch_size=settings.feed_batch,
                held_max=settings.feed_held_messages,
                dead_letters_max=settings.feed_dead_letters,
            ),
            ahead=AheadPolicy(
                timedelta(seconds=settings.feed_ahead_tolerance_s),
                timedelta(seconds=settings.feed_held_for_max_s),
            ),
            observer=observer,
        )
    assert settings.replay_file is not None, "the settings refuse a replay without a file"
    return ReplayFeed(
        read_closes(Path(settings.replay_file)),
        clock,
        Playback(
            day_seconds=settings.replay_day_seconds,
            steps_per_day=settings.replay_steps_per_day,
            batch_size=settings.feed_batch,
        ),
    )


def _cursor_signer(settings: Settings) -> CursorSigner:
    current, *older = (secret.encode() for secret in settings.auth_secrets)
    return CursorSigner(key_id_of(current), current, {key_id_of(secret): secret for secret in older})


def _api(settings: Settings, desk: DeskContext, bus: Bus, stream: EventStream) -> Api:
    return Api(
        version=VERSION,
        desk=desk,
        bus=bus,
        stream=stream,
        cursors=_cursor_signer(settings),
        reporting_currency=Currency(settings.reporting_currency),
        page_size_max=settings.page_size_max,
        legs_max=settings.max_legs,
        snapshot_max=SNAPSHOT_ROWS_MAX,
        unpublished_batch=settings.unpublished_batch,
        summary_interval_s=SUMMARY_INTERVAL_S,
        renderings=FairTurns(settings.live_renderings),
        resume_within_s=settings.outbox_retention_hours * 3600,
        book_what_if=BookWhatIfProcess(
            settings.database_url,
            settings.what_if_timeout_s,
            settings.what_if_waiting_max,
            pooler=settings.database_pooler,
        ).run,
        what_if_accounts_max=settings.what_if_accounts_max,
        what_if_chunk_accounts=settings.what_if_chunk_accounts,
    )
