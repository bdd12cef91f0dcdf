"""The metrics of the feed; filled by the leader, which reads it."""

from collections.abc import Iterator
from datetime import datetime

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from gateway.watch.feed_watch import FeedWatch


def feed_metrics(watch: FeedWatch, now: datetime) -> Iterator[Metric]:
    """One family after another."""
    messages = CounterMetricFamily(
        "desk_feed_messages", "Messages received, by outcome.", labels=["kind", "outcome"]
    )
    for (kind, result), count in sorted(watch.counts.outcomes.items()):
        messages.add_metric([kind, result.lower()], count)
    yield messages
    dead = CounterMetricFamily(
        "desk_feed_dead_letters",
        "Messages that cannot be used, stored as dead letters.",
        labels=["stream", "reason"],
    )
    for (stream, reason), count in sorted(watch.counts.dead.items()):
        dead.add_metric([stream, reason], count)
    yield dead
    losses = CounterMetricFamily(
        "desk_feed_losses",
        "Occasions on which messages were found deleted before they were read.",
        labels=["stream"],
    )
    lost = CounterMetricFamily(
        "desk_feed_lost_messages",
        "Messages deleted before they were read, where Redis counts them.",
        labels=["stream"],
    )
    for stream, times in sorted(watch.counts.losses.items()):
        losses.add_metric([stream], times)
        lost.add_metric([stream], watch.counts.lost[stream])
    yield from (losses, lost)
    yield GaugeMetricFamily(
        "desk_feed_held_messages", "Messages held because their time is in the future.", value=watch.held
    )
    yield GaugeMetricFamily(
        "desk_feed_up", "1 while the feed is read and delivers prices, else 0.", value=int(watch.delivers)
    )
    yield from _ages(watch, now)


def _ages(watch: FeedWatch, now: datetime) -> Iterator[Metric]:
    read = _by_stream("message_age_seconds", "Seconds since the newest message was read.")
    priced = _by_stream("price_age_seconds", "Age of the newest price in seconds.")
    lag = _by_stream("lag_seconds", "Seconds that the message read last had waited in the stream.")
    for stream, health in sorted(watch.streams.items()):
        lag.add_metric([stream], health.waited_s)
        if health.read_at is not None:
            read.add_metric([stream], (now - health.read_at).total_seconds())
        if health.priced_at is not None:
            priced.add_metric([stream], (now - health.priced_at).total_seconds())
    yield from (read, priced, lag)


def _by_stream(name: str, text: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"desk_feed_{name}", text, labels=["stream"])
