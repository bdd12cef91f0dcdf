"""Moving windows through a real Redis, and of one process while Redis does not answer."""

import asyncio
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from gateway.rates.tallies import Limit
from gateway.rates.windows import Windows

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("each_redis")]

LIMIT = Limit("operations", 10, 60)


async def test_processes_share_a_window_and_names_do_not(redis_url: str) -> None:
    prefix = f"{uuid4().hex}:limits"
    first, second = (Windows(redis_url, prefix, timeout_s=10) for _ in range(2))
    assert [await each.use(LIMIT, "ann", 5) for each in (first, second)] == [0, 0]
    for each in (first, second):
        assert 0 < await each.use(LIMIT, "ann", 1) <= 2 * LIMIT.window_s
        assert await each.use(LIMIT, "bob", 1) == 0
    await first.close()
    await second.close()


async def test_the_time_that_is_named_is_the_time_until_there_is_room(redis_url: str) -> None:
    windows, limit = Windows(redis_url, f"{uuid4().hex}:limits", timeout_s=10), Limit("operations", 10, 1)
    assert await windows.use(limit, "ann", 10) == 0
    wait_s = await windows.use(limit, "ann", 5)
    assert 1 < wait_s <= 1.5
    while (left_s := await windows.use(limit, "ann", 5)) > 0:
        assert left_s <= wait_s
        await asyncio.sleep(left_s)
    await windows.close()


async def test_while_redis_does_not_answer_the_windows_are_those_of_the_process(redis_url: str) -> None:
    """It accepts connections and says nothing."""

    async def says_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    silent = await asyncio.start_server(says_nothing, "127.0.0.1", 0)
    url = f"redis://127.0.0.1:{silent.sockets[0].getsockname()[1]}/0"
    async with silent:
        windows = Windows(url, "desk:limits", timeout_s=0.05)
        with capture_logs() as lines:
            granted = [await windows.use(LIMIT, "ann", 1) for _ in range(11)]
        await windows.close()
    assert granted[:10] == [0] * 10
    assert granted[10] > 0
    events = [line["event"] for line in lines]
    assert events == ["the rate limits cannot reach Redis, and hold for each process alone"]
