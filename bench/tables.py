"""bench/results/README.md: the figures of the JSON files beside it as tables, none of them copied by hand."""

import json
from collections.abc import Callable, Iterator, Sequence
from statistics import median
from typing import Any

from bench.measure import RESULTS

Figures = dict[str, Any]


def write() -> None:
    """Write the page from the stored results."""
    (RESULTS / "README.md").write_text("\n".join(_page()) + "\n")


def _page() -> Iterator[str]:
    yield "# Results"
    yield ""
    yield "Written by `python -m bench` from the JSON files beside it. A figure is the median, with the"
    yield "smallest and the largest in brackets. [What is measured and why](../README.md)."
    for name, table in _TABLES.items():
        path = RESULTS / f"{name}.json"
        if path.exists():
            result = json.loads(path.read_text())
            yield from ("", f"## {name}", "", _origin(result["run"]), "")
            yield from table(result["figures"])


def _origin(run: Figures) -> str:
    machine = run["machine"]
    changes = " with uncommitted changes" if run["uncommittedChanges"] else ""
    return (
        f"`{run['command']}` at {run['at']}, commit {run['commit']}{changes}; {machine['cores']} cores of"
        f" {machine['cpu']}, {machine['system']}, Python {machine['python']}, load average"
        f" {machine['loadAtTheEnd']} at the end, the benchmark's own included."
    )


def _margin(figures: Figures) -> Iterator[str]:
    yield from _table(
        ("positions", "live, us per tick", "computed again, us"),
        [
            (row["positions"], row["liveMicroseconds"], row["recomputedMicroseconds"])
            for row in figures["ticks"]
        ],
    )
    yield ""
    yield f"From the fewest positions to the most, a live tick costs {figures['growth']} times as much."


def _liquidate(figures: Figures) -> Iterator[str]:
    for mode, found in figures.items():
        yield f"PostgreSQL {found['postgres']}, {mode}: {found['cases']} cases, {found['orders']} orders."
        yield ""
        yield from _table(
            ("way", "seconds", "orders per second"),
            [
                (way, _spread(seconds), found["ordersPerSecond"][way])
                for way, seconds in found["seconds"].items()
            ],
        )
        yield ""
        yield (
            f"desk / plainAsyncpg: {_spread(found['deskOverPlain'])}, of the same round each."
            f" Planning alone: {found['planningAloneSeconds']} s."
        )
        yield ""


def _tick(figures: Figures) -> Iterator[str]:
    parts = ("take", "look", "refresh", "total")
    rows = [
        (database, market, found["liveCases"], *(_spread(found["milliseconds"][part]) for part in parts))
        for database, markets in figures.items()
        for market, found in markets.items()
    ]
    yield from _table(("database", "market", "live cases", *(f"{part}, ms" for part in parts)), rows)


def _start(figures: Figures) -> Iterator[str]:
    seconds = figures["secondsToReady"].items()
    yield from _table(("start", "seconds"), [(name, _spread(each)) for name, each in seconds])
    yield ""
    imports = ", ".join(f"{name} {spent}" for name, spent in figures["importMilliseconds"].items())
    yield f"Importing under `-X importtime`, ms: {imports}."


def _snapshot(figures: Figures) -> Iterator[str]:
    row = (
        figures["cases"],
        _spread(figures["seconds"]),
        figures["snapshotsPerSecond"],
        _spread(figures["longestBatchSeconds"]),
        figures["bytesEach"],
    )
    head = ("open cases", "seconds", "per second", "longest batch, s", "bytes each")
    yield from _table(head, [row])


def _what_if(figures: Figures) -> Iterator[str]:
    yield (
        f"{figures['accounts']} accounts with {figures['positions']} positions each;"
        f" {figures['callsAfter']} would be in call."
    )
    yield ""
    yield from _table(
        ("way", "seconds", "a request delayed by at most, ms"),
        [
            (way, _spread(seconds), _spread(figures["worstDelayMilliseconds"][way]))
            for way, seconds in figures["seconds"].items()
        ],
    )
    yield ""
    yield (
        f"Reading alone: {figures['readingAloneSeconds']} s; valuing every account twice:"
        f" {figures['valuingAloneSeconds']} s. Peak memory of the process:"
        f" {figures['peakMegabytesOfTheProcess']} MB."
    )


def _query(figures: Figures) -> Iterator[str]:
    yield f"{figures['liveCases']} live cases; the account of `details` has {figures['positions']} positions."
    yield ""
    rows = [
        (
            row["operation"],
            row["connections"],
            row["server"],
            _spread(row["cpuMilliseconds"]),
            row["perSecond"],
            row["p50Milliseconds"],
            row["p99Milliseconds"],
        )
        for row in figures["results"]
    ]
    yield from _table(
        ("operation", "connections", "server", "ms CPU", "per second", "p50 ms", "p99 ms"), rows
    )
    yield ""
    yield from _verdicts(figures["targets"])


def _fanout(figures: Figures) -> Iterator[str]:
    yield f"Events of {figures['fields']} fields; bursts of {figures['burstEvents']} events."
    yield ""
    rows = [
        (
            row["subscribers"],
            _spread_over(row),
            row["server"],
            *(figure for load in ("burst", "steady") for figure in _load(row[load], row["subscribers"])),
            row["idleKilobytesPerSubscriber"],
        )
        for row in figures["results"]
    ]
    loads = [
        f"{load}, {figure}"
        for load in ("burst", "5 events/s")
        for figure in ("us CPU per delivery", "ms CPU per event", "p99 ms")
    ]
    yield from _table(("subscribers", "spread over", "server", *loads, "idle KB each"), rows)
    yield ""
    yield from _verdicts(figures["targets"])


def _spread_over(row: Figures) -> str:
    if row.get("groups") is not None:
        return f"{row['groups']} groups"
    return f"{row['documents']} documents" if row["documents"] > 1 else "1 document"


def _load(load: Figures, subscribers: int) -> Iterator[object]:
    each = median(load["cpuMicrosecondsPerDelivery"])
    yield round(each, 1)
    yield round(each * subscribers / 1000, 1)
    yield load["commitToClientMs"]["p99"]


def _verdicts(targets: Sequence[Figures]) -> Iterator[str]:
    for target in targets:
        verdict = "held" if target["held"] else "missed"
        yield f"- {target['what']}: {target['value']} (wanted {target['bound']}): {verdict}"


def _spread(measured: Figures) -> str:
    return f"{measured['median']} ({measured['min']} - {measured['max']})"


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(map(str, row))} |"


def _worst_document(figures: Figures) -> Iterator[str]:
    """Of each kind of step the three that take longest."""
    yield from _table(
        ("step", "worst", "ms of the processor"),
        [
            (phase, name, f"{took:.1f}")
            for phase, steps in figures.items()
            for name, took in sorted(steps.items(), key=lambda each: -float(each[1]))[:3]
        ],
    )


_TABLES: dict[str, Callable[[Figures], Iterator[str]]] = {
    "margin": _margin,
    "liquidate": _liquidate,
    "tick": _tick,
    "start": _start,
    "snapshot": _snapshot,
    "what_if": _what_if,
    "worst_document": _worst_document,
    "query": _query,
    "fanout": _fanout,
}
