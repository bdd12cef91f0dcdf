"""The table, and the targets for 1,000 subscribers with one document."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from bench.fanout.fleet import percentile
from bench.fanout.measure import Result, Scenario, Window
from bench.fanout.processes import MERCURIUS, OURS, RAW, STRAWBERRY

TARGETED = Scenario(1000, 1)
RAW_STEADY_MOST, RAW_BURST_MOST = 1.15, 1.0
MERCURIUS_STEADY_LEAST, MERCURIUS_BURST_LEAST, STRAWBERRY_LEAST = 3.5, 6.0, 20.0
IDLE_KB_MOST = 30.0
GROUPS_MS_MOST = {200: 12.0, 1000: 40.0}
"""Milliseconds of CPU per event for 1,000 subscribers in so many groups."""


@dataclass(frozen=True, slots=True)
class Target:
    """A figure that was asked for."""

    what: str
    value: float
    bound: float
    at_most: bool

    @property
    def held(self) -> bool:
        """Whether it was reached."""
        return self.value <= self.bound if self.at_most else self.value >= self.bound

    def __str__(self) -> str:
        verdict = "held  " if self.held else "MISSED"
        return f"{verdict}  {self.what}: {self.value:.2f} ({'<=' if self.at_most else '>='} {self.bound:g})"

    def as_json(self) -> dict[str, object]:
        """For the results file."""
        return {
            "what": self.what,
            "value": round(self.value, 2),
            "bound": f"{'<=' if self.at_most else '>='} {self.bound:g}",
            "held": self.held,
        }


def table(results: Sequence[Result]) -> Iterator[str]:
    """A block of lines for each scenario."""
    for scenario in dict.fromkeys(result.scenario for result in results):
        yield f"{scenario}"
        yield f"  {'':17}{'burst':-^45}   {'5 events/s':-^45}   idle"
        columns = f"{'us CPU':>8}{'per s':>10}{'p50 ms':>9}{'p99 ms':>9}{'driver':>9}"
        yield f"  {'':17}{columns}   {columns}   {'KB each':>7}{'% CPU':>7}"
        yield from (_line(result) for result in results if result.scenario == scenario)


def targets(results: Sequence[Result]) -> Iterator[Target]:
    """Those that the servers which were measured can tell."""
    yield from _targets_of_groups(results)
    by_name: Mapping[str, Result] = {each.server: each for each in results if each.scenario == TARGETED}
    ours = by_name.get(OURS)
    if ours is None:
        return
    if raw := by_name.get(RAW):
        yield Target("5 events/s, ours / raw ASGI", _steady(ours) / _steady(raw), RAW_STEADY_MOST, True)
        yield Target("burst, ours / raw ASGI", ours.burst_us / raw.burst_us, RAW_BURST_MOST, True)
    if mercurius := by_name.get(MERCURIUS):
        ratio = _steady(mercurius) / _steady(ours)
        yield Target("5 events/s, Mercurius / ours", ratio, MERCURIUS_STEADY_LEAST, False)
        ratio = mercurius.burst_us / ours.burst_us
        yield Target("burst, Mercurius / ours", ratio, MERCURIUS_BURST_LEAST, False)
    if stock := by_name.get(STRAWBERRY):
        yield Target("5 events/s, Strawberry / ours", _steady(stock) / _steady(ours), STRAWBERRY_LEAST, False)
        yield Target("burst, Strawberry / ours", stock.burst_us / ours.burst_us, STRAWBERRY_LEAST, False)
    yield Target("KB per idle subscriber", ours.idle_kb_per_subscriber, IDLE_KB_MOST, True)


def _targets_of_groups(results: Sequence[Result]) -> Iterator[Target]:
    """At 5 events/s each delivery is a system call of its own, in one group too, and the idle desk counts as
    well: only the rest is due to the groups.
    """
    alone = [
        each.steady.ms_per_event for each in results if each.server == OURS and each.scenario.groups == 1
    ]
    for result in results:
        scenario = result.scenario
        most = GROUPS_MS_MOST.get(scenario.groups or 0)
        if most is not None and result.server == OURS:
            yield Target(f"{scenario}, burst, ms CPU per event", result.burst_ms, most, True)
            if scenario.groups == scenario.subscribers:
                steady = result.steady.ms_per_event
                yield Target(f"{scenario}, 5 events/s, ms CPU per event", steady, most, True)
            for one_group in alone:
                more = result.steady.ms_per_event - one_group
                yield Target(f"{scenario}, 5 events/s, ms CPU per event beyond 1 group", more, most, True)


def _steady(result: Result) -> float:
    return result.steady.us_per_delivery


def _line(result: Result) -> str:
    memory = f"{result.idle_kb_per_subscriber:7.1f}" if result.scenario.subscribers > 1 else f"{'-':>7}"
    return (
        f"  {result.server:17}{_columns(result.bursts)}   {_columns([result.steady])}"
        f"   {memory}{result.idle_cpu_share:7.2%}"
    )


def _columns(windows: Sequence[Window]) -> str:
    ages = [age for window in windows for age in window.ages_s]
    seconds = sum(window.seconds for window in windows)
    return (
        f"{median(window.us_per_delivery for window in windows):8.1f}"
        f"{sum(window.deliveries for window in windows) / seconds:10.0f}"
        f"{percentile(ages, 0.5) * 1000:9.1f}"
        f"{percentile(ages, 0.99) * 1000:9.1f}"
        f"{sum(window.driver_cpu_s for window in windows) / seconds:9.0%}"
    )
