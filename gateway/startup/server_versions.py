"""The oldest supported Redis and PostgreSQL; docs/operations.md lists the tested versions."""

from redis.asyncio import Redis
from redis.exceptions import NoPermissionError

from models.sql.database import Database

LEAST_REDIS = (6, 2)
"""For XAUTOCLAIM, which takes over messages that a dead process had not acknowledged."""
LEAST_POSTGRES = (15, 0)
"""The oldest tested version."""

Version = tuple[int, int]


async def old_redis(redis: Redis) -> str | None:
    """The fault of the version of a Redis server, in one sentence; None if it is hidden or new
    enough.
    """
    try:
        info = await redis.info("server")
    except NoPermissionError:
        return None
    return older("Redis", _version(str(info["redis_version"])), LEAST_REDIS)


async def old_database(database: Database) -> str | None:
    """The fault of the version of an open database, in one sentence; None if it is new enough."""
    number = await database.server_version()
    return None if number is None else older("PostgreSQL", divmod(number, 10_000), LEAST_POSTGRES)


def older(server: str, actual: Version, least: Version) -> str | None:
    """The sentence, if the actual version is older than the least one."""
    if actual >= least:
        return None
    return f"{server} {actual[0]}.{actual[1]} is too old: the desk requires {least[0]}.{least[1]} or newer"


def _version(text: str) -> Version:
    """Parse a version such as `7.0.15`."""
    major, minor, *_ = text.split(".")
    return int(major), int(minor)
