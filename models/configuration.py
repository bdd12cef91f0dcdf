"""How Tortoise is told of the database: its address, its pool, and when a connection counts as lost."""

import re
import socket
from collections.abc import Callable
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


def configuration(
    url: str,
    pool_size: int = 1,
    lock_timeout_s: float = 5,
    unreachable_after_s: float = 30,
    statement_timeout_s: float = STATEMENT_TIMEOUT_S,
) -> dict[str, Any]:
    """Tortoise's configuration for ``sqlite://PATH`` or ``postgres://USER@HOST:PORT/NAME``."""
    connection: Any = url
    if not url.startswith("sqlite://"):
        connection = expand_db_url(re.sub(r"^postgres(ql)?://", "asyncpg://", url))
        connection["credentials"] |= {
            "minsize": 1,
            "maxsize": pool_size,
            "server_settings": {
                "lock_timeout": _milliseconds(lock_timeout_s),
                "statement_timeout": _milliseconds(statement_timeout_s),
            },
            "init": partial(_end_when_unreachable, after_s=unreachable_after_s),
        }
    app = {"models": ["models.tables"], "default_connection": "default", "migrations": "models.migrations"}
    return {"connections": {"default": connection}, "apps": {APP: app}, "use_tz": True, "timezone": "UTC"}


def _milliseconds(seconds: float) -> str:
    """At least one: 0 would be no limit at all."""
    return str(max(1, round(seconds * 1000)))


async def _end_when_unreachable(connection: Any, after_s: float) -> None:
    """Have the system end a connection whose packets nobody has acknowledged for so long: a host that is
    gone, or a firewall that forgot us, says nothing. TCP by itself waits a quarter of an hour."""
    link = connection._transport.get_extra_info("socket")
    if link.family in (socket.AF_INET, socket.AF_INET6):
        link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _KEEPALIVE.items():
            link.setsockopt(socket.IPPROTO_TCP, option, value(after_s))


TORTOISE = configuration("sqlite://.data/desk.sqlite3")
"""For Tortoise's own command line (`make migration`), which only compares tables with migrations."""
