"""A process that imports a book and kills itself on the way: it is given a URL and a number of clients."""

import asyncio
import os
import signal
import sys
from datetime import UTC, datetime

from domain.margin import AccountType
from feeds.book import BookFile
from gateway.startup.book_import import import_book
from models.sql.database import Database
from tests.kit.book_files import BANK, a_book, a_client, an_account, an_instrument

AT = datetime(2020, 3, 16, 2, 0, tzinfo=UTC)
CLIENTS = 300


def a_large_book() -> BookFile:
    """Each client has one account that owes and holds."""
    clients = (
        a_client(
            f"C{number}", an_account(f"M{number}", "-1000", {BANK: 100}, account_type=AccountType.MARGIN)
        )
        for number in range(CLIENTS)
    )
    return a_book(*clients, instruments=(an_instrument(BANK, lot=100),))


async def main(url: str, after: int) -> None:
    """Dies, as by `kill -9`, when so many clients are written."""

    def progress(clients: int) -> None:
        if clients >= after:
            os.kill(os.getpid(), signal.SIGKILL)

    database = Database(url, pool_size=1)
    await database.open()
    with database.active():
        await import_book(a_large_book(), AT, progress)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
