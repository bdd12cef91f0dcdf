"""Which faults of a database are outages: its server is away, has ended the connection, or takes nothing in.

An outage is no mistake of the caller: what was asked may be asked again later. Everything else that a
database says is an answer to the statement. They are recognised by the five characters of SQLSTATE, and by
SQLite's names of its errors.
"""

from collections.abc import Iterator
from sqlite3 import Error as SqliteError

from asyncpg.exceptions import InterfaceError, InternalClientError, PostgresError
from tortoise.exceptions import BaseORMException

DRIVER_FAULTS = (BaseORMException, PostgresError, InterfaceError, InternalClientError, SqliteError, OSError)
"""What the drivers raise, and Tortoise above them."""

_CLASSES = (
    "08",  # The connection failed.
    "53",  # No connection, memory or disk space is left.
    "57P",  # An operator or a crash ended the session, or the server starts up.
    "58",  # The system below the server failed.
    "XX",  # The server failed within.
    "28",  # It does not let us in.
    "3D",  # The database is not there, or not yet.
)
_STATES = frozenset(
    {
        "25006",  # It takes no writes: a replica, or a primary that was set so.
        "25P03",  # Too long idle inside a transaction.
        "25P04",  # A transaction that took too long.
        "55000",  # It lets nobody in at the moment: the database is closed to connections.
    }
)
_SQLITE = (
    *("BUSY", "LOCKED", "READONLY", "FULL", "IOERR", "CANTOPEN", "NOMEM", "PROTOCOL"),
    *("CORRUPT", "NOTADB"),
)


def is_outage(error: BaseException) -> bool:
    """Whether what a driver raised is an outage."""
    return any(_is_outage(each) for each in _sources(error))


def makes_others_unfit(error: BaseException) -> bool:
    """Whether the other connections are to be made anew as well: they may lead to a server that became a
    replica, or keep what their session was told when it began."""
    return any(
        isinstance(each, PostgresError) and (each.sqlstate or "").startswith(("25006", "57P", "58", "XX"))
        for each in _sources(error)
    )


def _sources(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was made from: Tortoise wraps some, and keeps them as cause or as argument."""
    source: BaseException | None = error
    while source is not None:
        yield source
        inner = source.args[0] if source.args and isinstance(source.args[0], BaseException) else None
        source = source.__cause__ or inner


def _is_outage(error: BaseException) -> bool:
    match error:
        case PostgresError():
            state = error.sqlstate or ""
            return state in _STATES or state.startswith(_CLASSES)
        case SqliteError():
            # An error that Python's own module raises has no name.
            name = getattr(error, "sqlite_errorname", "")
            return name.removeprefix("SQLITE_").startswith(_SQLITE)
        case _:
            return isinstance(error, (OSError, InterfaceError, InternalClientError))
