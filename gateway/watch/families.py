"""Metric families with the desk's prefix."""

from collections.abc import Mapping
from itertools import accumulate
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from subscriptions.live.metrics import BUCKETS_S, Histogram


def gauge(name: str, text: str, value: float) -> Metric:
    """One value."""
    return GaugeMetricFamily(f"desk_{name}", text, value=float(value))


def labelled(
    family: type[GaugeMetricFamily] | type[CounterMetricFamily],
    name: str,
    text: str,
    values: Mapping[Any, int],
    label: str = "field",
) -> Metric:
    """A value for each value of one label."""
    metric = family(f"desk_{name}", text, labels=[label])
    for key, value in sorted(values.items(), key=lambda item: str(item[0])):
        metric.add_metric([str(key)], value)
    return metric


def histogram(name: str, text: str, durations: Histogram) -> Metric:
    """Durations without a label."""
    return HistogramMetricFamily(f"desk_{name}", text, _buckets(durations), durations.total_s)


def histograms(name: str, text: str, durations: Mapping[str, Histogram], label: str = "field") -> Metric:
    """Durations for each value of one label."""
    metric = HistogramMetricFamily(f"desk_{name}", text, labels=[label])
    for value, each in sorted(durations.items()):
        metric.add_metric([value], _buckets(each), each.total_s)
    return metric


def _buckets(durations: Histogram) -> list[tuple[str, int]]:
    bounds = (*map(str, BUCKETS_S), "+Inf")
    return list(zip(bounds, accumulate(durations.buckets), strict=True))
