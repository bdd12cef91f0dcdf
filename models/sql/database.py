"""The database: open and close, run SQL, and the only place that starts a transaction.

Tables and migrations are Tortoise's. Statements are SQL with `$1, $2 ...` placeholders, the same text on
PostgreSQL and SQLite (rewritten to `?1, ?2 ...` for the latter): rows without model hydration cost a third.
Parameters are text, int, bool, None, Decimal and aware datetime.

Two facts that only this module has to handle. Tortoise keeps its connection in a context variable that a task
inherits, so every entry point (a request, a worker) enters `Database.active()`; and no task may be started
inside `transaction()`, since it would share the transaction's connection.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Error as SqliteError
from time import monotonic
from typing import Any

from asyncpg.exceptions import (
    InterfaceError,
    PostgresError,
)
from tortoise.backends.base.client import BaseDBAsyncClient, TransactionalDBClient
from tortoise.connection import get_connection, get_connections
from tortoise.context import TortoiseContext, _current_context
from tortoise.exceptions import IntegrityError, OperationalError, TransactionManagementError
from tortoise.migrations.executor import MigrationExecutor, MigrationTarget
from tortoise.migrations.recorder import MigrationRecorder
from tortoise.migrations.schema_editor import AsyncpgSchemaEditor
from tortoise.transactions import in_transaction

from models.sql.configuration import APP, MIGRATED_APPS, USUAL_LIMITS, SessionLimits, configuration
from models.sql.faults import (
    DatabaseUnavailable,
    explained,
    faults_named,
    owner_required,
    unless_lost,
)
from models.sql.forms import RowWithBlob, packets, require_storable, sqlite_text, sqlite_values
from models.sql.pooled import records
from models.sql.request_outage import RequestOutage
from models.sql.tracing import Tracer
from models.sql.unreadable import UnreadableRow, UnreadableRows

Row = Any
"""A database row: `row["column"]`."""

UniqueViolated = IntegrityError
"""A constraint of the database was violated."""

NEWEST = "__latest__"
"""Tortoise's name for the last migration."""
_MIGRATION_LOCK = 7_302_020
"""An arbitrary lock number that nothing else uses in this database."""
MIGRATION_STANDSTILL_MS = 60_000
"""A migration computes between its statements; one that takes longer is stuck, and ends."""
CONNECTIONS_REPLACED_EVERY_S = 1
"""The shortest interval: connections that were just created are not replaced because of an error on an older
one.
"""


@dataclass(frozen=True, slots=True)
class PoolUse:
    """Connections to PostgreSQL: those in use, how many there may be, and how many are waited for."""

    busy: int
    most: int
    awaited: int


class Database:
    """An open database. Not a singleton: two may be open in one process."""

    def __init__(
        self, url: str, pool_size: int, limits: SessionLimits = USUAL_LIMITS, tracer: Tracer | None = None
    ) -> None:
        self._url = url
        self._limits = limits
        self._configuration = configuration(url, pool_size, limits)
        self._context = _Context(limits, tracer, on_sqlite=url.startswith("sqlite://"))

    async def open(self) -> None:
        """Connect; raises `DatabaseUnavailable`, whose message contains no password."""
        opening = asyncio.ensure_future(self._open())
        try:
            await asyncio.shield(opening)
        except (OSError, PostgresError, SqliteError) as error:
            await self.close()  # The thread of an SQLite connection would keep the process from ending.
            raise DatabaseUnavailable(explained(error)) from error
        except asyncio.CancelledError:
            # The thread of an SQLite connection reports to the event loop, which must not be closed by then.
            await asyncio.wait([opening])
            await self.close()
            raise

    async def _open(self) -> None:
        if self._url.startswith("sqlite://"):
            Path(self._url.removeprefix("sqlite://").partition("?")[0]).parent.mkdir(
                parents=True, exist_ok=True
            )
        with self.active():
            # Otherwise Tortoise prepares queries for each table, in 6 ms; the desk sends SQL of its own.
            await self._context.init(config=self._configuration, init_connections=False)
            await fetch("SELECT 1 AS one")
            if not is_sqlite():
                await _require_limits(self._limits)

    async def close(self) -> None:
        """Close every connection."""
        with self.active():
            await self._context.close_connections()

    @contextmanager
    def active(self) -> Iterator[None]:
        """Inside, the functions of this package talk to this database; tasks started inside inherit it."""
        token = _current_context.set(self._context)
        try:
            yield
        finally:
            _current_context.reset(token)

    @property
    def unreadable(self) -> UnreadableRows:
        """The damaged rows that were read."""
        return self._context.unreadable

    @property
    def pool_use(self) -> PoolUse | None:
        """The connections of this process; None on SQLite."""
        with self.active():
            pool = None if is_sqlite() else getattr(_connection(), "_pool", None)
        if pool is None:
            return None
        awaited = sum(not each.done() for each in pool._queue._getters)
        return PoolUse(pool.get_size() - pool.get_idle_size(), pool.get_max_size(), awaited)

    async def server_version(self) -> int | None:
        """PostgreSQL's version number, such as 150014 for 15.14. None for SQLite, which is a linked
        library.
        """
        with self.active():
            if is_sqlite():
                return None
            (row,) = await fetch("SELECT current_setting('server_version_num') AS number")
            return int(row["number"])

    async def pending_migrations(self) -> list[str]:
        """The names of the migrations that are not applied yet, in order."""
        with self.active():
            executor = MigrationExecutor(_connection(), MIGRATED_APPS)
            steps = await executor.plan([MigrationTarget(APP, NEWEST)])
            return [step.migration.name for step in steps]

    async def unknown_migrations(self) -> list[str]:
        """The names of the applied migrations that this version of the desk does not have, in order."""
        with self.active():
            loader = MigrationExecutor(_connection(), self._configuration["apps"]).loader
            await loader.build_graph()
            return sorted(key.name for key in loader.applied_migrations - loader.disk_migrations.keys())

    async def migrate(self, progress: Callable[[str, str, str], object] | None = None) -> None:
        """Apply all pending migrations; calls `progress(event, app, name)` for each step.

        On PostgreSQL one process at a time applies them, all or none. Raises `PrivilegeMissing`,
        `DatabaseUnavailable`.
        """
        with self.active(), owner_required(), _faults_named():
            if is_sqlite():
                # Step by step, since each script is committed before the next one runs.
                with _client_kept():
                    async with _tables_may_be_remade():
                        await self._migrate(progress)
                return
            async with transaction():
                await _wait_to_be_the_only_one()
                await self._migrate(progress)

    async def _migrate(self, progress: Callable[[str, str, str], object] | None) -> None:
        executor = MigrationExecutor(_connection(), MIGRATED_APPS)
        await executor.migrate([MigrationTarget(APP, NEWEST)], progress=progress)


@contextmanager
def _client_kept() -> Iterator[None]:
    """Leave the transaction of a BEGIN that was cancelled (Ctrl-C at the first start): Tortoise 1.1.9 stays
    inside, and the client of a transaction cannot be closed.
    """
    client = _connection()
    try:
        yield
    finally:
        if _connection() is not client:
            get_connections().set("default", client)


@asynccontextmanager
async def _tables_may_be_remade() -> AsyncIterator[None]:
    """SQLite changes a table by creating a new one and dropping the old one, which foreign keys would
    prevent.
    """
    await fetch("PRAGMA foreign_keys = OFF")
    try:
        yield
        lost = await fetch("PRAGMA foreign_key_check")
        assert not lost, (
            f"the migration would leave references to missing rows: {[dict(row) for row in lost[:3]]}"
        )
    finally:
        await fetch("PRAGMA foreign_keys = ON")


class _Context(TortoiseContext):
    """Adds the first statement of transactions on these connections, the time of the last replacement of
    connections, the unreadable rows, the outage of requests, and the tracer.
    """

    def __init__(self, limits: SessionLimits, tracer: Tracer | None, *, on_sqlite: bool) -> None:
        super().__init__()
        self.tracer = tracer
        self.on_sqlite = on_sqlite
        self.first_statement = limits.first_statement
        self.replaced_at_s: float | None = None
        self.unreadable = UnreadableRows()
        self.request_outage = RequestOutage()


def _context() -> _Context:
    context = _current_context.get()
    assert isinstance(context, _Context), "outside of Database.active()"
    return context


def unreadable_rows() -> UnreadableRows:
    """Those of the active database."""
    return _context().unreadable


def request_outage() -> RequestOutage:
    """That of the active database."""
    return _context().request_outage


def current_tracer() -> Tracer | None:
    """That of the active database; None: the process is not traced."""
    return _context().tracer


def use_case(name: str, items: int) -> AbstractContextManager[object]:
    """Inside, a command with so many items is executed: a span of the trace, if there is one."""
    tracer = _context().tracer
    return nullcontext() if tracer is None else tracer.use_case(name, items)


@contextmanager
def noted() -> Iterator[None]:
    """Note rows inside that cannot be read as damaged, and raise."""
    try:
        yield
    except UnreadableRow as damaged:
        unreadable_rows().note(damaged)
        raise


async def _require_limits(limits: SessionLimits) -> None:
    """Refuse a pooler that ignores parameters at connect, which would leave sessions without limits."""
    names = limits.of_transactions
    rows = await fetch(
        f"SELECT name, setting FROM pg_settings WHERE name IN ({placeholders(list(names))})", *names
    )
    kept = {row["name"]: row["setting"] for row in rows}
    missing = [name for name, value in names.items() if kept.get(name) != value]
    if missing:
        raise DatabaseUnavailable(
            f"its sessions do not keep {', '.join(missing)}, as with a pooler such as PgBouncer: set"
            " GATEWAY_DATABASE_POOLER=true"
        )


async def _wait_to_be_the_only_one() -> None:
    """Wait for another migration, or for a long statement of one, however long that takes.

    Then create Tortoise's own table: if Tortoise looked for it first, the error would fail the whole
    transaction.
    """
    await fetch("SET LOCAL lock_timeout = 0")
    await fetch("SET LOCAL statement_timeout = 0")
    await fetch(f"SET LOCAL idle_in_transaction_session_timeout = {MIGRATION_STANDSTILL_MS}")
    await fetch("SELECT pg_advisory_xact_lock($1)", _MIGRATION_LOCK)
    connection = _connection()
    await MigrationRecorder(connection).ensure_schema(AsyncpgSchemaEditor(connection, atomic=False))


def _connection() -> BaseDBAsyncClient:
    """As Tortoise's `get_connection`, which imports a module in each call."""
    return _context().connections.get("default")


def is_sqlite() -> bool:
    """Whether the active database is SQLite, which has neither row locks nor a decimal type."""
    return _context().on_sqlite


@asynccontextmanager
async def transaction() -> AsyncIterator[None]:
    """All or nothing. Start no task, and call no venue or bus inside."""
    begun = in_transaction("default")
    try:
        async with _committed_at_the_end(begun):
            yield
    finally:
        _leave(begun)


def _leave(begun: Any) -> None:
    """Reset Tortoise's context.

    Tortoise 1.1.9 does not reset it if the connection was lost and cannot be released: everything that this
    task did later would then be part of a dead transaction.
    """
    token = getattr(begun, "token", None)
    client = getattr(begun, "client", None)
    if token is not None and client is not None and get_connection("default") is client:
        get_connections().reset(token)


@asynccontextmanager
async def _committed_at_the_end(begun: Any) -> AsyncIterator[None]:
    """Begin; commit on success, roll back on error; a lost connection raises `DatabaseUnavailable`."""
    outermost = not isinstance(_connection(), TransactionalDBClient)
    with _faults_named():
        try:
            await begun.__aenter__()
            if outermost and (first := _context().first_statement):
                await _connection().execute_script(first)
        except BaseException as cut_off:
            await _abandon(begun, cut_off)
            raise
    try:
        yield
    except BaseException as failure:
        with unless_lost():
            await begun.__aexit__(type(failure), failure, failure.__traceback__)
        raise
    with _faults_named():
        await begun.__aexit__(None, None, None)


def _faults_named(sql: str = "") -> AbstractContextManager[None]:
    return faults_named(sql, _replace_connections)


def _replace_connections() -> None:
    """Close each connection of the pool and open a new one before its next use."""
    context, now = _context(), monotonic()
    if context.replaced_at_s is not None and now - context.replaced_at_s < CONNECTIONS_REPLACED_EVERY_S:
        return
    client: Any = _connection()
    while isinstance(client, TransactionalDBClient):
        client = client._parent
    context.replaced_at_s = now
    with suppress(StopIteration):
        # A coroutine that awaits nothing, so `send` runs it to its end.
        client._pool.expire_connections().send(None)


@asynccontextmanager
async def consistent_read() -> AsyncIterator[None]:
    """Every SELECT inside sees the state of the same moment."""
    async with transaction():
        if not is_sqlite():
            await fetch("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


async def _abandon(begun: Any, cut_off: BaseException) -> None:
    """Release the connection of a BEGIN that was cancelled (a cancelled request), which Tortoise 1.1.9 would
    keep for ever.

    SQLite has to roll back. PostgreSQL must not, since asyncpg is still busy: the pool resets the connection,
    and Tortoise skips its rollback for just this exception.
    """
    if getattr(begun, "token", None) is None:
        return
    reason = cut_off if is_sqlite() else TransactionManagementError(str(cut_off))
    with suppress(InterfaceError, OperationalError, TransactionManagementError):
        await begun.__aexit__(type(reason), reason, None)


async def fetch(sql: str, *parameters: Any) -> Sequence[Row]:
    """The rows of a SELECT, or of a write with RETURNING; raises `UnstorableText`, `AmountTooLarge`."""
    tracer = _context().tracer
    if tracer is None:
        return await _fetch(sql, parameters)
    with tracer.statement(sql, _system()):
        return await _fetch(sql, parameters)


def _system() -> str:
    """As OpenTelemetry names it."""
    return "sqlite" if is_sqlite() else "postgresql"


async def _fetch(sql: str, parameters: Sequence[Any]) -> Sequence[Row]:
    require_storable(parameters)
    connection = _connection()
    if is_sqlite():
        with _faults_named():
            rows = await connection.execute_query_dict(sqlite_text(sql), sqlite_values(parameters))
        return [RowWithBlob(row) if bytes in map(type, row.values()) else row for row in rows]
    if _context().first_statement and not isinstance(connection, TransactionalDBClient):
        async with transaction():
            return await _fetch(sql, parameters)
    with _faults_named(sql):
        if isinstance(connection, TransactionalDBClient):
            return await connection.execute_query_dict(sql, list(parameters))
        return [dict(row) for row in await _from_the_pool(connection, sql, parameters)]


async def _from_the_pool(connection: Any, sql: str, parameters: Sequence[Any]) -> Sequence[Row]:
    """Raises the exceptions of Tortoise."""
    rows: Sequence[Row] = await connection._translate_exceptions(records, sql, *parameters)
    return rows


async def fetch_records(sql: str, *parameters: Any) -> Sequence[Row]:
    """As `fetch`, for rows that are read and not changed: as the driver has them."""
    context, connection = _context(), _connection()
    if context.on_sqlite or context.first_statement or isinstance(connection, TransactionalDBClient):
        return await fetch(sql, *parameters)
    tracer = context.tracer
    with nullcontext() if tracer is None else tracer.statement(sql, _system()):
        require_storable(parameters)
        with _faults_named(sql):
            return await _from_the_pool(connection, sql, parameters)


async def fetch_one(sql: str, *parameters: Any) -> Row | None:
    """The first row, or None."""
    rows = await fetch(sql, *parameters)
    return rows[0] if rows else None


async def execute(sql: str, *parameters: Any) -> int:
    """Run an INSERT, UPDATE or DELETE; returns the number of rows it changed.

    Counted by RETURNING: of the drivers' counts, Tortoise 1.1.9 reports 0 for every INSERT on PostgreSQL, and
    on SQLite includes changes of an earlier, cancelled statement.
    """
    return len(await fetch(f"{sql} RETURNING 1 AS changed", *parameters))


async def execute_many(sql: str, rows: Sequence[Sequence[Any]]) -> None:
    """Run one write for many rows of parameters, in few round trips."""
    if not rows:
        return
    tracer = _context().tracer
    if tracer is None:
        await _execute_many(sql, rows)
        return
    with tracer.statement(sql, _system()):
        await _execute_many(sql, rows)


async def _execute_many(sql: str, rows: Sequence[Sequence[Any]]) -> None:
    connection = _connection()
    if not isinstance(connection, TransactionalDBClient):
        # The transaction that Tortoise 1.1.9 creates for many rows stays open when it is cancelled.
        async with transaction():
            await _execute_many(sql, rows)
        return
    for row in rows:
        require_storable(row)
    if is_sqlite():
        with _faults_named():
            await connection.execute_many(sqlite_text(sql), [sqlite_values(row) for row in rows])
        return
    for packet in packets(rows):
        with _faults_named(sql):
            await connection.execute_many(sql, packet)


def insert_sql(table: str, columns: Sequence[str]) -> str:
    """INSERT of one row in the order of `columns`."""
    values = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values})"


def placeholders(values: Sequence[object], start: int = 1) -> str:
    """`$start, ...` for an IN list; an empty list becomes NULL, which matches nothing."""
    return ", ".join(f"${number}" for number in range(start, start + len(values))) or "NULL"


def value_rows(rows: int, columns: int) -> str:
    """`($1, $2), ($3, $4) ...` for an INSERT whose RETURNING names the rows that it stored."""
    each = (range(start, start + columns) for start in range(1, rows * columns + 1, columns))
    return ", ".join(f"({', '.join(f'${number}' for number in numbers)})" for numbers in each)


def for_update(*aliases: str, wait: bool = True, skip_locked: bool = False) -> str:
    """The row lock of a SELECT.

    Without `wait`, a row locked by another transaction raises `Busy` at once; with `skip_locked` it is left
    out. SQLite needs none: its transactions exclude each other.
    """
    if is_sqlite():
        return ""
    otherwise = " SKIP LOCKED" if skip_locked else "" if wait else " NOWAIT"
    return f" FOR UPDATE OF {', '.join(aliases)}{otherwise}"


_SQLITE_CLOCK = "strftime('%Y-%m-%d %H:%M:%f000+00:00', 'now'{later})"
"""In the format of stored times."""


def clock_sql() -> str:
    """The time of the database's own clock when the expression is evaluated."""
    return _SQLITE_CLOCK.format(later="") if is_sqlite() else "clock_timestamp()"


def clock_after_sql(parameter: int) -> str:
    """The database's clock plus the parameter with this number, in milliseconds."""
    if is_sqlite():
        return _SQLITE_CLOCK.format(later=f", (${parameter} / 1000.0) || ' seconds'")
    return f"clock_timestamp() + ${parameter} * interval '1 millisecond'"


def numeric(column: str) -> str:
    """A decimal column for comparing and sorting: SQLite stores decimals as text."""
    return f"CAST({column} AS NUMERIC)" if is_sqlite() else column


def decimal_text(column: str) -> str:
    """A decimal column as text, for `plain_decimal`: making a Decimal of it takes the driver much longer."""
    return column if is_sqlite() else f"trim_scale({column})::text"
