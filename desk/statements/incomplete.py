"""An account is incomplete while a statement about it could not be stored.

What is missing from a book can turn the sign of its figures, so the desk does not open or close cases or sell
on the rest. A later statement about the same account and symbol, or currency, resolves it, or an operator
accepts it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from desk.assessment.doubts import clear_doubts, note_doubts
from desk.context import DeskContext
from domain.doubt import Doubt, DoubtReason
from domain.events import BookChanged
from domain.ids import AccountId, Symbol
from domain.inputs import InputKind, InputSubject, Outcome
from domain.money import Currency
from models import outbox
from models.doubt import doubts_of
from models.holding import account_id_of, cash_stated_at, position_stated_at
from models.input_outcome import StoredOutcome, dead_about, dead_of_owners, last_dead
from models.sql.database import transaction

STATEMENTS = frozenset({InputKind.POSITION, InputKind.CASH, InputKind.UNREADABLE})
"""Kinds of messages that state something about an account; an unreadable message may have been one."""
SUBJECTS_MAX = 100
"""Symbols and currencies of one account that are listed by name. Beyond that an operator has to check."""


async def note_dead_statement(desk: DeskContext, outcome: Outcome) -> AccountId | None:
    """The account that becomes incomplete because this message about it cannot be used, or None.

    A message that names no account makes none incomplete, and neither does one older than the known state of
    the same subject. A message without a subject is listed with an empty one: no later statement can be known
    to resolve it, so an operator has to check.
    """
    subject = outcome.subject
    if subject.kind not in STATEMENTS or not subject.owner:
        return None
    account_id = await account_id_of(subject.owner)
    if account_id is None or await _is_known_later(account_id, outcome):
        return None
    now = desk.clock()
    known = _subjects(await doubts_of([account_id]), account_id)
    about, detail = _doubted(subject), outcome.reason
    if about not in known and len(known) >= SUBJECTS_MAX:
        about, detail = "", f"more than {SUBJECTS_MAX} statements cannot be kept"
    is_new = about not in known
    async with transaction():
        await note_doubts(account_id, [Doubt(DoubtReason.INCOMPLETE, about, detail, now)], now)
        if is_new:
            await outbox.append([BookChanged(desk.event_id(), now, account_id)])
    if is_new:
        desk.on_commit()
    return account_id


async def note_missed_statements(accounts: Mapping[str, AccountId], as_of: datetime, now: datetime) -> int:
    """Mark imported accounts as incomplete if newer statements about them arrived before they were known;
    returns how many.

    `as_of`: the time of the imported book.
    """
    incomplete: set[AccountId] = set()
    for each in await dead_of_owners(list(accounts), sorted(STATEMENTS)):
        if (each.stated_at or each.decided_at) <= as_of:
            continue
        account_id = accounts[each.subject.owner]
        detail = f"stated before the account was known: {each.reason}"
        await note_doubts(
            account_id, [Doubt(DoubtReason.INCOMPLETE, _doubted(each.subject), detail, now)], now
        )
        incomplete.add(account_id)
    return len(incomplete)


async def missed_messages(
    symbols: Sequence[Symbol], client_nos: Sequence[str], as_of: datetime
) -> list[StoredOutcome]:
    """Newer messages about imported instruments (trade status) and clients (contact) that arrived before
    these were known and could not be used.
    """
    statuses = [InputSubject(InputKind.TRADE_STATUS, about=symbol) for symbol in symbols]
    contacts = [InputSubject(InputKind.CONTACT, client_no) for client_no in client_nos]
    dead = await dead_about([*statuses, *contacts])
    return [each for each in dead if (each.stated_at or each.decided_at) > as_of]


def _doubted(subject: InputSubject) -> str:
    """The symbol or currency in doubt; empty if the message does not name it."""
    return "" if subject.kind is InputKind.UNREADABLE else subject.about


async def mend(account_id: AccountId, stated: Outcome) -> None:
    """Remove the doubt that this statement resolves."""
    about = stated.subject.about
    if about not in _subjects(await doubts_of([account_id]), account_id):
        return
    dead = await last_dead(stated.subject)
    if dead is None or not _is_before(stated.stated_at, dead.stated_at):
        await clear_doubts(account_id, [DoubtReason.INCOMPLETE], [about])


async def _is_known_later(account_id: AccountId, outcome: Outcome) -> bool:
    """Whether a statement or an unusable message at least as new is known for the same subject."""
    about = outcome.subject.about
    if outcome.stated_at is None:
        return False
    if outcome.subject.kind is InputKind.POSITION:
        held_at = await position_stated_at(account_id, Symbol(about))
    else:
        held_at = await cash_stated_at(account_id, Currency(about))
    if held_at is not None and held_at >= outcome.stated_at:
        return True
    dead = await last_dead(outcome.subject)
    return dead is not None and _is_before(outcome.stated_at, dead.stated_at)


def _subjects(doubts: object, account_id: AccountId) -> set[str]:
    assert isinstance(doubts, dict)
    stored = doubts.get(account_id, ())
    return {each.doubt.subject for each in stored if each.doubt.reason is DoubtReason.INCOMPLETE}


def _is_before(one: datetime | None, other: datetime | None) -> bool:
    return one is not None and other is not None and one < other
