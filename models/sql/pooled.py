"""One statement on a connection of the pool, without asyncpg's task for its return.

asyncpg gives a connection back in a task of its own, since the return may wait and must not be cut off by a
cancelled request. If the connection is idle there is nothing to wait for, and no cancellation can come
between: it goes back at once. In every other state it takes asyncpg's way.
"""

from collections.abc import Sequence
from typing import Any


async def records(client: Any, sql: str, *parameters: Any) -> Sequence[Any]:
    """The rows as the driver has them. `client`: Tortoise's for PostgreSQL, outside of a transaction. Raises
    what the driver raises.
    """
    if client._pool is None:
        # The first statement opens the pool.
        found: Sequence[Any] = await client.execute_query_dict(sql, list(parameters))
        return found
    connection = await client._pool.acquire()
    try:
        fetched: Sequence[Any] = await connection.fetch(sql, *parameters)
        return fetched
    finally:
        if not _given_back(connection):
            await client._pool.release(connection)


def _given_back(lent: Any) -> bool:
    """Give the connection back if that takes no wait; returns whether it did.

    As `Pool.release` and `PoolConnectionHolder.release` of asyncpg do, for a connection that they would
    neither replace nor wait for nor send a statement to.
    """
    connection, holder = lent._con, lent._holder
    if (
        connection is None
        or connection.is_closed()
        or connection.get_reset_query()
        or connection._listeners
        or connection._log_listeners
        or connection._top_xact is not None
    ):
        return False
    protocol, pool = connection._protocol, holder._pool
    if (
        protocol._is_cancelling()
        or protocol.is_in_transaction()
        or protocol.queries_count >= holder._max_queries
        or holder._generation != pool._generation
        or pool._reset is not None
    ):
        return False
    connection._on_release()
    holder._timeout = None
    holder._release()
    holder._setup_inactive_callback()
    return True
