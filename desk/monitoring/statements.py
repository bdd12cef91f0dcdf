"""Store the statements of the book of record, each independent of the others.

A statement that cannot be stored now is held and tried again after a growing wait. It is not acknowledged to
the feed before it is stored, so that a process that dies loses nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from desk.context import DeskContext
from desk.fair_scheduler import FairScheduler
from desk.monitoring.account_steps import AccountSteps
from desk.statements.apply_book import (
    Applied,
    CannotBeHeld,
    UnknownSubject,
    apply_contact,
    apply_statement,
    take_trade_status,
)
from desk.statements.incomplete import mend, note_dead_statement
from domain.book_changes import BookChange, CashStated, ContactStated, PositionStated, TradeStatusStated
from domain.ids import AccountId
from domain.inputs import DeadReason, InputResult, Outcome, dead, stated_at, subject_of, superseded
from models.holding import account_id_of
from models.market import holders
from models.sql.forms import UnstorableText

HELD_MAX = 10_000
"""Held statements in memory. The feed delivers those beyond it again."""

SETTLED_MAX = 10_000
"""Statements remembered until the feed delivers them again; a forgotten one is superseded by itself."""

_WHAT = "storing a statement"


@dataclass(slots=True)
class TakenStatements:
    """The outcomes of statements."""

    to_read: set[AccountId] = field(default_factory=set)
    """The accounts whose books changed."""
    outcomes: list[Outcome] = field(default_factory=list)
    """One per statement, in order. HELD statements are tried again later."""


class Statements:
    """Held and settled statements; one per monitor."""

    def __init__(self, desk: DeskContext, scheduler: FairScheduler, accounts: AccountSteps) -> None:
        self._desk = desk
        self._scheduler = scheduler
        self._accounts = accounts
        self._held: dict[str, list[BookChange]] = {}
        self._settled: dict[BookChange, Outcome] = {}
        """Outcomes of held statements that the feed has yet to deliver again."""

    async def take(self, statements: Sequence[BookChange]) -> TakenStatements:
        """Store these statements, in order."""
        taken = TakenStatements()
        for stated in statements:
            outcome = self._settled.pop(stated, None)
            if outcome is None and not self._scheduler.waits(_who(stated)):
                outcome = await self._store(stated, taken)
            if outcome is None:
                self._hold(stated)
            taken.outcomes.append(outcome or _held(stated))
        return taken

    async def take_held(self) -> TakenStatements:
        """Store held statements that are due.

        The feed delivers each of them once more, and gets the outcome then.
        """
        taken = TakenStatements()
        for who in [who for who in self._held if not self._scheduler.waits(who)]:
            statements = self._held.pop(who)
            while statements and (outcome := await self._store(statements[0], taken)) is not None:
                self._settle(statements.pop(0), outcome)
                taken.outcomes.append(outcome)
            if statements:
                self._held[who] = statements
        return taken

    def _settle(self, stated: BookChange, outcome: Outcome) -> None:
        if len(self._settled) >= SETTLED_MAX:
            del self._settled[next(iter(self._settled))]
        self._settled[stated] = outcome

    def _hold(self, stated: BookChange) -> None:
        waiting = self._held.setdefault(_who(stated), [])
        if stated not in waiting and sum(map(len, self._held.values())) < HELD_MAX:
            waiting.append(stated)

    async def _store(self, stated: BookChange, taken: TakenStatements) -> Outcome | None:
        """The outcome of the statement; None if it could not be stored now."""
        outcomes: list[Outcome] = []

        async def apply() -> None:
            outcomes.append(await self._apply(stated, taken))

        fault = await self._scheduler.run(_who(stated), _WHAT, apply)
        if fault is not None and isinstance(stated, PositionStated | CashStated):
            account_id = await account_id_of(stated.account_no)
            if account_id is not None:
                await self._accounts.hold(account_id, _WHAT, fault)
        return outcomes[0] if fault is None else None

    async def _apply(self, stated: BookChange, taken: TakenStatements) -> Outcome:
        try:
            applied = await self._applied(stated)
        except CannotBeHeld as impossible:
            return await self._note_incomplete(impossible, stated, taken)
        except UnknownSubject as unknown:
            return dead(stated, DeadReason.UNKNOWN_SUBJECT, str(unknown))
        except UnstorableText as unstorable:
            return dead(stated, DeadReason.MALFORMED, str(unstorable))
        if applied.newer is not None:
            return superseded(stated, applied.newer)
        outcome = Outcome(subject_of(stated), InputResult.USED, stated_at(stated))
        if applied.account_id is not None:
            taken.to_read.add(applied.account_id)
            await self._accounts.release(applied.account_id)
            await mend(applied.account_id, outcome)
        if isinstance(stated, TradeStatusStated):
            taken.to_read.update(await holders(stated.symbol))
        return outcome

    async def _applied(self, stated: BookChange) -> Applied:
        match stated:
            case TradeStatusStated():
                return await take_trade_status(self._desk, stated)
            case ContactStated():
                return await apply_contact(self._desk, stated)
            case PositionStated() | CashStated():
                return await apply_statement(self._desk, stated)

    async def _note_incomplete(
        self, impossible: CannotBeHeld, stated: BookChange, taken: TakenStatements
    ) -> Outcome:
        """The account is incomplete because of the statement, unless the statement says that nothing
        is held.
        """
        taken.to_read.add(impossible.account_id)
        if isinstance(stated, PositionStated) and not stated.quantity:
            outcome = dead(stated, DeadReason.NOT_HELD, f"{impossible}, so the desk holds nothing of it")
            await mend(impossible.account_id, outcome)
            return outcome
        outcome = dead(stated, DeadReason.NOT_HELD, str(impossible))
        await note_dead_statement(self._desk, outcome)
        return outcome


def _held(stated: BookChange) -> Outcome:
    return Outcome(
        subject_of(stated),
        InputResult.HELD,
        stated_at(stated),
        "it cannot be stored at the moment; the desk tries again",
    )


def _who(stated: BookChange) -> str:
    match stated:
        case PositionStated() | CashStated():
            return f"account {stated.account_no}"
        case ContactStated():
            return f"client {stated.client_no}"
        case TradeStatusStated():
            return f"instrument {stated.symbol}"
