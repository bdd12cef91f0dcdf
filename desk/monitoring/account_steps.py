"""The steps of watched accounts: one that fails is set aside, listed as unwatched, and delays no other.

Each step of the watching (reading an account, assessing it, refreshing its cases) is retried by itself. The
doubt about an account ends when every failed step has succeeded.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from decimal import Inexact
from enum import StrEnum
from functools import partial

from desk.assessment.doubts import clear_doubts, note_doubts
from desk.context import DeskContext
from desk.fair_scheduler import FairScheduler, Fault, Work
from domain.calendar import NoCalendar
from domain.doubt import Doubt, DoubtReason
from domain.ids import AccountId
from domain.money import AmountTooLarge
from outages.log import OutageLogs


class Step(StrEnum):
    """A step of watching an account."""

    READ = "reading an account"
    LOOK = "assessing an account"
    REFRESH = "refreshing the cases of an account"
    PRICE = "pricing an account"


_OWN = (DoubtReason.FAULT, DoubtReason.LOCKED, DoubtReason.TOO_LARGE)


class AccountSteps:
    """The state of all watched accounts; one per monitor."""

    def __init__(self, desk: DeskContext, scheduler: FairScheduler) -> None:
        self._unstored = OutageLogs(
            "account", "an unwatched account could not be listed", "the unwatched account can be listed again"
        )
        self._desk = desk
        self._scheduler = scheduler
        self._doubted: set[AccountId] = set()
        self._held: set[AccountId] = set()
        """Accounts with a statement that could not be stored yet."""

    def remember(self, account_id: AccountId, doubts: Iterable[Doubt]) -> None:
        """Take over stored doubts, perhaps of an earlier leader; they end when the account's steps
        succeed.
        """
        if any(doubt.reason in _OWN for doubt in doubts):
            self._doubted.add(account_id)

    async def run(self, account_id: AccountId, step: Step, work: Work) -> bool:
        """Run one step of the account unless it waits; returns whether it succeeded."""
        return not await self.run_all([account_id], step, lambda _: work())

    async def run_all(
        self,
        account_ids: Sequence[AccountId],
        step: Step,
        work: Callable[[Sequence[AccountId]], Awaitable[object]],
        left_out: Collection[AccountId] = (),
    ) -> list[AccountId]:
        """Run one step of all these accounts together; returns those that waited or failed. For `left_out`
        see `FairScheduler`.
        """
        ready = [each for each in account_ids if not self._waits(each, step)]
        failed = await self._scheduler.run_all(ready, lambda each: _who(each, step), step, work, left_out)
        for account_id in failed:
            await self._list(account_id, step)
        if self._doubted:
            await self._clear(set(ready) - set(failed) - set(left_out))
        if len(ready) == len(account_ids):
            return failed
        done = set(ready) - set(failed)
        return [each for each in account_ids if each not in done]

    async def hold(self, account_id: AccountId, what: str, fault: Fault) -> None:
        """A statement about the account cannot be stored yet, for this reason."""
        self._held.add(account_id)
        await self._doubt(account_id, what, fault)

    async def release(self, account_id: AccountId) -> None:
        """The statement about the account was stored."""
        if account_id in self._held:
            self._held.discard(account_id)
            await self._clear({account_id})

    def _waits(self, account_id: AccountId, step: Step) -> bool:
        """Whether the step waits, or the account could not be read, so that its known state is old."""
        if step is not Step.READ and self._scheduler.fault_of(_who(account_id, Step.READ)) is not None:
            return True
        return self._scheduler.waits(_who(account_id, step))

    async def _list(self, account_id: AccountId, step: Step) -> None:
        fault = self._scheduler.fault_of(_who(account_id, step))
        if fault is not None:
            await self._doubt(account_id, step, fault)

    async def _doubt(self, account_id: AccountId, what: str, fault: Fault) -> None:
        if not fault.is_reportable:
            return
        now = self._desk.clock()
        doubt = Doubt(_reason(fault), "", f"{what}: {_words(fault.error)}", now)
        await self._written(account_id, partial(note_doubts, account_id, [doubt], now))
        if account_id in self._doubted:
            others = [reason for reason in _OWN if reason is not doubt.reason]
            await self._written(account_id, partial(clear_doubts, account_id, others))
        self._doubted.add(account_id)

    async def _clear(self, account_ids: set[AccountId]) -> None:
        for account_id in sorted((account_ids & self._doubted) - self._held):
            if any(self._scheduler.fault_of(_who(account_id, step)) for step in Step):
                continue
            if await self._written(account_id, partial(clear_doubts, account_id, _OWN)):
                self._doubted.discard(account_id)

    async def _written(self, account_id: AccountId, work: Work) -> bool:
        """Whether the list of doubts could be changed; if not, the account stays doubted."""
        error = await self._scheduler.attempt(work)
        if error is not None:
            self._unstored.report(account_id, error)
        else:
            self._unstored.over(account_id)
        return error is None


def _who(account_id: AccountId, step: Step) -> str:
    return f"{account_id} {step.name}"


def _reason(fault: Fault) -> DoubtReason:
    match fault.error:
        case AmountTooLarge() | Inexact():
            return DoubtReason.TOO_LARGE
        case NoCalendar():
            return DoubtReason.UNKNOWN_CALENDAR
    return DoubtReason.LOCKED if fault.is_lock else DoubtReason.FAULT


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
