"""Seeded draws that are the same on every Python version: only `Random.random()` promises that."""

from collections.abc import Sequence
from decimal import Decimal
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Draw:
    """Integers and choices from one seed."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def between(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return low + int(self._random.random() * (high - low + 1))

    def fraction(self, low: int, high: int, parts: int = 1000) -> Decimal:
        """`between(low, high)` / `parts`."""
        return Decimal(self.between(low, high)) / parts

    def chance(self, percent: int) -> bool:
        """True in `percent` of 100 cases."""
        return self.between(1, 100) <= percent

    def pick(self, choices: Sequence[T]) -> T:
        """One of the choices."""
        return choices[self.between(0, len(choices) - 1)]

    def sample(self, choices: Sequence[T], count: int) -> list[T]:
        """`count` different ones, in the order of the draw."""
        left = list(choices)
        return [left.pop(self.between(0, len(left) - 1)) for _ in range(count)]
