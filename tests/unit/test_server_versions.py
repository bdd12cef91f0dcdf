"""Servers that are too old for the desk are refused with a sentence before anything is served."""

import asyncio

import pytest
from redis.asyncio import Redis

from gateway.settings import load_settings
from gateway.startup.preparation import CannotStart, check
from gateway.startup.server_versions import LEAST_POSTGRES, LEAST_REDIS, Version, old_redis, older
from tests.kit.outside import Clock
from tests.kit.servers import RedisServer


@pytest.mark.parametrize(
    ("server", "found", "least", "is_refused"),
    [
        ("Redis", (5, 0), LEAST_REDIS, True),
        ("Redis", (6, 0), LEAST_REDIS, True),
        ("Redis", (6, 2), LEAST_REDIS, False),
        ("Redis", (7, 0), LEAST_REDIS, False),
        ("Redis", (10, 0), LEAST_REDIS, False),
        ("PostgreSQL", (9, 624), LEAST_POSTGRES, True),
        ("PostgreSQL", (14, 19), LEAST_POSTGRES, True),
        ("PostgreSQL", (15, 0), LEAST_POSTGRES, False),
        ("PostgreSQL", (18, 4), LEAST_POSTGRES, False),
    ],
)
def test_a_version_older_than_the_minimum_is_refused(
    server: str, found: Version, least: Version, is_refused: bool
) -> None:
    said = older(server, found, least)
    assert (said is not None) == is_refused
    if said is not None:
        assert (
            said
            == f"{server} {found[0]}.{found[1]} is too old: the desk requires {least[0]}.{least[1]} or newer"
        )


async def _an_old_redis(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers as Redis 6.0 does: it knows PING and INFO, and of the handshake nothing."""
    about = b"redis_version:6.0.16\r\n"
    answers = {b"PING": b"+PONG\r\n", b"INFO": b"$%d\r\n%s\r\n" % (len(about), about)}
    while header := await reader.readline():
        words = [await _word(reader) for _ in range(int(header[1:]))]
        writer.write(answers.get(words[0].upper(), b"-ERR unknown command\r\n"))
    writer.close()


async def _word(reader: asyncio.StreamReader) -> bytes:
    length = int((await reader.readline())[1:])
    return (await reader.readexactly(length + 2))[:-2]


async def test_a_desk_does_not_start_on_a_redis_that_is_too_old() -> None:
    async with await asyncio.start_server(_an_old_redis, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        settings = load_settings(redis_url=f"redis://127.0.0.1:{port}/0?protocol=2")
        with pytest.raises(
            CannotStart, match=r"\(GATEWAY_REDIS_URL\): Redis 6\.0 is too old: .* 6\.2 or newer"
        ):
            await check(settings, Clock()(), lambda done, of: None)


@pytest.mark.parametrize("password", ["", ":wrong@"])
async def test_a_desk_does_not_start_on_a_redis_that_wants_another_password(password: str) -> None:
    with RedisServer() as server:
        async with Redis.from_url(server.url) as admin:
            await admin.config_set("requirepass", "right")
        settings = load_settings(redis_url=server.url.replace("redis://", f"redis://{password}"))
        with pytest.raises(CannotStart, match="correct the user and password in GATEWAY_REDIS_URL"):
            await check(settings, Clock()(), lambda done, of: None)


async def test_a_user_without_the_permission_to_read_the_version_may_use_the_server(redis_url: str) -> None:
    async with Redis.from_url(redis_url) as admin:
        await admin.acl_setuser("humble", enabled=True, nopass=True, commands=["+@all", "-info"], keys=["*"])
        async with Redis.from_url(redis_url, username="humble", password="any") as redis:
            assert await old_redis(redis) is None
