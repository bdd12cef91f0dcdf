"""How far each stream was read through a group, and reports of entries deleted before they were read."""

from collections.abc import Sequence

import structlog
from redis import exceptions

from feeds.redis_link import RedisLink
from feeds.unread import (
    START,
    EntryId,
    Loss,
    Place,
    StreamState,
    beginning,
    compared,
    entry_id,
    read_on,
    written,
)

_NO_KEY = "no such key"


class StreamPlaces:
    """The places of one group in its streams."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link
        self._group = link.source.group
        self._places: dict[str, Place] = {}
        self._log = structlog.get_logger()

    async def join(self, stream: str) -> None:
        """Create the group if there is none, and find out where it is."""
        is_new = await self._create_group(stream)
        state = StreamState.of(await self._link.ask(self._link.redis.xinfo_stream(stream)))
        if is_new:
            if stream in self._places:
                loss = Loss(written(self._places[stream].last), written(state.oldest), None)
                await self._report(stream, loss)
            self._places[stream] = beginning(state)
            return
        groups = await self._link.ask(self._link.redis.xinfo_groups(stream))
        (group,) = [each for each in groups if each["name"] == self._group.encode()]
        last = entry_id(group["last-delivered-id"])
        known = self._places.get(stream)
        if known is None or known.last != last:
            is_unread = last == START
            # Redis states no rank of a group that has read nothing yet.
            rank = 0 if is_unread and state.added is not None else group.get("entries-read")
            self._places[stream] = Place(last, rank, was_empty=is_unread and state.added is None)

    async def _create_group(self, stream: str) -> bool:
        """Whether the group was created, because there was none."""
        try:
            await self._link.ask(self._link.redis.xgroup_create(stream, self._group, id="0", mkstream=True))
        except exceptions.ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise
            return False
        return True

    async def move_on(self, stream: str, ids: Sequence[EntryId]) -> None:
        """These entries were read."""
        place = self._places[stream]
        if not ids or (state := await self._state(stream)) is None:
            self._places[stream] = place.read(ids)
            return
        self._places[stream], loss = read_on(place, ids, state)
        if loss is not None:
            await self._report(stream, loss)

    async def look_for_losses(self, stream: str) -> None:
        """Call it before each read."""
        if (state := await self._state(stream)) is None:
            return
        goes_on, loss = compared(self._places[stream], state)
        if loss is not None:
            await self._report(stream, loss)
        if goes_on.last != self._places[stream].last:
            # So that another process, starting before more is read, does not report it again.
            rank = goes_on.rank if state.added is not None else None
            await self._link.ask(
                self._link.redis.xgroup_setid(stream, self._group, written(goes_on.last), entries_read=rank)
            )
        self._places[stream] = goes_on

    async def _state(self, stream: str) -> StreamState | None:
        """None: the stream and its group were deleted, which the next read reports."""
        try:
            return StreamState.of(await self._link.ask(self._link.redis.xinfo_stream(stream)))
        except exceptions.ResponseError as error:
            if _NO_KEY not in str(error):
                raise
            return None

    async def _report(self, stream: str, loss: Loss) -> None:
        self._log.error(
            "messages were deleted before they were read",
            stream=stream,
            messages=loss.messages,
            after=loss.after,
            before=loss.before,
        )
        await self._link.observer.lost(stream, loss)
