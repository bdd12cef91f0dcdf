"""One scenario on one server: connect, let it be idle, 5 events a second, then bursts."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import median
from typing import Any

from bench.fanout.events import EventSource, subscription
from bench.fanout.fleet import Fleet, percentile
from bench.fanout.processes import STRAWBERRY, Served, served
from bench.fanout.publisher import Publisher
from domain.principal import Permission
from gateway.auth import issue
from gateway.settings import DEVELOPMENT_SECRET

RATE = 5
"""Events per second."""
FEW = 100
DEADLINE_S = 240.0
SOCKETS_PER_SUBJECT = 10
WARM_UP_EVENTS = 200
IDLE_S = 2.0
QUIET_S = 1.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """How many subscribers, spread over so many different documents, or groups with different filters."""

    subscribers: int
    documents: int
    groups: int | None = None

    def __str__(self) -> str:
        spread = f"{self.documents} document{'s'[: self.documents > 1]}"
        return f"{self.subscribers} x {spread if self.groups is None else f'{self.groups} groups'}"

    def payload(self, number: int) -> dict[str, Any]:
        """What the subscriber with this number asks for."""
        group = None if self.groups is None else number % self.groups
        return subscription(number % self.documents, group)


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of everything."""

    scenarios: tuple[Scenario, ...]
    steady_s: float
    steady_few_s: float
    """With few subscribers."""
    burst_events: int
    burst_rounds: int

    def of(self, name: str, scenario: Scenario) -> tuple[float, int]:
        """Seconds of the steady load, and events of a burst.

        Stock Strawberry would need minutes for what the others are given.
        """
        seconds = self.steady_s if scenario.subscribers > FEW else self.steady_few_s
        return (seconds / 3, self.burst_events // 10) if name == STRAWBERRY else (seconds, self.burst_events)


@dataclass(slots=True)
class Window:
    """What was seen between the first event and its last delivery. CPU shares are of one core."""

    events: int
    deliveries: int
    seconds: float
    server_cpu_s: float
    driver_cpu_s: float
    ages_s: list[float]

    @property
    def us_per_delivery(self) -> float:
        """Of the server's CPU."""
        return self.server_cpu_s / self.deliveries * 1e6

    @property
    def ms_per_event(self) -> float:
        """Of the server's CPU, for all subscribers together."""
        return self.server_cpu_s / self.events * 1e3


@dataclass(slots=True)
class Result:
    """One server in one scenario."""

    server: str
    scenario: Scenario
    idle_kb_per_subscriber: float
    idle_cpu_share: float
    steady: Window
    bursts: list[Window] = field(default_factory=list)

    @property
    def burst_us(self) -> float:
        """CPU per delivery, the median of the rounds."""
        return median(burst.us_per_delivery for burst in self.bursts)

    @property
    def burst_ms(self) -> float:
        """CPU per event, the median of the rounds."""
        return median(burst.ms_per_event for burst in self.bursts)

    def as_json(self) -> dict[str, object]:
        """For the results file."""
        return {
            "server": self.server,
            "subscribers": self.scenario.subscribers,
            "documents": self.scenario.documents,
            "groups": self.scenario.groups,
            "idleKilobytesPerSubscriber": round(self.idle_kb_per_subscriber, 1),
            "idleCpuShare": round(self.idle_cpu_share, 4),
            "steady": _window_json([self.steady]),
            "burst": _window_json(self.bursts),
        }


def measure(name: str, scenario: Scenario, plan: Plan, redis_url: str) -> Result:
    """Start the server, measure, stop it."""
    (seconds, events), bus_name = plan.of(name, scenario), f"fanout-{time.monotonic_ns()}"
    with (
        served(name, redis_url, bus_name) as server,
        Publisher(redis_url, bus_name, server.epoch) as publisher,
    ):
        desk = _Scene(server, publisher, EventSource(), Fleet())
        _warm_up(desk)
        with Fleet() as fleet:
            scene = _Scene(server, publisher, desk.source, fleet)
            kilobytes, idle_share = _connect(scene, scenario)
            _until_all_subscribed(scene)
            steady = _steady(scene, seconds)
            bursts = [_burst(scene, events) for _ in range(plan.burst_rounds)]
    return Result(name, scenario, kilobytes, idle_share, steady, bursts)


@dataclass(frozen=True, slots=True)
class _Scene:
    server: Served
    publisher: Publisher
    source: EventSource
    fleet: Fleet

    def publish(self, events: int) -> None:
        self.publisher.publish(self.source.make(events))


def _connect_some(scene: _Scene, scenario: Scenario, numbers: range) -> None:
    tokens = _tokens(scenario.subscribers)
    scene.fleet.connect(
        scene.server.port,
        [scenario.payload(number) for number in numbers],
        [tokens[number] for number in numbers],
    )


def _warm_up(scene: _Scene) -> None:
    """Compilers compile, caches fill, memory is claimed: by 10 subscribers who leave again."""
    with scene.fleet:
        _connect_some(scene, Scenario(10, 1), range(10))
        _until_all_subscribed(scene)
        _burst(scene, WARM_UP_EVENTS)
    time.sleep(0.5)


def _connect(scene: _Scene, scenario: Scenario) -> tuple[float, float]:
    """Kilobytes per idle subscriber, and the share of a core that all of them idle take.

    The first half may live in what the start-up left free, so where the second half needs more, that counts.
    """
    half = scenario.subscribers // 2
    begun = scene.server.resident_bytes()
    _connect_some(scene, scenario, range(half))
    _for(scene.fleet, IDLE_S / 2)
    middle = scene.server.resident_bytes()
    _connect_some(scene, scenario, range(half, scenario.subscribers))
    _for(scene.fleet, IDLE_S / 2)
    ended = scene.server.resident_bytes()
    busy = scene.server.cpu_s()
    _for(scene.fleet, IDLE_S)
    share = (scene.server.cpu_s() - busy) / IDLE_S
    each = max((ended - begun) / scenario.subscribers, (ended - middle) / (scenario.subscribers - half))
    return each / 1000, share


def _until_all_subscribed(scene: _Scene) -> None:
    """Nothing in the protocol says that a subscription has begun: events are sent until all have one."""
    fleet = scene.fleet
    deadline = time.monotonic() + DEADLINE_S
    while not all(each.received for each in fleet.subscribers):
        assert time.monotonic() < deadline, "not everybody is subscribed"
        scene.publish(1)
        _until_quiet(fleet)
    fleet.reset()


def _until_quiet(fleet: Fleet) -> None:
    received = -1
    while received != fleet.total:
        received = fleet.total
        _for(fleet, QUIET_S)


def _steady(scene: _Scene, seconds: float) -> Window:
    """`RATE` events a second, at equal distances."""
    fleet, events = scene.fleet, round(seconds * RATE)
    started = time.monotonic()
    published = 0

    def step() -> float | None:
        nonlocal published
        now = time.monotonic()
        if published < events:
            due = started + published / RATE
            if now >= due:
                scene.publish(1)
                published += 1
                due = started + published / RATE
            return max(0.0, due - now)
        ended = now >= started + seconds and fleet.total >= events * len(fleet.subscribers)
        return None if ended else _patience(now, started)

    return _window(scene, events, step)


def _burst(scene: _Scene, events: int) -> Window:
    """All at once."""
    fleet, started = scene.fleet, time.monotonic()
    scene.publish(events)

    def step() -> float | None:
        arrived = fleet.total >= events * len(fleet.subscribers)
        return None if arrived else _patience(time.monotonic(), started)

    return _window(scene, events, step)


def _window(scene: _Scene, events: int, step: Callable[[], float | None]) -> Window:
    fleet, server = scene.fleet, scene.server
    fleet.reset()
    started, server_cpu, driver_cpu = time.monotonic(), server.cpu_s(), time.process_time()
    fleet.pump(step)
    window = Window(
        events=events,
        deliveries=fleet.total,
        seconds=time.monotonic() - started,
        server_cpu_s=server.cpu_s() - server_cpu,
        driver_cpu_s=time.process_time() - driver_cpu,
        ages_s=fleet.ages_s,
    )
    counts = {each.received for each in fleet.subscribers}
    assert counts == {events}, f"{events} events, but subscribers received {sorted(counts)}"
    return window


def _patience(now: float, started: float) -> float:
    assert now - started < DEADLINE_S, "deliveries are missing"
    return 0.05


def _for(fleet: Fleet, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    fleet.pump(lambda: left if (left := deadline - time.monotonic()) > 0 else None)


def _tokens(how_many: int) -> list[str]:
    """Of as many subjects as the limit of sockets per subject demands; the peers ignore them."""
    now = datetime.now(UTC)
    grants = [Permission.RISK_WARNING_FULL]
    subjects = [
        issue(DEVELOPMENT_SECRET, f"trader-{number}", grants, None, 60, now)
        for number in range(-(-how_many // SOCKETS_PER_SUBJECT))
    ]
    return [subjects[number // SOCKETS_PER_SUBJECT] for number in range(how_many)]


def _window_json(windows: list[Window]) -> dict[str, object]:
    ages = [age for window in windows for age in window.ages_s]
    seconds = sum(window.seconds for window in windows)
    deliveries = sum(window.deliveries for window in windows)
    return {
        "eventsPerRound": windows[0].events,
        "cpuMillisecondsPerEvent": [round(window.ms_per_event, 2) for window in windows],
        "rounds": len(windows),
        "deliveries": deliveries,
        "cpuMicrosecondsPerDelivery": [round(window.us_per_delivery, 2) for window in windows],
        "deliveriesPerSecond": round(deliveries / seconds),
        "commitToClientMs": {
            "p50": round(percentile(ages, 0.5) * 1000, 2),
            "p99": round(percentile(ages, 0.99) * 1000, 2),
        },
        "serverCpuShare": round(sum(window.server_cpu_s for window in windows) / seconds, 3),
        "driverCpuShare": round(sum(window.driver_cpu_s for window in windows) / seconds, 3),
    }
