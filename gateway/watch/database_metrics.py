"""The metrics of what the database holds: read when a scrape needs them, and then shared for an interval.

The workers of a fleet share them by a file, so that one of them reads for all. A database that does not
answer in time delays no scrape further, and its metrics are left out.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

from prometheus_client.core import Metric

from gateway.loops.patience import SharedProbe
from gateway.watch.family_files import as_data, content_of, from_data, replace_content
from models.sql.faults import NO_ANSWER
from models.sql.unreadable import UnreadableRow


class DatabaseMetrics:
    """Needs an active database."""

    def __init__(
        self,
        ask: Callable[[], Coroutine[Any, Any, list[Metric]]],
        patience_s: float,
        interval_s: float,
        directory: Path | None = None,
    ) -> None:
        """`directory`: shared with the other workers of the fleet."""
        self._probe = SharedProbe(ask, patience_s)
        self._interval_s = interval_s
        self._shared = directory and directory / "database"
        self._read: tuple[float, list[Metric]] | None = None

    async def metrics(self) -> list[Metric]:
        """At most `interval_s` old; none if the database does not answer."""
        if self._shared is not None:
            self._read = await asyncio.to_thread(_left_in, self._shared) or self._read
        # The clock of the machine since its start: the same in all of its processes.
        if self._read is not None and time.monotonic() - self._read[0] < self._interval_s:
            return self._read[1]
        # `/readyz` names damaged data; it must not take other figures away.
        with suppress(*NO_ANSWER, UnreadableRow):
            read = self._read = time.monotonic(), await self._probe.answer()
            if self._shared is not None:
                await asyncio.to_thread(_leave, self._shared, *read)
            return read[1]
        return []


def _left_in(file: Path) -> tuple[float, list[Metric]] | None:
    content = content_of(file)
    return None if content is None else (content["at"], from_data(content["families"]))


def _leave(file: Path, at: float, metrics: list[Metric]) -> None:
    replace_content(file, {"at": at, "families": as_data(metrics)})
