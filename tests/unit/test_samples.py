"""The metrics of several workers in one answer: sums, what belongs to one worker, and workers that ended."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from gateway.watch.samples import SampleDirectory, WorkerSamples


def metrics(ok: float, failed: float | None = None, sockets: float = 0) -> list[Metric]:
    counter = CounterMetricFamily("desk_operations", "Operations.", labels=["code"])
    counter.add_metric(["OK"], ok)
    if failed is not None:
        counter.add_metric(["FAILED"], failed)
    durations = HistogramMetricFamily("desk_seconds", "Durations.", [("1", ok), ("+Inf", ok)], ok / 2)
    return [counter, durations, GaugeMetricFamily("desk_sockets", "Sockets.", sockets)]


def shown(answer: list[Metric]) -> dict[str, float]:
    return {
        sample.name
        + "".join(f" {label}={value}" for label, value in sorted(sample.labels.items())): sample.value
        for metric in answer
        for sample in metric.samples
    }


@pytest.fixture
def directory(tmp_path: Path) -> SampleDirectory:
    return SampleDirectory(tmp_path)


def worker(directory: SampleDirectory, number: int) -> WorkerSamples:
    """As if each were a process of its own."""
    return replace(directory.of(number), pid=100 + number)


def test_counters_are_summed_and_gauges_name_their_worker(directory: SampleDirectory) -> None:
    worker(directory, 1).leave(metrics(3, failed=1, sockets=5))
    assert shown(worker(directory, 2).combined(metrics(4, sockets=6))) == {
        "desk_operations_total code=OK": 7,
        "desk_operations_total code=FAILED": 1,
        "desk_seconds_bucket le=1": 7,
        "desk_seconds_bucket le=+Inf": 7,
        "desk_seconds_count": 7,
        "desk_seconds_sum": 3.5,
        "desk_sockets pid=101": 5,
        "desk_sockets pid=102": 6,
        "desk_workers_died_total": 0,
    }


def test_a_worker_that_ended_is_counted_once_and_has_no_gauges(directory: SampleDirectory) -> None:
    for number in (1, 2):
        worker(directory, number).leave(metrics(3, sockets=5))
        directory.retire(number, died=True)
        directory.retire(number, died=False)
    directory.retire(3, died=False)
    answer = shown(worker(directory, 4).combined(metrics(1)))
    assert answer["desk_operations_total code=OK"] == 7
    assert answer["desk_seconds_bucket le=1"] == 7
    assert answer["desk_workers_died_total"] == 2
    assert [name for name in answer if "pid" in name] == ["desk_sockets pid=104"]


def test_samples_that_are_left_at_the_same_time_are_whole(directory: SampleDirectory) -> None:
    with ThreadPoolExecutor(8) as threads:
        left = [threads.submit(worker(directory, 1).leave, metrics(3)) for _ in range(200)]
        seen = [shown(worker(directory, 2).combined(metrics(1))) for _ in range(20)]
    assert all(each.exception() is None for each in left)
    assert {each["desk_operations_total code=OK"] for each in seen} <= {1, 4}


def test_a_worker_whose_file_is_still_there_when_it_has_been_added_counts_once(
    directory: SampleDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker(directory, 1).leave(metrics(3))
    # As a scrape sees it that comes between the two steps.
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", lambda file, missing_ok: None)
        directory.retire(1, died=True)
    assert directory.of(1).file.exists()
    answer = shown(worker(directory, 2).combined(metrics(1)))
    assert answer["desk_operations_total code=OK"] == 4
