"""The oldest Redis and PostgreSQL that the desk works with; docs/operations.md has those that are tested."""

from redis.asyncio import Redis
from redis.exceptions import NoPermissionError

from models.sql.database import Database

LEAST_REDIS = (6, 2)
"""For XAUTOCLAIM, which takes over what a process that died had not acknowledged."""
LEAST_POSTGRES = (15, 0)
"""The oldest one that is tested."""

Version = tuple[int, int]


async def old_redis(redis: Redis) -> str | None:
    """What is wrong with the version of a Redis, in one sentence. One that hides its version is believed."""
    try:
        info = await redis.info("server")
    except NoPermissionError:
        return None
    return older("Redis", _version(str(info["redis_version"])), LEAST_REDIS)


async def old_database(database: Database) -> str | None:
    """What is wrong with the version of an open database, in one sentence."""
    number = await database.server_version()
    return None if number is None else older("PostgreSQL", divmod(number, 10_000), LEAST_POSTGRES)


def older(server: str, found: Version, least: Version) -> str | None:
    """The sentence, if the version found is older than the least one."""
    if found >= least:
        return None
    return f"{server} {found[0]}.{found[1]} is too old: the desk requires {least[0]}.{least[1]} or newer"


def _version(text: str) -> Version:
    """Of `7.0.15`."""
    major, minor, *_ = text.split(".")
    return int(major), int(minor)
