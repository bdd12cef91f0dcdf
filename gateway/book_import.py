"""Brings a book file into the database, one client and transaction at a time."""

from collections.abc import Callable, Iterator
from datetime import datetime
from uuid import uuid4

from desk.audit import entry
from domain.canonical import plain
from domain.ids import AccountId, ClientId
from domain.market import FxRate
from feeds.book import BookAccount, BookClient, BookFile
from models.audit import AuditEntry, write_audit
from models.book_import import insert_account, insert_client_factors, insert_holdings
from models.client import ClientRow, insert_client
from models.contact import state_contact
from models.database import transaction
from models.market import save_fx_rates, save_instrument

CLIENTS_PER_TRANSACTION = 50
IMPORT = "desk:import-book"
"""The actor."""


async def import_book(book: BookFile, now: datetime, progress: Callable[[int], None]) -> None:
    """Store the book in an empty database; `progress(clients)` hears how many are done.

    Raises `UniqueViolated`, with all before that chunk stored, when a client or account is there already.
    """
    async with transaction():
        for part in book.instruments:
            await save_instrument(part.instrument, part.factors, part.instrument.suspended_since or now)
        await save_fx_rates([FxRate(fx.base_currency, fx.quote_currency, fx.rate, now) for fx in book.fx])
        await write_audit([_entry(now, "instrument", p.instrument.symbol, p) for p in book.instruments])
    done = 0
    for chunk in _chunks(book.clients):
        async with transaction():
            for client in chunk:
                await _import_client(client, now)
        done += len(chunk)
        progress(done)


async def _import_client(client: BookClient, now: datetime) -> None:
    row = ClientRow(ClientId(uuid4().hex), client.client_no, client.name, client.group)
    await insert_client(row)
    if client.contact is not None:
        await state_contact(row.id, client.contact, now)
    await insert_client_factors(row.id, [(part.symbol, part.factors) for part in client.factors])
    await write_audit([_client_entry(row, client, now)])
    for account in client.accounts:
        await _import_account(row, account, now)


async def _import_account(client: ClientRow, account: BookAccount, now: datetime) -> None:
    account_id = AccountId(uuid4().hex)
    await insert_account(client, account_id, account.account_no, account.terms)
    positions = [
        (
            part.symbol,
            part.quantity,
            part.average_cost,
            (part.short_since or now) if part.quantity < 0 else None,
        )
        for part in account.positions
    ]
    await insert_holdings(account_id, account.cash, positions, now)
    await write_audit([_entry(now, "account", account_id, account)])


def _client_entry(row: ClientRow, client: BookClient, now: datetime) -> AuditEntry:
    """Without name and addresses, which are personal."""
    reached = None if client.contact is None else {"language": client.contact.language}
    stored = {
        "clientNo": client.client_no,
        "group": client.group,
        "factors": client.factors,
        "contact": reached,
    }
    return _entry(now, "client", row.id, stored)


def _entry(now: datetime, entity: str, entity_id: str, stored: object) -> AuditEntry:
    return entry(IMPORT, now, "import", entity, entity_id, after=plain(stored))


def _chunks(clients: tuple[BookClient, ...]) -> Iterator[tuple[BookClient, ...]]:
    for start in range(0, len(clients), CLIENTS_PER_TRANSACTION):
        yield clients[start : start + CLIENTS_PER_TRANSACTION]
