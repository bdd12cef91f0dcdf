"""Messages of Redis Streams that cannot be used: reported, moved to `<stream>:dead`, and acknowledged.

They are acknowledged only once they are written there; if the key is not a stream, so that they cannot be
written, that is logged.
"""

from collections.abc import Sequence

import structlog
from redis import exceptions

from feeds.arrivals import DeadEntry
from feeds.base import SetAside
from feeds.redis_link import MAX_REASON_LENGTH, RedisLink, is_wrong_type, outage_in
from outages.log import OutageLogs

DEAD_SUFFIX = ":dead"


class DeadLetters:
    """The dead letters of every stream of one group."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link
        self._unstored = OutageLogs(
            "stream", "dead letters cannot be stored", "dead letters are stored again"
        )
        self._log = structlog.get_logger()

    async def bury(self, stream: str, letters: Sequence[DeadEntry]) -> None:
        """Report the dead letters, move them and acknowledge them."""
        if letters:
            await self._link.observer.set_aside([SetAside(stream, each.outcome) for each in letters])
            await self.move(stream, letters)

    async def move(self, stream: str, letters: Sequence[DeadEntry]) -> None:
        """Acknowledged only after they are written: a server out of memory accepts the second and not the
        first. After a fault they may be written twice.
        """
        if not letters:
            return
        first = letters[0]
        self._log.warning(
            "feed message set aside",
            stream=stream,
            id=first.entry_id.decode(),
            reason=first.outcome.reason,
            messages=len(letters),
        )
        try:
            await self._store(stream, letters)
        except exceptions.ResponseError as error:
            if outage_in(error) is not None:
                raise
            # Such as a key of another type. The entries stay in their own stream, and their outcomes are
            # stored: all other messages continue.
            self._unstored.report(stream, error, messages=len(letters))
        else:
            self._unstored.over(stream)
        await self.acknowledge(stream, *(each.entry_id for each in letters))

    async def acknowledge(self, stream: str, *ids: bytes | str) -> None:
        """These entries are done with, dead or not."""
        try:
            await self._link.ask(self._link.redis.xack(stream, self._link.source.group, *ids))
        except exceptions.ResponseError as error:
            if not is_wrong_type(error):
                raise
            # The stream was replaced, and its pending entries are gone with it.
            self._link.joined = False

    async def _store(self, stream: str, letters: Sequence[DeadEntry]) -> None:
        async with self._link.redis.pipeline(transaction=False) as pipeline:
            for each in letters:
                pipeline.xadd(
                    stream + DEAD_SUFFIX,
                    {
                        "reason": each.outcome.reason[:MAX_REASON_LENGTH],
                        "id": each.entry_id,
                        "message": each.raw[: self._link.limits.message_bytes_max],
                    },
                    maxlen=self._link.limits.dead_letters_max,
                )
            await self._link.ask(pipeline.execute())
