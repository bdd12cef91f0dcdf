"""Run a whole-book what-if in a process of its own, so that its seconds of computing delay no request.

One child per run: it starts in about a second, computes at a lower priority, answers and ends, which frees
its memory. One run at a time, a few may wait. A run that takes too long is stopped; a child whose parent has
died ends by itself when its time is over.
"""

import asyncio
import os
import pickle
import sys
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from desk.monitoring.book_what_if import BookEffect, BookWhatIfBusy, BookWhatIfRequest, book_what_if
from domain.money import Currency
from models.book import load_base_currencies
from models.sql.configuration import SessionLimits
from models.sql.database import Database
from models.sql.faults import DatabaseUnavailable, PrivilegeMissing, StatementCutOff

NICENESS = 10
KEPT_RUNS, KEPT_FOR = 4, timedelta(minutes=2)
ROOT = Path(__file__).parents[1]
ERROR_CHARACTERS = 2000
_OUTAGES = (DatabaseUnavailable, PrivilegeMissing, StatementCutOff)
"""Faults of the database, not of the child: they are answered as in any other request."""


class ChildFailed(RuntimeError):
    """The child ended without an answer; the message contains its last output."""


@dataclass(frozen=True, slots=True)
class _Job:
    database_url: str
    request: BookWhatIfRequest
    now: datetime
    timeout_s: float
    pooler: bool


@dataclass(frozen=True, slots=True)
class _FlatNow:
    """The answers of `BookRules.must_be_flat` at one moment, which can be passed to another process."""

    currencies: frozenset[Currency]

    def __call__(self, currency: Currency, now: datetime) -> bool:
        return currency in self.currencies


async def _portable(request: BookWhatIfRequest, now: datetime) -> BookWhatIfRequest:
    """The same question without references to market calendars."""
    flat = [each for each in await load_base_currencies() if request.policy.must_be_flat(each, now)]
    return replace(request, policy=replace(request.policy, must_be_flat=_FlatNow(frozenset(flat))))


class BookWhatIfProcess:
    """`run` raises `BookWhatIfBusy` if too many requests wait already, or a run takes too long."""

    def __init__(
        self, database_url: str, timeout_s: float, waiting_max: int, *, pooler: bool = False
    ) -> None:
        self._database_url = database_url
        self._pooler = pooler
        self._timeout_s = timeout_s
        self._waiting_max = waiting_max
        self._waiting = 0
        self._turn = asyncio.Lock()
        self._recent: dict[str, BookEffect] = {}

    async def run(self, request: BookWhatIfRequest, now: datetime, *, again: bool = False) -> BookEffect:
        """The effect on all accounts within the audience's scope; the last few results are kept for later
        pages.
        """
        scope = request.audience.account_scope
        key = repr((request.scenario, request.audience.may_see, None if scope is None else sorted(scope)))
        earlier = self._recent.get(key)
        if again and earlier is not None and now - earlier.as_of <= KEPT_FOR:
            return earlier
        effect = await self._next_run(request, now)
        self._recent.pop(key, None)
        self._recent[key] = effect
        while len(self._recent) > KEPT_RUNS:
            del self._recent[next(iter(self._recent))]
        return effect

    async def _next_run(self, request: BookWhatIfRequest, now: datetime) -> BookEffect:
        if self._waiting >= self._waiting_max:
            raise BookWhatIfBusy("Too many whole-book calculations are waiting: try again later.")
        self._waiting += 1
        try:
            async with self._turn:
                job = _Job(
                    self._database_url, await _portable(request, now), now, self._timeout_s, self._pooler
                )
                return await self._run(job)
        finally:
            self._waiting -= 1

    async def _run(self, job: _Job) -> BookEffect:
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "gateway.book_what_if_process",
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(self._timeout_s):
                answer, words = await child.communicate(pickle.dumps(job))
        except TimeoutError:
            raise BookWhatIfBusy(
                f"The calculation took longer than {self._timeout_s:g} s and was stopped."
            ) from None
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        if child.returncode:
            raise ChildFailed(words.decode(errors="replace")[-ERROR_CHARACTERS:])
        # Only this desk's own child writes here.
        outcome = pickle.loads(answer)
        if isinstance(outcome, _OUTAGES):
            raise outcome
        assert isinstance(outcome, BookEffect)
        return outcome


async def _compute(job: _Job) -> BookEffect:
    # The whole job has its own limit; neither a statement nor a pause to compute may exceed that.
    limits = SessionLimits(statement_timeout_s=job.timeout_s, standstill_s=job.timeout_s, pooler=job.pooler)
    database = Database(job.database_url, pool_size=1, limits=limits)
    await database.open()
    try:
        with database.active():
            async with asyncio.timeout(job.timeout_s):
                return await book_what_if(job.request, job.now)
    finally:
        await database.close()


def _outcome(job: _Job) -> BookEffect | OSError:
    """The effect, or the outage that the parent has to report."""
    try:
        return asyncio.run(_compute(job))
    except _OUTAGES as outage:
        return outage


def main() -> None:
    """The child: a job on standard input, its outcome on standard output, everything else on standard
    error.
    """
    answer = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    os.nice(NICENESS)
    # Only this desk itself writes here.
    job = pickle.load(sys.stdin.buffer)
    with answer:
        pickle.dump(_outcome(job), answer)


if __name__ == "__main__":
    main()
