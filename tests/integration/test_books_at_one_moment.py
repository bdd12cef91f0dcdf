"""A book is read in several statements, all of one moment: a fill in between is in all of it or in none.

PostgreSQL alone can show it: SQLite has one writer, and readers that wait for it.
"""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.ids import AccountId
from domain.principal import EVERYTHING
from models.holding import add_to_cash, add_to_position, position_to_book_on
from models.sql.configuration import SessionLimits
from models.sql.database import Database, fetch, transaction
from resolvers.kit.loaders import Loaders
from tests.kit.desk_kit import APPLE, NOON, USD, DeskKit
from tests.kit.patience import PATIENCE_S
from tests.kit.servers import fresh_database

Read = Callable[[Loaders, AccountId], Coroutine[Any, Any, Any]]


async def now(loaders: Loaders, account_id: AccountId) -> Any:
    found = await loaders.books.load(account_id)
    assert found is not None
    return found.book


async def ahead(loaders: Loaders, account_id: AccountId) -> Any:
    return await loaders.books_ahead.load((account_id, NOON + timedelta(days=1)))


@pytest.mark.parametrize("read", [now, ahead])
async def test_a_fill_between_two_statements_is_in_the_whole_book_or_not_in_it(
    postgres_url: str, migrated_postgres: str, read: Read
) -> None:
    async with fresh_database(postgres_url, copy_of=migrated_postgres) as url:
        database = Database(url, pool_size=2, limits=SessionLimits(lock_timeout_s=PATIENCE_S * 2))
        await database.open()
        with database.active():
            kit = DeskKit()
            account_id = await kit.indebted_account()
            locked = asyncio.Event()
            # Begun out here: a task shares the transaction that it is begun in.
            reading = asyncio.create_task(_reads_when(locked, kit, read, account_id))
            async with transaction():
                # The positions are read by then, the cash waits.
                await fetch("LOCK TABLE cash_balance IN ACCESS EXCLUSIVE MODE")
                locked.set()
                await _a_reader_waits()
                held_before = await position_to_book_on(account_id, APPLE)
                await add_to_position(account_id, APPLE, held_before, Decimal(-100), Decimal(100))
                await add_to_cash(kit.desk.new_id(), account_id, USD, Decimal(10_000))
            book = (await reading).book
        held = next(each.quantity for each in book.holdings if each.instrument.symbol == APPLE)
        assert (held, book.cash[0].balance) == (1000, -150_000)
        await database.close()


async def _reads_when(locked: asyncio.Event, kit: DeskKit, read: Read, account_id: AccountId) -> Any:
    await locked.wait()
    return await read(Loaders(kit.desk, EVERYTHING), account_id)


async def _a_reader_waits() -> None:
    """For the table."""
    async with asyncio.timeout(PATIENCE_S):
        while not await fetch("SELECT 1 FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.01)
