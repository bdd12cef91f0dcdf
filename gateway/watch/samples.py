"""The metrics of all workers of a fleet in one answer.

Each worker leaves its metrics in a file of one directory, at an interval and before it answers a scrape. Any
of them can therefore answer for all: counters are summed, everything else has the label `pid`. When a worker
has ended, the parent adds its counters to those of the workers that ended before, and its other metrics go.

No counter that a scrape has shown ever falls: whatever an answer contains was in a file before. Nothing is
counted twice or missed while a file is retired, since `combined` reads the ended workers last, and their file
names those that it contains.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, Metric

from gateway.watch.family_files import as_data, content_of, from_data, replace_content

_SUMMED = frozenset({"counter", "histogram", "summary"})
_WORKER, _ENDED = ".worker", "ended"
NAMED_MAX = 100
"""Ended workers that are named. A file is removed as soon as its worker is named, so one would suffice."""


@dataclass(frozen=True, slots=True)
class SampleDirectory:
    """The files of one fleet."""

    path: Path

    def of(self, number: int) -> "WorkerSamples":
        """The samples of the worker with this number, which no other worker of the fleet has or had."""
        return WorkerSamples(self.path / f"{number}{_WORKER}")

    def retire(self, number: int, *, died: bool) -> None:
        """Keep the counters of a worker that has ended. The parent alone calls it."""
        file = self.of(number).file
        left = _read(file)
        names, ended = _ended(self.path)
        parts = [ended, [_deaths(int(died))], *([] if left is None else [left.metrics])]
        kept = [metric for metric in _merged([(0, part) for part in parts]) if _is_summed(metric)]
        _write(self.path / _ENDED, [*names, file.name][-NAMED_MAX:], 0, kept)
        file.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class WorkerSamples:
    """The samples of one worker, and its view of the others."""

    file: Path
    pid: int = field(default_factory=os.getpid)

    def leave(self, metrics: Iterable[Metric]) -> None:
        """Replace the worker's own samples."""
        _write(self.file, [], self.pid, metrics)

    def combined(self, metrics: Iterable[Metric]) -> list[Metric]:
        """The metrics of the whole fleet; `metrics` are the worker's own, as of now."""
        self.leave(metrics)
        directory = self.file.parent
        left = {file.name: _read(file) for file in sorted(directory.glob(f"*{_WORKER}"))}
        names, ended = _ended(directory)
        living = [(each.pid, each.metrics) for name, each in left.items() if each and name not in names]
        return _merged([*living, (0, ended), (0, [_deaths(0)])])


@dataclass(frozen=True, slots=True)
class _Left:
    names: Sequence[str]
    pid: int
    metrics: list[Metric]


def _ended(directory: Path) -> tuple[Sequence[str], list[Metric]]:
    ended = _read(directory / _ENDED)
    return ([], []) if ended is None else (ended.names, ended.metrics)


def _deaths(died: int) -> Metric:
    text = "Workers that ended without being asked to, and were replaced."
    return CounterMetricFamily("desk_workers_died", text, value=died)


def _merged(parts: Sequence[tuple[int, Sequence[Metric]]]) -> list[Metric]:
    """One family for each name, in the order in which they first appear."""
    merged: dict[str, Metric] = {}
    totals: dict[tuple[str, tuple[tuple[str, str], ...]], int] = {}
    for pid, metrics in parts:
        for metric in metrics:
            family = merged.setdefault(metric.name, Metric(metric.name, metric.documentation, metric.type))
            for sample in metric.samples:
                if not _is_summed(metric):
                    family.samples.append(sample._replace(labels=sample.labels | {"pid": str(pid)}))
                    continue
                key = (sample.name, tuple(sorted(sample.labels.items())))
                place = totals.setdefault(key, len(family.samples))
                if place == len(family.samples):
                    family.samples.append(sample)
                else:
                    added = family.samples[place].value + sample.value
                    family.samples[place] = sample._replace(value=added)
    return list(merged.values())


def _is_summed(metric: Metric) -> bool:
    return metric.type in _SUMMED


def _write(file: Path, names: Sequence[str], pid: int, metrics: Iterable[Metric]) -> None:
    replace_content(file, {"names": names, "pid": pid, "families": as_data(metrics)})


def _read(file: Path) -> _Left | None:
    """None: it is not there, or not any more."""
    content = content_of(file)
    return (
        None if content is None else _Left(content["names"], content["pid"], from_data(content["families"]))
    )
