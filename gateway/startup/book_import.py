"""Import a book file into the database: all of it in one transaction, or nothing.

The facts of the file are as of its `asOf`, not as of the import. A running desk watches new accounts at once.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from uuid import uuid4

import structlog

from desk.audit import entry
from desk.statements.incomplete import missed_messages, note_missed_statements
from domain.canonical import canonical_text, content_hash, differences, plain
from domain.events import BookChanged
from domain.ids import AccountId, ClientId, EventId
from domain.inputs import InputSubject
from domain.market import FxRate, Instrument
from domain.text import visible
from feeds.book import BookAccount, BookClient, BookFile, BookInstrument, as_of_at, facts_ahead
from models import outbox
from models.audit import AuditEntry, write_audit
from models.book_import import (
    StoredInstrument,
    desk_has_run,
    insert_account,
    insert_client_factors,
    insert_holdings,
    known_account_nos,
    known_client_nos,
    stored_instruments,
)
from models.client import ClientRow, insert_client
from models.contact import state_contact
from models.idempotency import bind_key, bound_at
from models.market import holders, load_quotes, save_fx_rates, save_instrument
from models.sql.database import transaction

log = structlog.get_logger()

CLIENTS_BEFORE_YIELD = 50
"""Clients between two reports of progress."""
IMPORT = "desk:import-book"
"""The actor of imports."""
PROBLEMS_LISTED_MAX = 20

_FIXED = {
    "market": "market",
    "currency": "currency",
    "kind": "kind",
    "lot_size": "lotSize",
    "multiplier": "multiplier",
    "option": "option",
}
"""Fields of an instrument that no file may change once an account held it, with their names in the file:
stored amounts and executions would get another meaning.
"""


class BookConflict(ValueError):
    """The file contradicts stored data, or the time; the message has the first 20 of the `problems`."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        rest = len(problems) - PROBLEMS_LISTED_MAX
        listed = problems[:PROBLEMS_LISTED_MAX] + ((f"... and {rest} more",) if rest > 0 else ())
        super().__init__("\n".join(listed))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Imported:
    """The result of an import; `earlier`: the same file was imported then, and nothing was stored now."""

    clients: int
    instruments: int
    """New or changed instruments."""
    earlier: datetime | None = None
    incomplete: int = 0
    """Accounts of the file about which newer statements arrived before they were known."""
    missed: tuple[InputSubject, ...] = ()
    """Subjects whose newer trade status or contact arrived before the instrument or client was known."""


async def import_book(book: BookFile, now: datetime, progress: Callable[[int], None]) -> Imported:
    """Store the book; `progress(clients)` is called with the number written, none of which is committed
    before the end.

    Raises `BookConflict`, with nothing stored, if the file contradicts stored data.
    """
    as_of = as_of_at(book, now)
    async with transaction():
        earlier = await _claimed_before(book, now)
        if earlier is not None:
            return Imported(0, 0, earlier)
        stored = await stored_instruments([part.instrument.symbol for part in book.instruments])
        problems = [*facts_ahead(book, now), *await _already_there(book), *_changed_while_held(book, stored)]
        problems += await _priced_below_zero(book, stored)
        if problems:
            raise BookConflict(tuple(problems))
        new = [part for part in book.instruments if part.instrument.symbol not in stored]
        await _save_instruments(new, as_of, now)
        await save_fx_rates([FxRate(fx.base_currency, fx.quote_currency, fx.rate, as_of) for fx in book.fx])
        accounts = await _import_clients(book.clients, as_of, now, progress)
        incomplete = await note_missed_statements(accounts, as_of, now)
        missed = await missed_messages(
            [part.instrument.symbol for part in new], [client.client_no for client in book.clients], as_of
        )
        account_ids = list(accounts.values())
        # Rows that the desk reads and locks come last, so that it waits for them as briefly as possible.
        changed = _changed(book, stored, as_of)
        await _save_changed(changed, stored, as_of, now)
        for part in changed:
            account_ids += await holders(part.instrument.symbol)
        await _announce(account_ids, now)
    for each in missed:
        log.warning(
            "a newer statement arrived before the import",
            kind=each.subject.kind,
            subject=str(each.subject),
            stated_at=each.stated_at,
        )
    subjects = tuple(each.subject for each in missed)
    return Imported(len(book.clients), len(new) + len(changed), incomplete=incomplete, missed=subjects)


def remarks(done: Imported) -> Iterator[str]:
    """Remarks about an import for the operator, one line each."""
    if done.incomplete:
        yield (
            f"{done.incomplete} accounts are incomplete: newer statements about them arrived before "
            "they were known. See `inputs --account`, and publish those messages again"
        )
    for kind in sorted({subject.kind for subject in done.missed}):
        names = [visible(str(subject)) for subject in done.missed if subject.kind is kind]
        more = len(names) - PROBLEMS_LISTED_MAX
        listed = ", ".join(names[:PROBLEMS_LISTED_MAX]) + (f" and {more} more" if more > 0 else "")
        yield (
            f"a newer {kind} was stated before it could be used, of {listed}. See `inputs`, and publish "
            "those messages again"
        )


async def _claimed_before(book: BookFile, now: datetime) -> datetime | None:
    """When the same file was imported; otherwise bind it to this import.

    A file without clients only states instruments, and may be imported repeatedly. The key is written first
    in any case: on SQLite a transaction that begins by reading may not be able to write.
    """
    text_hash = content_hash(canonical_text(book))
    if await bind_key(IMPORT, text_hash, "import-book", text_hash, now) or not book.clients:
        return None
    return await bound_at(IMPORT, text_hash)


async def _already_there(book: BookFile) -> list[str]:
    """Paths of clients or accounts in the file that are already stored."""
    clients = {f"$.clients[{at}].clientNo": part.client_no for at, part in enumerate(book.clients)}
    accounts = {
        f"$.clients[{at}].accounts[{n}].accountNo": account.account_no
        for at, client in enumerate(book.clients)
        for n, account in enumerate(client.accounts)
    }
    known = await known_client_nos(list(clients.values())), await known_account_nos(list(accounts.values()))
    return [
        f"{path}: {number} is in the database already"
        for numbers, there in zip((clients, accounts), known, strict=True)
        for path, number in numbers.items()
        if number in there
    ]


def _changed_while_held(book: BookFile, stored: dict[str, StoredInstrument]) -> Iterator[str]:
    """Changes of fixed fields of an instrument that an account holds or held."""
    for at, part in enumerate(book.instruments):
        known = stored.get(part.instrument.symbol)
        if known is None or not known.was_held:
            continue
        for attribute, field in _FIXED.items():
            before, after = getattr(known.instrument, attribute), getattr(part.instrument, attribute)
            if before != after:
                yield (
                    f"$.instruments[{at}].{field}: an account holds or held {part.instrument.symbol} "
                    f"with {_word(before)}: {_word(after)} would change what is booked"
                )


async def _priced_below_zero(book: BookFile, stored: dict[str, StoredInstrument]) -> list[str]:
    """Paths of instruments whose prices the file says cannot be negative, although the last price is."""
    paths = {
        part.instrument.symbol: f"$.instruments[{at}].negativePrices"
        for at, part in enumerate(book.instruments)
        if not part.instrument.negative_prices
        and part.instrument.symbol in stored
        and stored[part.instrument.symbol].instrument.negative_prices
    }
    quotes = await load_quotes(list(paths)) if paths else {}
    return [
        f"{paths[symbol]}: the last price of {symbol} is below zero and would remain in use: publish a "
        "price of zero or more, then import again"
        for symbol, quote in quotes.items()
        if quote.is_negative
    ]


def _word(value: object) -> str:
    return str(plain(value)) if isinstance(value, Decimal) else str(value)


def _changed(book: BookFile, stored: dict[str, StoredInstrument], as_of: datetime) -> list[BookInstrument]:
    """Stored instruments that differ in the file, in the form to be stored."""
    merged = [
        replace(part, instrument=_with_newest_status(part.instrument, stored[part.instrument.symbol], as_of))
        for part in book.instruments
        if part.instrument.symbol in stored
    ]
    return [part for part in merged if part != _as_stored(stored[part.instrument.symbol])]


def _as_stored(known: StoredInstrument) -> BookInstrument:
    """The stored instrument in the form of a file."""
    return BookInstrument(known.instrument, known.factors)


def _with_newest_status(stated: Instrument, known: StoredInstrument, as_of: datetime) -> Instrument:
    """A status stated later than the file has priority."""
    if known.status_at <= as_of and known.instrument.trade_status is not stated.trade_status:
        return stated
    was = known.instrument
    return replace(stated, trade_status=was.trade_status, suspended_since=was.suspended_since)


async def _save_instruments(parts: Sequence[BookInstrument], as_of: datetime, now: datetime) -> None:
    for part in parts:
        await save_instrument(part.instrument, part.factors, as_of)
    await write_audit([_entry(now, "instrument", p.instrument.symbol, p) for p in parts])


async def _save_changed(
    parts: Sequence[BookInstrument], stored: dict[str, StoredInstrument], as_of: datetime, now: datetime
) -> None:
    for part in parts:
        known = stored[part.instrument.symbol]
        same_status = part.instrument.trade_status is known.instrument.trade_status
        status_at = known.status_at if same_status else as_of
        instrument = part.instrument
        if same_status and instrument.suspended_since is None:
            # A repeated status keeps its start.
            instrument = replace(instrument, suspended_since=known.instrument.suspended_since)
        await save_instrument(instrument, part.factors, status_at)
        before, after = differences(_as_stored(known), part)
        about = ("import", "instrument", part.instrument.symbol)
        await write_audit([entry(IMPORT, now, *about).changing(before=before, after=after)])


async def _import_clients(
    clients: Sequence[BookClient], as_of: datetime, now: datetime, progress: Callable[[int], None]
) -> dict[str, AccountId]:
    """The imported accounts by number."""
    accounts: dict[str, AccountId] = {}
    for number, client in enumerate(clients, start=1):
        accounts |= await _import_client(client, as_of, now)
        if number % CLIENTS_BEFORE_YIELD == 0 or number == len(clients):
            progress(number)
    return accounts


async def _import_client(client: BookClient, as_of: datetime, now: datetime) -> dict[str, AccountId]:
    row = ClientRow(ClientId(uuid4().hex), client.client_no, client.name, client.group)
    await insert_client(row)
    if client.contact is not None:
        await state_contact(row.id, client.contact, as_of)
    await insert_client_factors(row.id, [(part.symbol, part.factors) for part in client.factors])
    await write_audit([_client_entry(row, client, now)])
    return {
        account.account_no: await _import_account(row, account, as_of, now) for account in client.accounts
    }


async def _import_account(
    client: ClientRow, account: BookAccount, as_of: datetime, now: datetime
) -> AccountId:
    account_id = AccountId(uuid4().hex)
    await insert_account(client, account_id, account.account_no, account.terms)
    positions = [
        (
            part.symbol,
            part.quantity,
            part.average_cost,
            (part.short_since or as_of) if part.quantity < 0 else None,
        )
        for part in account.positions
    ]
    await insert_holdings(account_id, account.cash, positions, as_of)
    await write_audit([_entry(now, "account", account_id, account)])
    return account_id


async def _announce(account_ids: Sequence[AccountId], now: datetime) -> None:
    """Let the monitor of a running desk load these accounts when this commits. A new desk loads every account
    when it starts.
    """
    if await desk_has_run():
        await outbox.append(
            [BookChanged(EventId(uuid4().hex), now, id_) for id_ in dict.fromkeys(account_ids)]
        )


def _client_entry(row: ClientRow, client: BookClient, now: datetime) -> AuditEntry:
    """Without name and addresses, which are personal data."""
    reached = None if client.contact is None else {"language": client.contact.language}
    stored = {
        "clientNo": client.client_no,
        "group": client.group,
        "factors": client.factors,
        "contact": reached,
    }
    return _entry(now, "client", row.id, stored)


def _entry(now: datetime, entity: str, entity_id: str, stored: object) -> AuditEntry:
    return entry(IMPORT, now, "import", entity, entity_id).changing(after=plain(stored))
