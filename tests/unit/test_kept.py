"""What takes long to compute is computed once for all who ask, and given again for a while."""

import asyncio

import pytest

from gateway.watch.kept import Kept

FOR_S = 1.0


class Computation:
    """Counts; waits while its gate is closed, and fails when told."""

    def __init__(self) -> None:
        self.times = 0
        self.now = 100.0
        self.gate = asyncio.Event()
        self.gate.set()
        self.fails = False

    async def __call__(self) -> int:
        self.times += 1
        number = self.times
        await self.gate.wait()
        if self.fails:
            raise OSError("no space")
        return number

    def kept(self, for_s: float = FOR_S) -> Kept[int]:
        return Kept(self, for_s, lambda: self.now)


async def test_a_value_is_given_again_until_it_is_too_old() -> None:
    computation = Computation()
    kept = computation.kept()
    assert [await kept.value() for _ in range(100)] == [1] * 100
    computation.now += FOR_S / 2
    assert await kept.value() == 1
    computation.now += FOR_S / 2
    assert await kept.value() == 2


async def test_all_who_ask_at_once_share_one_computation() -> None:
    computation = Computation()
    kept = computation.kept(0)
    computation.gate.clear()
    asking = [asyncio.create_task(kept.value()) for _ in range(10)]
    await asyncio.sleep(0)
    asking[0].cancel()
    await asyncio.sleep(0)
    computation.gate.set()
    assert await asyncio.gather(*asking[1:]) == [1] * 9
    assert asking[0].cancelled()
    assert await kept.value() == 2


async def test_a_fault_is_not_kept() -> None:
    computation = Computation()
    kept = computation.kept()
    computation.fails = True
    for _ in range(2):
        with pytest.raises(OSError, match="no space"):
            await kept.value()
    computation.fails = False
    assert [await kept.value(), await kept.value()] == [3, 3]


async def test_a_slow_computation_is_kept_from_its_end() -> None:
    computation = Computation()
    kept = computation.kept()
    computation.gate.clear()
    asking = asyncio.create_task(kept.value())
    await asyncio.sleep(0)
    computation.now += 5 * FOR_S
    computation.gate.set()
    assert await asking == 1
    assert await kept.value() == 1
