"""Which database errors are outages: the server is unavailable, has ended the connection, or refuses writes.

An outage is not the caller's mistake, and the same statement may be sent again later. Every other error is an
answer to the statement. Outages are recognised by the five characters of SQLSTATE, and by the names of
SQLite's errors.
"""

from collections.abc import Iterator
from sqlite3 import Error as SqliteError

from asyncpg.exceptions import (
    InsufficientPrivilegeError,
    InterfaceError,
    InternalClientError,
    PostgresError,
)
from tortoise.exceptions import BaseORMException

DRIVER_FAULTS = (BaseORMException, PostgresError, InterfaceError, InternalClientError, SqliteError, OSError)
"""Exceptions of the drivers, and of Tortoise above them."""

_CLASSES = (
    "08",  # The connection failed.
    "53",  # No connection, memory or disk space is left.
    "57P",  # An operator or a crash ended the session, or the server starts up.
    "58",  # The system under the server failed.
    "XX",  # The server failed internally.
    "28",  # It refuses the login.
    "3D",  # The database does not exist (yet).
)
_STATES = frozenset(
    {
        "25006",  # It refuses writes: a replica, or a primary that is set so.
        "25P03",  # Idle inside a transaction for too long.
        "25P04",  # The transaction took too long.
        "55000",  # It accepts no connections at the moment.
    }
)
_SQLITE = (
    "BUSY",
    "LOCKED",
    "READONLY",
    "FULL",
    "IOERR",
    "CANTOPEN",
    "NOMEM",
    "PROTOCOL",
    "CORRUPT",
    "NOTADB",
)


def is_outage(error: BaseException) -> bool:
    """Whether the exception of a driver is an outage."""
    return any(_is_outage(each) for each in sources_of(error))


def makes_others_unfit(error: BaseException) -> bool:
    """Whether the other connections must be replaced as well: they may lead to a server that became a
    replica, or have outdated session parameters.
    """
    return any(
        isinstance(each, PostgresError) and (each.sqlstate or "").startswith(("25006", "57P", "58", "XX"))
        for each in sources_of(error)
    )


def privilege_refused_by(error: BaseException) -> InsufficientPrivilegeError | None:
    """The server's refusal of a privilege, if the error is one."""
    return next((each for each in sources_of(error) if isinstance(each, InsufficientPrivilegeError)), None)


def sources_of(error: BaseException) -> Iterator[BaseException]:
    """The error and its causes: Tortoise wraps some, and keeps them as cause or as argument."""
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
            # An error of Python's own module has no SQLite name.
            name = getattr(error, "sqlite_errorname", "")
            return name.removeprefix("SQLITE_").startswith(_SQLITE)
        case _:
            return isinstance(error, (OSError, InterfaceError, InternalClientError))
