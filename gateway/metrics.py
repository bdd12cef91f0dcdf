"""The metrics of one process, and the answer to a scrape in Prometheus's text format."""

import asyncio
import os
import platform
from collections import Counter
from collections.abc import Iterable, Iterator

from prometheus_client import ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from domain.execution_check import Attention
from gateway.http.error_counts import HttpErrors
from gateway.http.live import Live
from gateway.loops.repeat import every
from gateway.resources import Resources
from gateway.version import VERSION
from gateway.watch.database_metrics import DatabaseMetrics
from gateway.watch.families import gauge, histogram, histograms, labelled
from gateway.watch.feed_metrics import feed_metrics
from gateway.watch.kept import Kept
from gateway.watch.samples import WorkerSamples
from gateway.watch.work_metrics import ask_work, work_metrics
from gateway.workers.process import Workers
from gateway.workers.term import LEASE

CONTENT_TYPE = CONTENT_TYPE_LATEST
DATABASE_PATIENCE_S = 2.0
"""For probes and scrapes, whose callers do not wait much longer either."""


class Metrics:
    """What a scrape gets: the metrics of this process or of its whole fleet, and those of the database."""

    def __init__(
        self,
        own: Collector,
        database: DatabaseMetrics,
        samples: WorkerSamples | None,
        interval_s: float,
        kept_s: float,
    ) -> None:
        """`samples` None: this process is not one of several workers of a fleet."""
        self._own = own
        self._database = database
        self._samples = samples
        self._interval_s = interval_s
        self._leaving = asyncio.Lock()
        self._kept = Kept(self._exposition, kept_s)

    async def exposition(self) -> bytes:
        """In the text format of Prometheus, and not older than `kept_s`; inside `Database.active()`. To make
        it takes ten times as long as to send it, and each client that reaches the port may ask for it.
        """
        return await self._kept.value()

    async def _exposition(self) -> bytes:
        of_the_database = await self._database.metrics()
        if self._samples is None:
            return _text([*self._now(), *of_the_database])
        # In turns, so that later samples are never replaced by earlier ones.
        async with self._leaving:
            of_the_fleet = await asyncio.to_thread(self._samples.combined, self._now())
        return _text([*of_the_fleet, *of_the_database])

    async def leave_samples(self) -> None:
        """For the other workers, and for the time after this one has ended."""
        if self._samples is not None:
            async with self._leaving:
                await asyncio.to_thread(self._samples.leave, self._now())

    async def run(self) -> None:
        """A loop: leave samples at an interval."""
        await every(self._interval_s, self.leave_samples)

    def _now(self) -> list[Metric]:
        return [*self._own.collect(), *ProcessCollector(registry=None).collect()]


def make_metrics(process: "ProcessMetrics", resources: Resources, samples: WorkerSamples | None) -> Metrics:
    """From the settings of the process."""
    settings, channels = resources.settings, resources.settings.message_urls

    async def ask() -> list[Metric]:
        return list(work_metrics(await ask_work(LEASE, resources.desk.clock()), channels))

    database = DatabaseMetrics(
        ask,
        DATABASE_PATIENCE_S,
        settings.metrics_database_interval_s,
        None if samples is None else samples.file.parent,
    )
    return Metrics(process, database, samples, settings.metrics_interval_s, settings.metrics_kept_s)


class _Given(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _text(metrics: Iterable[Metric]) -> bytes:
    return generate_latest(_Given(metrics))


class ProcessMetrics(Collector):
    """The desk's metrics of this process."""

    def __init__(self, resources: Resources, live: Live, workers: Workers, errors: HttpErrors) -> None:
        self._resources = resources
        self._live = live
        self._workers = workers
        self._errors = errors

    def collect(self) -> Iterable[Metric]:
        """One family after another."""
        yield from self._build()
        yield from self._process()
        yield from self._monitor()
        yield from feed_metrics(self._resources.feed_watch, self._resources.desk.clock())
        yield from self._sockets()
        yield from self._deliveries()
        yield from self._messages()
        yield from self._webhooks()
        yield histograms(
            "live_lag_seconds",
            "Seconds from the commit of an event to the write to the socket.",
            self._live.metrics.lags,
        )
        yield from self._operations()

    def _process(self) -> Iterator[Metric]:
        text = "The process that answers this scrape."
        yield InfoMetricFamily("desk_process", text, {"pid": str(os.getpid())})
        yield gauge("leader", "1 if this process is the leader, else 0.", self._workers.leading)
        yield gauge(
            "bus_up",
            "1 while the event bus answers; at 0 subscribers are served from the outbox.",
            self._bus_up,
        )
        yield from self._lease()
        yield from self._clocks()
        yield from self._login()
        yield from self._rates()
        faults = CounterMetricFamily(
            "desk_liquidation_faults",
            "Runs of the automatic liquidation that failed with a fault of the desk.",
        )
        faults.add_metric([], self._resources.liquidation_faults.faults)
        yield faults
        rounds = CounterMetricFamily(
            "desk_round_faults",
            "Items of a round over accounts, cases or orders that failed with a fault of the desk.",
        )
        rounds.add_metric([], self._resources.round_faults.faults)
        yield rounds
        text = "Stored rows that cannot be read and are left out, each counted once."
        unreadable = self._resources.database.unreadable.counts
        yield labelled(CounterMetricFamily, "unreadable_rows", text, unreadable, "table")
        damaged = Counter(row.table for row in self._resources.database.unreadable.damaged())
        text = "Stored rows that could not be read when this process last tried."
        yield labelled(GaugeMetricFamily, "damaged_rows", text, damaged, "table")
        text = "Risk settings that cannot be read, so that an earlier version applies."
        yield gauge("unreadable_settings", text, self._resources.desk.policy.books.settings.unreadable)
        attention = {kind.value: self._resources.desk.attention[kind] for kind in Attention}
        text = "Orders and executions reported to operators as needing attention."
        yield labelled(CounterMetricFamily, "order_attention", text, attention, "kind")
        path = self._resources.order_path
        held_up = {"orders": path.dispatcher, "reports": path.reports}
        text = "Accounts whose orders or reports wait because of a lock or a fault of the desk."
        yield labelled(GaugeMetricFamily, "order_accounts_waiting", text, held_up, "of")

    def _lease(self) -> Iterator[Metric]:
        text = "Seconds since the leader, if this process is it, asked for its lease or renewed it."
        if (age_s := self._workers.lease_age_s) is not None:
            yield gauge("lease_age_seconds", text, age_s)
        stood_still = CounterMetricFamily(
            "desk_loop_standstills",
            "Times that the event loop of this process, while it led, did not answer for a renewal interval.",
        )
        stood_still.add_metric([], self._workers.standstills)
        yield stood_still

    def _rates(self) -> Iterator[Metric]:
        text = "Operations, and requests without a valid token, that a rate limit refused."
        yield labelled(CounterMetricFamily, "rate_refusals", text, self._resources.rates.refusals, "limit")

    def _login(self) -> Iterator[Metric]:
        if (keys := self._resources.login_keys) is None:
            return
        yield gauge("login_keys", "Keys of the login service that verify tokens now.", len(keys.usable))
        text = "Seconds since the keys of the login service were read."
        if (age_s := keys.age_s) is not None:
            yield gauge("login_keys_age_seconds", text, age_s)

    def _monitor(self) -> Iterator[Metric]:
        watch = self._resources.monitor_watch
        yield gauge("trading_up", "0 while the leader has no open venue, else 1.", self._workers.trading)
        yield gauge("monitor_accounts", "Accounts that the monitor watches.", watch.accounts)
        text = "Duration of a round of the monitor over the accounts that something concerned."
        yield histogram("monitor_round_seconds", text, watch.rounds)

    def _build(self) -> Iterator[Metric]:
        commit = self._resources.settings.build_commit
        build = {"version": VERSION, "python": platform.python_version(), "commit": commit}
        yield InfoMetricFamily("desk_build", "The build that this process runs.", build)
        if (pool := self._resources.database.pool_use) is not None:
            text = "Connections to PostgreSQL that this process uses now."
            yield gauge("database_connections_busy", text, pool.busy)
            text = "Connections to PostgreSQL that this process may open."
            yield gauge("database_connections_max", text, pool.most)
            text = "Statements and transactions of this process that wait for a connection to PostgreSQL now."
            yield gauge("database_connections_awaited", text, pool.awaited)

    def _operations(self) -> Iterator[Metric]:
        metrics = self._live.requests.operations
        text = "GraphQL operations by type and name, and the code of the first error or OK."
        counts = CounterMetricFamily("desk_operations", text, labels=["type", "operation", "code"])
        for operation, count in sorted(metrics.operations.items()):
            counts.add_metric(operation, count)
        yield counts
        text = "GraphQL documents by whether they were known already, or new and had to be checked."
        yield labelled(CounterMetricFamily, "documents", text, self._live.requests.document_reads, "result")
        trusted = self._live.requests.trusted
        yield gauge("trusted_documents", "Documents of the manifest.", len(trusted))
        text = (
            "Requests by whether their document is in the manifest: trusted, untrusted, or an unknown name."
        )
        yield labelled(CounterMetricFamily, "document_requests", text, trusted.requests, "result")
        text = "HTTP responses with an error status, which includes requests refused before GraphQL."
        refused = CounterMetricFamily("desk_http_errors", text, labels=["status", "code"])
        for labels, count in sorted(self._errors.responses.items()):
            refused.add_metric(labels, count)
        yield refused
        text = "Duration of executed queries and mutations."
        yield histograms("operation_seconds", text, metrics.durations, "type")
        text = "Duration of executed queries and mutations by the name of the operation."
        named = SummaryMetricFamily("desk_named_operation_seconds", text, labels=["operation"])
        for name, took in sorted(metrics.took.items()):
            named.add_metric([name], took.times, took.total_s)
        yield named

    def _clocks(self) -> Iterator[Metric]:
        clocks = (self._resources.database_clock, *self._resources.feed_watch.clocks)
        offsets = GaugeMetricFamily(
            "desk_clock_offset_seconds", "Clock of this process minus another clock.", labels=["against"]
        )
        for clock in clocks:
            if clock.offset is not None:
                offsets.add_metric([clock.against], clock.offset.total_seconds())
        yield offsets

    def _sockets(self) -> Iterator[Metric]:
        metrics = self._live.metrics
        depths = [session.depth for session in self._live.sessions]
        yield gauge("live_sockets", "Open WebSockets.", metrics.sockets)
        yield gauge("live_streams", "Open SSE streams.", metrics.streams)
        yield gauge("live_mailbox_frames", "Frames waiting for slow clients.", sum(depths))
        yield gauge(
            "live_mailbox_frames_max", "Frames waiting for the slowest client.", max(depths, default=0)
        )
        yield gauge(
            "live_groups",
            "Shared subscriptions, each executed once for all of its subscribers.",
            len(list(self._live.feed.groups)),
        )
        yield labelled(
            GaugeMetricFamily, "live_operations", "Subscriptions that are running.", metrics.operations
        )
        yield labelled(
            CounterMetricFamily,
            "live_closes",
            "Sockets closed by the desk, by close code.",
            metrics.closes,
            "code",
        )
        yield labelled(
            CounterMetricFamily,
            "live_refusals",
            "WebSocket handshakes refused by the desk.",
            metrics.refusals,
            "reason",
        )

    def _deliveries(self) -> Iterator[Metric]:
        metrics = self._live.metrics
        yield labelled(
            CounterMetricFamily, "live_executions", "Executions of shared subscriptions.", metrics.executions
        )
        yield labelled(
            CounterMetricFamily, "live_deliveries", "Frames delivered to subscribers.", metrics.deliveries
        )
        yield labelled(
            CounterMetricFamily,
            "live_replays",
            "Frames replayed to subscribers that resumed.",
            metrics.replays,
        )
        yield labelled(CounterMetricFamily, "live_overflows", "Mailboxes that overflowed.", metrics.overflows)
        yield labelled(
            CounterMetricFamily,
            "live_resumes",
            "Subscriptions resumed, by result.",
            metrics.resumes,
            "result",
        )

    def _messages(self) -> Iterator[Metric]:
        counts = self._resources.outbound
        channels = self._resources.settings.message_urls
        failing = {channel: int(channel in counts.failing) for channel in channels}
        yield labelled(
            GaugeMetricFamily,
            "messages_circuit_open",
            "1 while the channel fails and is tried at intervals only.",
            failing,
            "channel",
        )
        attempts = {channel: counts.failed_attempts[channel] for channel in channels}
        yield labelled(
            CounterMetricFamily,
            "messages_failed_attempts",
            "Attempts that the channel's service did not accept.",
            attempts,
            "channel",
        )
        settled = CounterMetricFamily(
            "desk_messages",
            "Messages that were sent, failed or were cancelled.",
            labels=["channel", "status"],
        )
        for (channel, status), count in sorted(counts.messages.items()):
            settled.add_metric([channel, status], count)
        yield settled

    def _webhooks(self) -> Iterator[Metric]:
        posts = self._resources.outbound.posts
        results = {"taken": posts[True], "failed": posts[False]}
        yield labelled(
            CounterMetricFamily, "webhook_posts", "Requests sent to webhook endpoints.", results, "result"
        )

    @property
    def _bus_up(self) -> bool:
        return self._resources.bus.healthy
