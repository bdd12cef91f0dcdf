"""Revoked subjects, as this process knows them: at most one poll interval old, which is well below a second.

Polled from the database rather than broadcast: revoking must work while Redis is unavailable. If the time of
a revocation is damaged, every token of its subject is refused.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from domain.text import lenient_subject_form
from models.revocation import revocations_since
from models.sql.faults import NO_ANSWER
from outages.log import OutageLog

FOR_EVER = datetime.max.replace(tzinfo=UTC)
OVERLAP = timedelta(seconds=30)
"""Read again: another process's clock, or a slow commit, may put a revocation into the past."""


class Revocations:
    """`revoked_at` is called for every token; `run` keeps it current and reports each new revocation."""

    def __init__(self, poll_interval_s: float) -> None:
        self._poll_interval_s = poll_interval_s
        self._known: dict[str, datetime] = {}
        self._damaged: set[str] = set()
        self._newest: datetime | None = None
        self._outage = OutageLog("revocations cannot be read", "revocations are read again")

    def revoked_at(self, subject: str) -> datetime | None:
        """When the subject was last revoked."""
        return FOR_EVER if subject in self._damaged else self._known.get(subject)

    async def load(self) -> list[str]:
        """Read what is new; returns the subjects."""
        # A damaged revocation may have been restored, whatever its time.
        since = None if self._newest is None or self._damaged else self._newest - OVERLAP
        subjects, damaged = [], set()
        for revoked in await revocations_since(since):
            # Rows from before subjects had one form have the spelling used then.
            form = lenient_subject_form(revoked.subject)
            if revoked.at is None:
                damaged.add(form)
                continue
            if revoked.at > self._known.get(form, datetime.min.replace(tzinfo=UTC)):
                self._known[form] = revoked.at
                subjects.append(form)
            # A revocation ahead of the clock must not hide those made now.
            up_to = min(revoked.at, revoked.now)
            self._newest = up_to if self._newest is None else max(self._newest, up_to)
        subjects += damaged - self._damaged
        self._damaged = damaged
        return subjects

    async def run(self, revoked: Callable[[str], object]) -> None:
        """Until cancelled; calls `revoked` with every subject revoked since.

        An outage of the database does not end it: subjects revoked meanwhile are refused within a second
        after the database answers again.
        """
        while True:
            try:
                for subject in await self.load():
                    revoked(subject)
                self._outage.over()
            except NO_ANSWER as away:
                self._outage.report(away)
            await asyncio.sleep(self._poll_interval_s)
