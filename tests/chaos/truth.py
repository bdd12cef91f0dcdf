"""What was committed, read from the outbox itself, past every proxy, and what each operation has to get."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import asyncpg

from domain.events import CaseEvent, OrderEvent
from models.sql.codec import event_from_text
from subscriptions.stream.bus import Position
from tests.chaos.operations import Operation

POLL_S = 0.1
PAGE_ROWS = 2000


@dataclass(frozen=True, slots=True)
class Expected:
    """An event that an operation's subscribers have to get."""

    offset: int
    id: str
    kind: str


class Truth:
    """`run` until cancelled keeps it current."""

    def __init__(self, database: "asyncpg.Pool[asyncpg.Record]", epoch: str) -> None:
        self.epoch = epoch
        self.last_offset = 0
        self.newest_at = 0.0
        """When the event of the last offset was committed, POSIX seconds."""
        self.expected: dict[Operation, list[Expected]] = {}
        self.wrong: list[str] = []
        """What is wrong with the outbox itself."""
        self._database = database
        self._reading = asyncio.Lock()
        self._events: list[tuple[int, CaseEvent | OrderEvent]] = []
        self._fills: set[str] = set()
        self._last_status: dict[str, str] = {}
        self._ids: set[str] = set()

    @property
    def start(self) -> Position:
        """Before the first event."""
        return Position(self.epoch, 0)

    def add(self, operations: Iterable[Operation]) -> None:
        """Also say what these have to get, from the first event on."""
        for operation in operations:
            self.expected[operation] = [
                expected for offset, event in self._events if (expected := _of(operation, offset, event))
            ]

    def newest_of(self, operation: Operation) -> str | None:
        """The newest event that its subscribers have to get."""
        expected = self.expected[operation]
        return expected[-1].id if expected else None

    async def run(self) -> None:
        while True:
            await self.read()
            await asyncio.sleep(POLL_S)

    async def read(self) -> None:
        """What was given its offset since, all of it."""
        async with self._reading:
            while await self._read() == PAGE_ROWS:
                pass

    async def _read(self) -> int:
        rows = await self._database.fetch(
            "SELECT stream_offset, payload FROM outbox WHERE stream_offset > $1"
            " ORDER BY stream_offset LIMIT $2",
            self.last_offset,
            PAGE_ROWS,
        )
        for row in rows:
            self._take(row["stream_offset"], row["payload"])
        return len(rows)

    def _take(self, offset: int, payload: str) -> None:
        event = event_from_text(payload.encode())
        if offset != self.last_offset + 1:
            self.wrong.append(f"offset {offset} follows {self.last_offset}")
        if event.id in self._ids:
            self.wrong.append(f"event {event.id} is in the outbox twice")
        self._ids.add(event.id)
        self.last_offset, self.newest_at = offset, event.at.timestamp()
        if isinstance(event, CaseEvent | OrderEvent):
            self._follow(event)
            self._events.append((offset, event))
            for operation, expected in self.expected.items():
                if wanted := _of(operation, offset, event):
                    expected.append(wanted)

    def _follow(self, event: CaseEvent | OrderEvent) -> None:
        """Every event continues where the one before it ended, and no fill is sent twice."""
        if isinstance(event, OrderEvent):
            subject, status = str(event.view.order.id), str(event.view.order.status)
            if event.fill is not None:
                if event.fill.execution_id in self._fills:
                    self.wrong.append(f"fill {event.fill.execution_id} is told twice")
                self._fills.add(event.fill.execution_id)
        else:
            subject, status = str(event.view.case.id), str(event.view.case.status)
        if (before := self._last_status.get(subject)) != event.previous_status:
            self.wrong.append(f"{subject}: {event.kind} comes from {event.previous_status}, not {before}")
        self._last_status[subject] = status


@dataclass(frozen=True, slots=True)
class Comparison:
    """One subscriber against the truth."""

    expected: int
    delivered: int
    lost: int
    """Missing, though a later one arrived."""
    late: int
    """Missing at the end, when patience was: the machine was too busy, or the subscriber is stuck."""
    foreign: int
    """Delivered, but not to be, or as another kind."""
    repeated: int
    reordered: int


def compare(expected: list[Expected], got: list[tuple[str, str]], until: int) -> Comparison:
    """`got` is (id, kind) in the order of arrival; events behind the offset `until` do not count."""
    wanted = {each.id: each for each in expected if each.offset <= until}
    later = {each.id for each in expected if each.offset > until}
    arrived = [(id_, kind) for id_, kind in got if id_ not in later]
    offsets = [wanted[id_].offset for id_, _ in arrived if id_ in wanted]
    missing = {wanted[id_].offset for id_ in wanted.keys() - {id_ for id_, _ in arrived}}
    late = sum(offset > max(offsets, default=0) for offset in missing)
    return Comparison(
        expected=len(wanted),
        delivered=len(arrived),
        lost=len(missing) - late,
        late=late,
        foreign=sum(id_ not in wanted or wanted[id_].kind != kind for id_, kind in arrived),
        repeated=len(arrived) - len({id_ for id_, _ in arrived}),
        reordered=sum(later_ < earlier for earlier, later_ in pairwise(offsets)),
    )


def _of(operation: Operation, offset: int, event: CaseEvent | OrderEvent) -> Expected | None:
    kind = operation.kind_of(event)
    return Expected(offset, event.id, kind) if kind else None
