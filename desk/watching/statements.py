"""Takes in what the book of record states, each statement whatever becomes of the others.

A statement that cannot be stored at the moment is held and tried again, after a growing wait. Until it is
stored the feed is not told that it was taken, so that a process that dies meanwhile loses nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from desk.desk import Desk
from desk.turns import Turns
from desk.watching.account_turns import AccountTurns
from desk.watching.apply_book import UnknownSubject, apply_contact, apply_statement, take_trade_status
from domain.book_changes import BookChange, CashStated, ContactStated, PositionStated, TradeStatusStated
from domain.ids import AccountId
from domain.money import AmountTooLarge
from models.database import UnstorableText
from models.holding import account_id_of
from models.market import holders

HELD_MAX = 10_000
"""Statements that wait in memory. The feed delivers again what is not among them."""

_WHAT = "storing a statement"


@dataclass(slots=True)
class TakenStatements:
    """What became of statements."""

    to_read: set[AccountId] = field(default_factory=set)
    """The accounts whose books changed."""
    refused: list[tuple[BookChange, str]] = field(default_factory=list)
    """What can never be stored, and why."""
    held: list[BookChange] = field(default_factory=list)
    """What is tried again later."""


class Statements:
    """One per monitor."""

    def __init__(self, desk: Desk, turns: Turns, accounts: AccountTurns) -> None:
        self._desk = desk
        self._turns = turns
        self._accounts = accounts
        self._held: dict[str, list[BookChange]] = {}

    async def take(self, statements: Sequence[BookChange]) -> TakenStatements:
        """Store these, in order."""
        taken = TakenStatements()
        for stated in statements:
            if self._turns.waits(_who(stated)) or not await self._store(stated, taken):
                self._hold(stated)
                taken.held.append(stated)
        return taken

    async def take_held(self) -> set[AccountId]:
        """Store what was held and whose turn it is; the accounts whose books changed. What can never be
        stored is left to the feed, which delivers it again."""
        taken = TakenStatements()
        for who in [who for who in self._held if not self._turns.waits(who)]:
            statements = self._held.pop(who)
            while statements and await self._store(statements[0], taken):
                del statements[0]
            if statements:
                self._held[who] = statements
        return taken.to_read

    def _hold(self, stated: BookChange) -> None:
        waiting = self._held.setdefault(_who(stated), [])
        if stated not in waiting and sum(map(len, self._held.values())) < HELD_MAX:
            waiting.append(stated)

    async def _store(self, stated: BookChange, taken: TakenStatements) -> bool:
        """Whether it is done with, one way or the other."""
        fault = await self._turns.take(_who(stated), _WHAT, partial(self._apply, stated, taken))
        if fault is not None and isinstance(stated, PositionStated | CashStated):
            account_id = await account_id_of(stated.account_no)
            if account_id is not None:
                await self._accounts.hold(account_id, _WHAT, fault)
        return fault is None

    async def _apply(self, stated: BookChange, taken: TakenStatements) -> None:
        try:
            why = await self._applied(stated, taken)
        except (UnknownSubject, AmountTooLarge, UnstorableText) as impossible:
            why = str(impossible)
        if why is not None:
            taken.refused.append((stated, why))

    async def _applied(self, stated: BookChange, taken: TakenStatements) -> str | None:
        """Why it cannot be stored, if it cannot."""
        if isinstance(stated, TradeStatusStated):
            if await take_trade_status(self._desk, stated):
                taken.to_read.update(await holders(stated.symbol))
            return None
        if isinstance(stated, ContactStated):
            return await apply_contact(self._desk, stated)
        account_id = await apply_statement(self._desk, stated)
        taken.to_read.add(account_id)
        await self._accounts.release(account_id)
        return None


def _who(stated: BookChange) -> str:
    match stated:
        case PositionStated() | CashStated():
            return f"account {stated.account_no}"
        case ContactStated():
            return f"client {stated.client_no}"
        case TradeStatusStated():
            return f"instrument {stated.symbol}"
