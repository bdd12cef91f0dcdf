"""Metric families as data, and files of them that other processes read at any moment."""

import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
from prometheus_client.core import Metric
from prometheus_client.samples import Sample


def as_data(metrics: Iterable[Metric]) -> list[Any]:
    """What JSON can hold: the names, labels and values."""
    return [
        (
            metric.name,
            metric.documentation,
            metric.type,
            [(sample.name, sample.labels, sample.value) for sample in metric.samples],
        )
        for metric in metrics
    ]


def from_data(families: Iterable[Any]) -> list[Metric]:
    """The inverse of `as_data`."""
    return [_metric(*family) for family in families]


def replace_content(file: Path, content: dict[str, Any]) -> None:
    """At once: a reader finds the old content or the new one, however many write at the same time."""
    written = file.with_name(f"{file.name}-{os.getpid()}-{threading.get_ident()}")
    written.write_bytes(orjson.dumps(content))
    written.replace(file)


def content_of(file: Path) -> dict[str, Any] | None:
    """None: there is no such file."""
    try:
        content: dict[str, Any] = orjson.loads(file.read_bytes())
    except FileNotFoundError:
        return None
    return content


def _metric(
    name: str, documentation: str, kind: str, samples: Iterable[tuple[str, dict[str, str], float]]
) -> Metric:
    metric = Metric(name, documentation, kind)
    metric.samples.extend(Sample(each, labels, value) for each, labels, value in samples)
    return metric
