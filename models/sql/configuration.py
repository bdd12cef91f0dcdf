"""Tortoise's configuration of the database: its address, its pool, the limits of a session, and when a
connection counts as lost.

PostgreSQL keeps a session, and the row locks of its transaction, for as long as the connection seems to live.
A process that was frozen, or whose host vanished, sends nothing, and by the defaults of Linux that is noticed
after two hours. Each session therefore has limits on the server's side: for the time between two statements
of a transaction, and for packets that the client does not acknowledge.

A pooler in transaction mode (PgBouncer) refuses them when a client connects, and gives each transaction
another session: with one they are set at the beginning of every transaction, and statements are not prepared
by name. The server's connections are then the pooler's own, so its settings decide when a client has
vanished.

The desk changes no session: settings and advisory locks end with their transaction, and it declares no cursor
and listens to no channel. A connection therefore goes back to the pool as it is.
"""

import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from inspect import signature
from typing import Any

import asyncpg
from asyncpg import Connection
from tortoise.backends.base.config_generator import expand_db_url
from tortoise.exceptions import ConfigurationError

_PROBES = 3
_KEEPALIVE: dict[int, Callable[[float], int]] = {
    getattr(socket, name): value
    for name, value in {
        "TCP_KEEPIDLE": lambda after_s: max(1, round(after_s / 2)),
        "TCP_KEEPINTVL": lambda after_s: max(1, round(after_s / 2 / _PROBES)),
        "TCP_KEEPCNT": lambda after_s: _PROBES,
        "TCP_USER_TIMEOUT": lambda after_s: round(after_s * 1000),
    }.items()
    if hasattr(socket, name)
}
"""A probe after half the time that a connection may be silent; not every system supports every option."""

APP = "models"
"""Tortoise's name for the tables together."""
STATEMENT_TIMEOUT_S = 60
"""The default of the statement timeout."""


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """The limits of a PostgreSQL session, in seconds; each has a setting of the gateway."""

    lock_timeout_s: float = 5
    statement_timeout_s: float = STATEMENT_TIMEOUT_S
    unreachable_after_s: float = 30
    """How long the server may leave packets unacknowledged."""
    standstill_s: float = 60
    """How long the client may send no statement inside a transaction, or leave packets unacknowledged."""
    pooler: bool = False
    """The server is reached through a pooler in transaction mode."""

    @property
    def of_transactions(self) -> dict[str, str]:
        """PostgreSQL's parameters that can be set for one transaction."""
        return {
            "lock_timeout": _milliseconds(self.lock_timeout_s),
            "statement_timeout": _milliseconds(self.statement_timeout_s),
            "idle_in_transaction_session_timeout": _milliseconds(self.standstill_s),
        }

    @property
    def of_sessions(self) -> dict[str, str]:
        """PostgreSQL's parameters for a whole session; those of TCP have no effect on a Unix socket."""
        pause_s = max(1, round(self.standstill_s / 2))
        return self.of_transactions | {
            "tcp_keepalives_idle": str(pause_s),
            "tcp_keepalives_interval": str(max(1, round(pause_s / _PROBES))),
            "tcp_keepalives_count": str(_PROBES),
            "tcp_user_timeout": _milliseconds(self.standstill_s),
        }

    @property
    def first_statement(self) -> str:
        """The first statement of a transaction; empty if its session has the limits already."""
        if not self.pooler:
            return ""
        return "".join(f"SET LOCAL {name} = {value}; " for name, value in self.of_transactions.items())


USUAL_LIMITS = SessionLimits()
_OPTIONS = {*signature(asyncpg.connect).parameters, *signature(asyncpg.create_pool).parameters} | {
    "minsize",
    "maxsize",
    "schema",
    "application_name",
}
"""Of the driver, and of Tortoise."""


def problem_of_address(url: str) -> str | None:
    """Why a database cannot have this URL, without any part of it that may belong to a password."""
    try:
        connection = configuration(url)["connections"]["default"]
        options = expand_db_url(url)["credentials"] if connection == url else connection["credentials"]
    except (ConfigurationError, ValueError):
        return (
            "is malformed: write postgres://USER:PASSWORD@HOST:PORT/NAME, with special characters of the"
            " password percent-encoded, or sqlite://FILE"
        )
    unknown = [] if connection == url else sorted(options.keys() - _OPTIONS)
    return f"has options that the driver does not know: {', '.join(unknown)}" if unknown else None


_TABLES = {"models": ["models.tables"], "migrations": "models.migrations"}

MIGRATED_APPS: dict[str, dict[str, Any]] = {APP: _TABLES | {"default_connection": None}}
"""For Tortoise's executor of migrations. For tables with a connection it would prepare queries again after
each operation, which no migration uses: half of the duration of a first start.
"""


def configuration(url: str, pool_size: int = 1, limits: SessionLimits = USUAL_LIMITS) -> dict[str, Any]:
    """Tortoise's configuration for ``sqlite://PATH`` or ``postgres://USER@HOST:PORT/NAME``."""
    connection: Any = url
    if not url.startswith("sqlite://"):
        connection = expand_db_url(re.sub(r"^postgres(ql)?://", "asyncpg://", url))
        if (mode := connection["credentials"].pop("sslmode", None)) is not None:
            # As in the URLs of PostgreSQL's own programs; asyncpg takes it by another name.
            connection["credentials"]["ssl"] = mode
        connection["credentials"] |= {
            "minsize": 1,
            "maxsize": pool_size,
            "server_settings": {} if limits.pooler else limits.of_sessions,
            "connection_class": _KeptSession,
            "init": partial(_prepare_connection, after_s=limits.unreachable_after_s),
        }
        if limits.pooler:
            connection["credentials"]["statement_cache_size"] = 0
    apps = {APP: _TABLES | {"default_connection": "default"}}
    return {"connections": {"default": connection}, "apps": apps, "use_tz": True, "timezone": "UTC"}


class _KeptSession(Connection):
    """Returns to the pool without asyncpg's statement that resets the session, which would be a round trip
    after each transaction and after each statement outside of one.
    """

    __slots__ = ()

    _top_xact: Any

    def get_reset_query(self) -> str:
        return ""

    async def reset(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 -- asyncpg calls it so.
        """Roll back the open transaction of a request that was cut off. asyncpg would do it too, but report
        a fault, so that each client that disconnects at that moment would write an error into the log.
        """
        if self.is_in_transaction() or self._top_xact is not None:
            self._top_xact = None
            await self.execute("ROLLBACK", timeout=timeout)
        await super().reset(timeout=timeout)


def _milliseconds(seconds: float) -> str:
    """At least 1, since 0 would mean no limit."""
    return str(max(1, round(seconds * 1000)))


async def _prepare_connection(connection: Any, after_s: float) -> None:
    _end_when_unreachable(connection, after_s)
    await connection.set_type_codec(
        "timestamptz", schema="pg_catalog", encoder=_time_sent, decoder=_time_read, format="tuple"
    )


_POSTGRES_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def _time_sent(time: datetime) -> tuple[int]:
    return ((time - _POSTGRES_EPOCH) // _MICROSECOND,)


TIMES_KEPT = 4096
"""Times that are kept: the rows of a list are read again with every look at it."""


@lru_cache(maxsize=TIMES_KEPT)
def _time_read(sent: tuple[int]) -> datetime | str:
    """Python cannot represent all times of PostgreSQL, such as infinity.

    asyncpg would fail the whole statement, so that one damaged row would hide all others: here such a time
    becomes a text that `time` refuses.
    """
    (microseconds,) = sent
    try:
        return _POSTGRES_EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        return f"a time before the year 1 or after the year 9999 ({microseconds} microseconds from 2000)"


def _end_when_unreachable(connection: Any, after_s: float) -> None:
    """Let the system end a connection whose packets have not been acknowledged for so long.

    A host that is gone, or a firewall that dropped its state, sends nothing; by itself TCP waits a quarter of
    an hour.
    """
    link = connection._transport.get_extra_info("socket")
    if link.family in (socket.AF_INET, socket.AF_INET6):
        link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _KEEPALIVE.items():
            link.setsockopt(socket.IPPROTO_TCP, option, value(after_s))


TORTOISE = configuration("sqlite://.data/desk.sqlite3")
"""For Tortoise's own command line (`make migration`), which only compares tables with migrations."""
