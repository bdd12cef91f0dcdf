"""How Tortoise is told of the database: its address, its pool, the limits of a session, and when a connection
counts as lost.

PostgreSQL keeps a session, and the row locks of its transaction, for as long as the connection seems to live.
A process that was frozen, or whose host vanished, says nothing, and the defaults of Linux notice that after
two hours. So each session has limits on the server's side: for the time between two statements of a
transaction, and for packets that the client does not acknowledge.

A pooler in transaction mode (PgBouncer) refuses them when a client connects, and gives each transaction
another session: behind one they are set at the beginning of every transaction, and statements are not
prepared by name. The server's connections are the pooler's own then, so its settings decide when a client has
vanished.
"""

import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from tortoise.backends.base.config_generator import expand_db_url

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
"""Half the time a connection may be silent, then it is asked; not every system knows every option."""

APP = "models"
"""What Tortoise calls our tables together."""
STATEMENT_TIMEOUT_S = 60
"""Where nobody says otherwise."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a session of PostgreSQL may take, in seconds; each has a setting of the gateway."""

    lock_timeout_s: float = 5
    statement_timeout_s: float = STATEMENT_TIMEOUT_S
    unreachable_after_s: float = 30
    """For how long the server may not acknowledge packets."""
    standstill_s: float = 60
    """For how long the client may send no statement inside a transaction, or acknowledge no packet."""
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
        """PostgreSQL's parameters for a whole session; those of TCP are without effect on a Unix socket."""
        pause_s = max(1, round(self.standstill_s / 2))
        return self.of_transactions | {
            "tcp_keepalives_idle": str(pause_s),
            "tcp_keepalives_interval": str(max(1, round(pause_s / _PROBES))),
            "tcp_keepalives_count": str(_PROBES),
            "tcp_user_timeout": _milliseconds(self.standstill_s),
        }

    @property
    def first_statement(self) -> str:
        """What a transaction begins with; empty where its session has the limits already."""
        if not self.pooler:
            return ""
        return "".join(f"SET LOCAL {name} = {value}; " for name, value in self.of_transactions.items())


USUAL_LIMITS = Limits()


def configuration(url: str, pool_size: int = 1, limits: Limits = USUAL_LIMITS) -> dict[str, Any]:
    """Tortoise's configuration for ``sqlite://PATH`` or ``postgres://USER@HOST:PORT/NAME``."""
    connection: Any = url
    if not url.startswith("sqlite://"):
        connection = expand_db_url(re.sub(r"^postgres(ql)?://", "asyncpg://", url))
        connection["credentials"] |= {
            "minsize": 1,
            "maxsize": pool_size,
            "server_settings": {} if limits.pooler else limits.of_sessions,
            "init": partial(_prepare_connection, after_s=limits.unreachable_after_s),
        }
        if limits.pooler:
            connection["credentials"]["statement_cache_size"] = 0
    app = {"models": ["models.tables"], "default_connection": "default", "migrations": "models.migrations"}
    return {"connections": {"default": connection}, "apps": {APP: app}, "use_tz": True, "timezone": "UTC"}


def _milliseconds(seconds: float) -> str:
    """At least one: 0 would be no limit at all."""
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


def _time_read(sent: tuple[int]) -> datetime | str:
    """PostgreSQL's times reach further than Python's, and to infinity. asyncpg fails the whole statement at
    such a one, so that one damaged row would hide all others: here it is a text that `time` does not read."""
    (microseconds,) = sent
    try:
        return _POSTGRES_EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        return f"a time before the year 1 or after the year 9999 ({microseconds} microseconds from 2000)"


def _end_when_unreachable(connection: Any, after_s: float) -> None:
    """Have the system end a connection whose packets nobody has acknowledged for so long: a host that is
    gone, or a firewall that forgot us, says nothing. TCP by itself waits a quarter of an hour."""
    link = connection._transport.get_extra_info("socket")
    if link.family in (socket.AF_INET, socket.AF_INET6):
        link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _KEEPALIVE.items():
            link.setsockopt(socket.IPPROTO_TCP, option, value(after_s))


TORTOISE = configuration("sqlite://.data/desk.sqlite3")
"""For Tortoise's own command line (`make migration`), which only compares tables with migrations."""
