"""Loads that several fields wait for survive the cancellation of one of them."""

import asyncio

import pytest

from resolvers.kit.batch_loader import BatchLoader


class Loads:
    """Counts the batches; `release` lets them end."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.began, self.release = asyncio.Event(), asyncio.Event()

    async def load(self, keys: list[str]) -> list[str | BaseException]:
        self.batches.append(list(keys))
        self.began.set()
        await self.release.wait()
        return [LookupError(key) if key == "lost" else key.upper() for key in keys]


async def test_a_cancelled_field_does_not_end_the_load_of_others() -> None:
    loads = Loads()
    loader = BatchLoader(loads.load)

    async def waits() -> str:
        return await loader.load("a")

    first, second = asyncio.create_task(waits()), asyncio.create_task(waits())
    await loads.began.wait()
    first.cancel()
    loads.release.set()
    assert await second == "A"
    assert first.cancelled()
    assert loads.batches == [["a"]]


async def test_many_keys_are_loaded_in_one_step_and_known_afterwards() -> None:
    loads = Loads()
    loads.release.set()
    loader = BatchLoader(loads.load)
    assert await loader.load_all(["a", "b", "a"]) == {"a": "A", "b": "B"}
    assert await loader.load("b") == "B"
    assert await loader.load_all(["b", "c"]) == {"b": "B", "c": "C"}
    assert loads.batches == [["a", "b"], ["c"]]


async def test_the_first_error_of_many_keys_is_raised_and_the_keys_are_loaded_again() -> None:
    loads = Loads()
    loads.release.set()
    loader = BatchLoader(loads.load)
    with pytest.raises(LookupError, match="lost"):
        await loader.load_all(["a", "lost"])
    assert await loader.load("a") == "A"
