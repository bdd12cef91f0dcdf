"""The keys of a login service: read over HTTP, renewed, bounded, and kept through an outage."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.watch.key_source import KeyFile, KeySource, KeyUrl
from gateway.watch.login_keys import KeyTimes, LoginKeys
from tests.kit.login_service import KeyServer, a_key_server, key_set, signing_key
from tests.kit.outage_lines import unpaired_outages
from tests.kit.patience import FAR_S, PATIENCE_S, pauses

pytestmark = pytest.mark.asyncio

FIRST, SECOND = signing_key(key_id="first"), signing_key(key_id="second")
BYTES_MAX, KEYS_MAX, KEEP_S = 4096, 3, 100.0
SELDOM, OFTEN = KeyTimes(FAR_S, 0.01, KEEP_S), KeyTimes(0.01, 0.01, KEEP_S)


class Hours:
    """A clock that stands until it is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def known(keys: LoginKeys) -> list[str]:
    return [key.key_id for key in (FIRST, SECOND) if keys.find(key.key_id, key.algorithm) is not None]


def keys_of(
    source: KeySource, times: KeyTimes = SELDOM, clock: Callable[[], float] | None = None
) -> LoginKeys:
    return LoginKeys(source, times, KEYS_MAX, clock or Hours())


def url_of(server: KeyServer, timeout_s: float = PATIENCE_S) -> KeyUrl:
    return KeyUrl(server.url, BYTES_MAX, timeout_s)


@asynccontextmanager
async def running(keys: LoginKeys) -> AsyncIterator[None]:
    task = asyncio.create_task(keys.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        for pause in pauses():
            if holds():
                return
            await asyncio.sleep(pause)


async def test_a_withdrawn_key_is_forgotten_at_the_interval() -> None:
    async with a_key_server(FIRST) as server:
        keys = keys_of(url_of(server), OFTEN)
        await keys.load()
        assert known(keys) == ["first"]
        server.publish(SECOND)
        async with running(keys):
            await server.until(3)
        assert known(keys) == ["second"]


async def test_an_unknown_key_leads_to_one_reading_however_often_it_is_asked_for() -> None:
    async with a_key_server(FIRST) as server:
        keys = keys_of(url_of(server))
        await keys.load()
        server.publish(FIRST, SECOND)
        for _ in range(500):
            assert keys.find("second", SECOND.algorithm) is None
        async with running(keys):
            await server.until(2)
            await until(lambda: len(keys.usable) == 2)
        assert server.requests == 2
        assert known(keys) == ["first", "second"]


async def test_two_readings_are_apart_even_if_unknown_keys_are_asked_for_all_the_time() -> None:
    """The interval does not end in the test: no second reading happens, while another loop's does."""
    async with a_key_server(FIRST) as server, a_key_server(FIRST) as other:
        patient, eager = keys_of(url_of(server), KeyTimes(FAR_S, FAR_S, KEEP_S)), keys_of(url_of(other))
        await patient.load()
        async with running(patient), running(eager):
            for count in (1, 2, 3):
                assert patient.find("second", SECOND.algorithm) is None
                assert eager.find("second", SECOND.algorithm) is None
                await other.until(count)
        assert server.requests == 1


async def test_the_last_keys_are_kept_for_a_time_while_they_cannot_be_read() -> None:
    clock = Hours()
    async with a_key_server(FIRST) as server:
        keys = keys_of(url_of(server), OFTEN, clock)
        await keys.load()
        with capture_logs() as logs:
            server.status = 503
            clock.now = KEEP_S
            async with running(keys):
                await server.until(6)
            assert known(keys) == ["first"]
            assert "the last ones are used" in str(keys.trouble)
            clock.now = KEEP_S + 1
            assert known(keys) == []
            assert "no token is accepted: the login service answers with status 503" in str(keys.trouble)
            assert len(logs) == 1, "an outage begins with one line"
            server.status = 200
            await keys.load()
        assert known(keys) == ["first"]
        assert str(keys.trouble) == "None"
        assert not list(unpaired_outages(logs))


BAD_ANSWERS: dict[str, tuple[bytes, int, str]] = {
    "too many bytes": (b" " * (BYTES_MAX + 1), 200, "more than 4096 bytes"),
    "too many keys": (key_set(*[{"kty": "oct"}] * 4), 200, "more than 3 keys"),
    "no JSON": (b"<html>", 200, "not JSON"),
    "a redirect": (key_set(FIRST.public()), 302, "status 302"),
    "an error": (b"", 500, "status 500"),
}


@pytest.mark.parametrize("name", BAD_ANSWERS)
async def test_an_answer_that_is_no_key_set_changes_nothing(name: str) -> None:
    async with a_key_server(FIRST) as server:
        keys = keys_of(url_of(server))
        await keys.load()
        server.content, server.status, why = BAD_ANSWERS[name]
        await keys.load()
    assert known(keys) == ["first"]
    assert why in str(keys.trouble)


async def test_a_service_that_does_not_answer_is_given_up() -> None:
    async with a_key_server(FIRST) as server:
        server.hangs = True
        keys = keys_of(url_of(server, timeout_s=0.05))
        await keys.load()
        assert "no answer within 0.05 s" in str(keys.trouble)
    keys = keys_of(url_of(server))
    await keys.load()
    assert "no token is accepted" in str(keys.trouble), "nothing listens any more"


async def test_a_file_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_bytes(key_set(FIRST.public()))
    keys = keys_of(KeyFile(file, BYTES_MAX))
    await keys.load()
    file.write_bytes(key_set(SECOND.public()))
    await keys.load()
    assert known(keys) == ["second"]
    file.write_bytes(b" " * (BYTES_MAX + 1))
    await keys.load()
    assert "more than 4096 bytes" in str(keys.trouble)
