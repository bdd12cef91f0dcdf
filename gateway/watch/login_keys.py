"""The keys of a login service, as this process knows them; reading them never delays a request.

One loop reads them at an interval. A token with an unknown key only asks the loop to read sooner, so however
many such tokens come, two readings are at least `refetch_s` apart. While the keys cannot be read, the last
ones are used for `keep_s`, so that an outage of the login service does not lock every operator out at once.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import jwt

from gateway.key_set import NO_KEYS, KeySet, parse_key_set
from gateway.watch.key_source import FAULTS, KeySource
from outages.log import OutageLog


@dataclass(frozen=True, slots=True)
class KeyTimes:
    """When the keys are read again, and how long they are used without that; in seconds."""

    refresh_s: float
    refetch_s: float
    keep_s: float


class LoginKeys:
    """Call `load` before the first request; `run` keeps the keys current."""

    def __init__(
        self,
        source: KeySource,
        times: KeyTimes,
        keys_max: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock` measures how old the keys are."""
        self._source = source
        self._times = times
        self._keys_max = keys_max
        self._clock = clock
        self._keys = NO_KEYS
        self._read_at: float | None = None
        self._wanted = asyncio.Event()
        self._outage = OutageLog(
            "the keys of the login service cannot be read", "the keys of the login service are read again"
        )

    @property
    def age_s(self) -> float | None:
        """Seconds since the keys were read; None if they never were."""
        return None if self._read_at is None else self._clock() - self._read_at

    @property
    def refetch_s(self) -> float:
        """The shortest time between two readings."""
        return self._times.refetch_s

    @property
    def usable(self) -> KeySet:
        """The keys that verify tokens now."""
        return NO_KEYS if self.age_s is None or self.age_s > self._times.keep_s else self._keys

    @property
    def trouble(self) -> str | None:
        """Why the keys cannot be read, and whether tokens are still accepted; None while they can be."""
        if not self._outage.lasts:
            return None
        effect = "the last ones are used" if self.usable else "no token is accepted"
        return f"the keys of the login service cannot be read, {effect}: {self._outage.error}"

    def find(self, key_id: str | None, algorithm: str) -> jwt.PyJWK | None:
        """The key; if it is not known, the keys are read again soon."""
        key = self.usable.find(key_id, algorithm)
        if key is None:
            self._wanted.set()
        return key

    async def load(self) -> None:
        """Read the keys; a failure is logged, and leaves the last ones."""
        # A token that asks while they are being read may need still newer ones.
        self._wanted.clear()
        try:
            self._keys = parse_key_set(await self._source.read(), self._keys_max)
        except FAULTS as fault:
            self._outage.report(fault)
            return
        self._read_at = self._clock()
        self._outage.over()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(self._times.refetch_s)
            if not self._outage.lasts:
                await self._until_due()
            await self.load()

    async def _until_due(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._times.refresh_s - self._times.refetch_s):
                await self._wanted.wait()
