"""Strawberry's DataLoader, with one step for many keys."""

from asyncio import Future, ensure_future, shield
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, TypeVar

from strawberry.dataloader import DataLoader

K = TypeVar("K")
V = TypeVar("V")


class BatchLoader(DataLoader[K, V]):
    """Loads the keys of a page without a future for each of them."""

    def load(self, key: K) -> Awaitable[V]:
        """The value of one key.

        An error in a field that may not be null cancels the fields beside it. Without the shield that would
        cancel the load itself, for which fields elsewhere wait too: the whole request would end unanswered.
        """
        loading = ensure_future(super().load(key))
        loading.add_done_callback(_noticed)
        return shield(loading)

    async def load_all(self, keys: Sequence[K]) -> Mapping[K, V]:
        """The values by their keys; raises the first error."""
        distinct = list(dict.fromkeys(keys))
        unknown = [key for key in distinct if self.cache_map.get(key) is None]
        if len(unknown) < len(distinct):
            # Some are known, or are being loaded.
            return dict(zip(distinct, await self.load_many(distinct), strict=True))
        values: dict[K, V] = {}
        for key, value in zip(distinct, await self.load_fn(distinct), strict=True):
            if isinstance(value, BaseException):
                raise value
            values[key] = value
        self.prime_many(values)
        return values


def _noticed(loading: "Future[Any]") -> None:
    """If all that waited were cancelled, asyncio would log the error of a load as never retrieved."""
    if not loading.cancelled():
        loading.exception()
