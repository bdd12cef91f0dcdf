"""The faults of a database as the desk tells them apart, and in words for the operator."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from asyncpg.exceptions import (
    InsufficientPrivilegeError,
    InterfaceError,
    InternalClientError,
    InvalidCatalogNameError,
    LockNotAvailableError,
    QueryCanceledError,
    TransactionRollbackError,
)

from models.sql.outage import (
    DRIVER_FAULTS,
    is_outage,
    makes_others_unfit,
    privilege_refused_by,
    sources_of,
)

Busy = LockNotAvailableError
"""A lock could not be acquired within the lock timeout, or at all because of a deadlock."""


class DatabaseUnavailable(OSError):
    """The database cannot be reached, refuses the login, or ended the connection: the last statement may or
    may not have taken effect.

    Try again; the next connection is a new one.
    """


class StatementCutOff(OSError):
    """The database cancelled a statement that took too long, or an operator did. Its transaction is rolled
    back; the connection lives.
    """


class PrivilegeMissing(OSError):
    """The database refuses a statement to the desk's role. Nothing was done; a GRANT solves it."""


NO_ANSWER = (OSError, Busy)
"""The database does not answer now: it is unavailable, cancelled the statement, refuses it to the desk's
role, or a lock could not be acquired.

Loops that try again treat all of them alike.
"""

_WRITABLE = ": let the user of the desk write the file and its directory"
_SQLITE_REMEDIES = {
    "SQLITE_CANTOPEN": _WRITABLE,
    "SQLITE_READONLY": _WRITABLE,
    "SQLITE_READONLY_DIRECTORY": _WRITABLE,
    "SQLITE_FULL": ": free space on its disk",
}
_PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE")


@contextmanager
def faults_named(sql: str, replace_connections: Callable[[], None]) -> Iterator[None]:
    """Raises the faults of this module for those of the driver; `sql` is the statement that runs inside.

    `replace_connections` is called if the fault of one connection makes the others unfit, too.
    """
    try:
        yield
    except QueryCanceledError as cut_off:
        raise StatementCutOff(str(cut_off)) from cut_off
    except TransactionRollbackError as deadlock:
        # A deadlock: the server aborted this transaction, so nothing of it was done.
        raise Busy(str(deadlock)) from deadlock
    except DRIVER_FAULTS as fault:
        if (refused := privilege_refused_by(fault)) is not None:
            raise PrivilegeMissing(_missing(refused, sql)) from fault
        if not is_outage(fault):
            raise
        if makes_others_unfit(fault):
            replace_connections()
        raise DatabaseUnavailable(_in_words(fault)) from fault


@contextmanager
def unless_lost() -> Iterator[None]:
    """A connection that ended has rolled back by itself."""
    try:
        yield
    except DRIVER_FAULTS as fault:
        if not is_outage(fault):
            raise


@contextmanager
def owner_required() -> Iterator[None]:
    """Says which role migrations need."""
    try:
        yield
    except PrivilegeMissing as missing:
        refused = privilege_refused_by(missing)
        raise PrivilegeMissing(
            f"{refused}: migrations need a role that owns the tables and may create more, such as the owner"
            " of the database; the role of GATEWAY_DATABASE_URL is another"
        ) from missing


def explained(error: Exception) -> str:
    """Why a database could not be opened, and what to do about it."""
    if "unsupported startup parameter" in str(error):
        return f"{error}, as with a pooler such as PgBouncer: set GATEWAY_DATABASE_POOLER=true"
    missing = next((each for each in sources_of(error) if isinstance(each, InvalidCatalogNameError)), None)
    if missing is not None:
        return f"{missing}: create it, or correct its name"
    if isinstance(error, OSError) and error.errno is not None and error.strerror:
        known = os.strerror(error.errno) if error.errno > 0 else error.strerror
        return known if known == error.strerror else f"{known} ({error.strerror})"
    return _in_words(error)


def _missing(refused: InsufficientPrivilegeError, sql: str) -> str:
    """PostgreSQL names the table, and not the privilege: the statement tells which ones it needs."""
    needing = " and ".join(word for word in _PRIVILEGES if word in sql) or "the statement"
    return f"{refused}: {needing} needs a privilege that the role of GATEWAY_DATABASE_URL lacks"


def _in_words(fault: Exception) -> str:
    """In words for the operator: for a lost connection asyncpg describes its own states."""
    if any(isinstance(each, (InternalClientError, InterfaceError)) for each in sources_of(fault)):
        return f"the connection was lost ({fault})"
    return f"{str(fault) or 'no answer'}{_remedy(fault)}"


def _remedy(fault: Exception) -> str:
    """What an operator can do about the file of SQLite; SQLite names neither the file nor the remedy."""
    names = [getattr(each, "sqlite_errorname", "") for each in sources_of(fault)]
    return next((text for name, text in _SQLITE_REMEDIES.items() if name in names), "")
