"""A gateway in a process of its own, made to be killed, and killing itself at the venue if told to.

The gateway is the real one; between it and its paper venue stands a `WatchedVenue`, which notes every order
that is sent although the venue has it: the venue forgives that, we do not.
"""

import mmap
import os
import signal
import struct
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import uvicorn

from domain.execution import ExecutionReport
from domain.ids import ClientOrderId
from gateway.app import create_app
from gateway.logs import configure_logging
from gateway.resources import OpenVenue, Parts, open_paper_venue
from gateway.settings import Settings, load_settings
from tests.kit.forks import forked, print_into
from venues.base import CancelRequest, NewOrder, Venue

RESENT = "resent"
"""The file, in the data directory, that names the orders sent twice."""


class VenueMoment(StrEnum):
    """Where on the way to the venue and back."""

    SUBMITTING = "before submit"
    SUBMITTED = "after submit"
    REPORTED = "report handed out"
    """The venue has given the report, and the desk has not recorded it."""
    RECORDED = "report recorded"
    """The desk has recorded the report, and the venue does not know that."""


@dataclass(frozen=True, slots=True)
class AtVenue:
    """Die at the `number`-th such moment, counted from 1."""

    number: int
    moment: VenueMoment

    def __str__(self) -> str:
        return f"{self.moment} {self.number}"


class SharedClock:
    """The real clock, moved by what stands in a file: the same for every process that reads the file."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(struct.pack("d", 0.0))
        with path.open("r+b") as file:
            self._moved = mmap.mmap(file.fileno(), struct.calcsize("d"))

    def __call__(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=struct.unpack_from("d", self._moved)[0])

    def set(self, now: datetime) -> None:
        """It goes on from here."""
        struct.pack_into("d", self._moved, 0, (now - datetime.now(UTC)).total_seconds())


class WatchedVenue:
    """A `Venue` that passes everything on, and kills the process at one moment (None: never)."""

    def __init__(self, venue: Venue, resent: Path, point: AtVenue | None) -> None:
        self._venue = venue
        self._resent = resent
        self._point = point
        self._left = point.number if point else 0

    @property
    def name(self) -> str:
        return self._venue.name

    async def submit(self, order: NewOrder) -> None:
        self._die_at(VenueMoment.SUBMITTING)
        if await self._venue.history(order.client_order_id) is not None:
            with self._resent.open("a") as file:
                file.write(f"{order.client_order_id}\n")
        await self._venue.submit(order)
        self._die_at(VenueMoment.SUBMITTED)

    async def cancel(self, request: CancelRequest) -> None:
        await self._venue.cancel(request)

    async def reports(self) -> AsyncIterator[ExecutionReport]:
        async for report in self._venue.reports():
            self._die_at(VenueMoment.REPORTED)
            yield report

    async def confirm(self, report: ExecutionReport) -> None:
        self._die_at(VenueMoment.RECORDED)
        await self._venue.confirm(report)

    async def history(self, client_order_id: ClientOrderId) -> tuple[ExecutionReport, ...] | None:
        return await self._venue.history(client_order_id)

    async def close(self) -> None:
        await self._venue.close()

    def _die_at(self, moment: VenueMoment) -> None:
        if self._point is not None and moment is self._point.moment:
            self._left -= 1
            if not self._left:
                os.kill(os.getpid(), signal.SIGKILL)


def start_gateway(
    environment: Mapping[str, str], log: Path, clock: Path, dies_at: AtVenue | None = None
) -> ForkServerProcess:
    """A running gateway process with its `SharedClock`; it logs into `log`, behind what is there."""
    return forked(_serve, dict(environment), log, clock, dies_at)


def _serve(environment: dict[str, str], log: Path, clock: Path, dies_at: AtVenue | None) -> None:
    print_into(log, log)
    os.environ.update(environment)
    settings = load_settings()
    configure_logging(settings.log_format, sys.stderr)
    app = create_app(settings, Parts(SharedClock(clock), _watched(dies_at)))
    uvicorn.Server(
        uvicorn.Config(app, host=settings.host, port=settings.port, log_config=None, access_log=False)
    ).run()


def _watched(point: AtVenue | None) -> Callable[[Settings, Callable[[], datetime]], OpenVenue]:
    def open_venue(settings: Settings, clock: Callable[[], datetime]) -> OpenVenue:
        opened = open_paper_venue(settings, clock)
        return OpenVenue(WatchedVenue(opened.venue, settings.data_directory / RESENT, point), opened.hear)

    return open_venue
