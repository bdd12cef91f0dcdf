"""The metrics of one process, in Prometheus's text format."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from domain.doubt import DoubtReason
from domain.execution_check import Attention
from domain.message import Channel
from gateway.http.live import Live
from gateway.resources import Resources
from gateway.watch.feed_metrics import feed_metrics
from gateway.workers.process import Workers
from models.doubt import unwatched_by_reason
from models.message import waiting_messages
from models.outbox import Backlog, backlog
from models.webhook import WebhookLag, count_disabled, slowest_webhook
from subscriptions.live.metrics import LAG_BUCKETS_S, LagHistogram

CONTENT_TYPE = CONTENT_TYPE_LATEST


@dataclass(frozen=True, slots=True)
class Waiting:
    """The work waiting in the database."""

    backlog: Backlog
    messages: Mapping[Channel, int]
    webhook: WebhookLag
    webhooks_disabled: int
    unwatched: Mapping[DoubtReason, int]


async def ask_waiting(now: datetime) -> Waiting:
    """The waiting work as of now."""
    return Waiting(
        await backlog(now),
        await waiting_messages(),
        await slowest_webhook(now),
        await count_disabled(),
        await unwatched_by_reason(),
    )


def exposition(resources: Resources, live: Live, workers: Workers, waiting: Waiting | None) -> bytes:
    """The metrics of this process. `waiting` None: the database did not answer, and its figures are
    left out.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(resources, live, workers, waiting))
    return generate_latest(registry)


class _Collector(Collector):
    def __init__(self, resources: Resources, live: Live, workers: Workers, waiting: Waiting | None) -> None:
        self._resources = resources
        self._live = live
        self._workers = workers
        self._waiting = waiting

    def collect(self) -> Iterable[Metric]:
        """One family after another."""
        yield from self._process()
        yield from feed_metrics(self._resources.feed_watch, self._resources.desk.clock())
        yield from self._sockets()
        yield from self._deliveries()
        yield from self._messages()
        yield from self._webhooks()
        yield from self._unwatched()
        yield _lags(self._live.metrics.lags)

    def _process(self) -> Iterator[Metric]:
        yield _gauge(
            "process_id", "Always 1; the label names the process that answers this scrape.", os.getpid()
        )
        yield _gauge("leader", "1 if this process is the leader, else 0.", self._workers.leading)
        yield _gauge(
            "bus_up",
            "1 while the event bus answers; at 0 subscribers are served from the outbox.",
            self._bus_up,
        )
        yield from self._clocks()
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
        yield _labelled(CounterMetricFamily, "unreadable_rows", text, unreadable, "table")
        damaged = Counter(row.table for row in self._resources.database.unreadable.damaged())
        text = "Stored rows that could not be read when this process last tried."
        yield _labelled(GaugeMetricFamily, "damaged_rows", text, damaged, "table")
        text = "Risk settings that cannot be read, so that an earlier version applies."
        yield _gauge("unreadable_settings", text, self._resources.desk.policy.books.settings.unreadable)
        attention = {kind.value: self._resources.desk.attention[kind] for kind in Attention}
        text = "Orders and executions reported to operators as needing attention."
        yield _labelled(CounterMetricFamily, "order_attention", text, attention, "kind")
        path = self._resources.order_path
        held_up = {"orders": path.dispatcher, "reports": path.reports}
        text = "Accounts whose orders or reports wait because of a lock or a fault of the desk."
        yield _labelled(GaugeMetricFamily, "order_accounts_waiting", text, held_up, "of")
        if self._waiting is None:
            return
        waiting = self._waiting.backlog
        yield _gauge(
            "relay_waiting_events",
            "Committed events that have no position in the stream yet.",
            waiting.events,
        )
        yield _gauge(
            "relay_lag_seconds", "Age of the oldest event without a position.", waiting.age.total_seconds()
        )

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
        yield _gauge("live_sockets", "Open WebSockets.", metrics.sockets)
        yield _gauge("live_streams", "Open SSE streams.", metrics.streams)
        yield _gauge("live_mailbox_frames", "Frames waiting for slow clients.", sum(depths))
        yield _gauge(
            "live_mailbox_frames_max", "Frames waiting for the slowest client.", max(depths, default=0)
        )
        yield _gauge(
            "live_groups",
            "Shared subscriptions, each executed once for all of its subscribers.",
            len(list(self._live.feed.groups)),
        )
        yield _labelled(
            GaugeMetricFamily, "live_operations", "Subscriptions that are running.", metrics.operations
        )
        yield _labelled(
            CounterMetricFamily,
            "live_closes",
            "Sockets closed by the desk, by close code.",
            metrics.closes,
            "code",
        )
        yield _labelled(
            CounterMetricFamily,
            "live_refusals",
            "WebSocket handshakes refused by the desk.",
            metrics.refusals,
            "reason",
        )

    def _deliveries(self) -> Iterator[Metric]:
        metrics = self._live.metrics
        yield _labelled(
            CounterMetricFamily, "live_executions", "Executions of shared subscriptions.", metrics.executions
        )
        yield _labelled(
            CounterMetricFamily, "live_deliveries", "Frames delivered to subscribers.", metrics.deliveries
        )
        yield _labelled(
            CounterMetricFamily,
            "live_replays",
            "Frames replayed to subscribers that resumed.",
            metrics.replays,
        )
        yield _labelled(
            CounterMetricFamily, "live_overflows", "Mailboxes that overflowed.", metrics.overflows
        )
        yield _labelled(
            CounterMetricFamily,
            "live_resumes",
            "Subscriptions resumed, by result.",
            metrics.resumes,
            "result",
        )

    def _messages(self) -> Iterator[Metric]:
        counts = self._resources.outbound
        channels = self._resources.settings.message_urls
        if self._waiting is not None:
            waiting = {channel: self._waiting.messages.get(channel, 0) for channel in channels}
            yield _labelled(
                GaugeMetricFamily,
                "messages_waiting",
                "Messages that are still to be sent.",
                waiting,
                "channel",
            )
        failing = {channel: int(channel in counts.failing) for channel in channels}
        yield _labelled(
            GaugeMetricFamily,
            "messages_circuit_open",
            "1 while the channel fails and is tried at intervals only.",
            failing,
            "channel",
        )
        attempts = {channel: counts.failed_attempts[channel] for channel in channels}
        yield _labelled(
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
        yield _labelled(
            CounterMetricFamily, "webhook_posts", "Requests sent to webhook endpoints.", results, "result"
        )
        if self._waiting is None:
            return
        slowest = self._waiting.webhook
        yield _gauge(
            "webhook_waiting_events",
            "Events not yet delivered to the slowest active webhook.",
            slowest.events,
        )
        yield _gauge(
            "webhook_lag_seconds",
            "Age of the oldest event not yet delivered to it.",
            slowest.age.total_seconds(),
        )
        yield _gauge("webhooks_disabled", "Webhooks that are disabled.", self._waiting.webhooks_disabled)

    def _unwatched(self) -> Iterator[Metric]:
        if self._waiting is not None:
            text = "Accounts that the desk cannot judge."
            yield _labelled(GaugeMetricFamily, "unwatched_accounts", text, self._waiting.unwatched, "reason")

    @property
    def _bus_up(self) -> bool:
        return self._resources.bus.healthy


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"desk_{name}", text, value=float(value))


def _labelled(
    family: type[GaugeMetricFamily] | type[CounterMetricFamily],
    name: str,
    text: str,
    values: Mapping[str, int] | Mapping[Channel, int] | Mapping[int, int] | Mapping[DoubtReason, int],
    label: str = "field",
) -> Metric:
    metric = family(f"desk_{name}", text, labels=[label])
    for key, value in sorted(values.items(), key=lambda item: str(item[0])):
        metric.add_metric([str(key)], value)
    return metric


def _lags(lags: Mapping[str, LagHistogram]) -> Metric:
    metric = HistogramMetricFamily(
        "desk_live_lag_seconds",
        "Seconds from the commit of an event to the write to the socket.",
        labels=["field"],
    )
    for name, histogram in sorted(lags.items()):
        below, buckets = 0, []
        for bound, count in zip((*map(str, LAG_BUCKETS_S), "+Inf"), histogram.buckets, strict=True):
            below += count
            buckets.append((bound, below))
        metric.add_metric([name], buckets, histogram.total_s)
    return metric
