"""Entries deleted from a stream before they were read: how this is detected, and how far it can be counted.

A stream is trimmed at its oldest end, so as long as the entry read last is there, nothing newer was trimmed.
This is checked before and after each read. Redis 7 also counts all entries ever added, and the id of the
newest deleted one; with Redis 6 it is only known that entries may be missing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

EntryId = tuple[int, int]
START: EntryId = (0, 0)


def entry_id(raw: bytes) -> EntryId:
    """Parse an id of Redis; ids compare in stream order."""
    milliseconds, _, number = raw.partition(b"-")
    return int(milliseconds), int(number or b"0")


def written(id_: EntryId) -> str:
    """The id in Redis's format."""
    return f"{id_[0]}-{id_[1]}"


_LAST_NUMBER = 2**64 - 1


def _before(id_: EntryId) -> EntryId:
    milliseconds, number = id_
    return (milliseconds, number - 1) if number else (max(0, milliseconds - 1), _LAST_NUMBER)


def _after(id_: EntryId) -> EntryId:
    milliseconds, number = id_
    return (milliseconds, number + 1) if number < _LAST_NUMBER else (milliseconds + 1, 0)


@dataclass(frozen=True, slots=True)
class Place:
    """How far a stream was read: `last` of all entries, the `rank`-th ever added, if known. `reported`: the
    newest deleted entry that was already reported as missing.
    """

    last: EntryId = START
    rank: int | None = None
    reported: EntryId = START
    was_empty: bool = False
    """At the last check the stream had no unread entries."""

    def read(self, ids: Sequence[EntryId]) -> "Place":
        """These entries follow; none, if they were deleted at once (Redis 6 answers all the same)."""
        rank = None if self.rank is None else self.rank + len(ids)
        return replace(self, last=max([self.last, *ids]), rank=rank, was_empty=False)


@dataclass(frozen=True, slots=True)
class Loss:
    """Entries after `after` and before `before` were deleted and never read; `messages`: how many, if that
    can be counted.
    """

    after: str
    before: str
    messages: int | None

    def __str__(self) -> str:
        many = "messages may have been" if self.messages is None else f"{self.messages} messages were"
        return f"{many} deleted before they were read, between {self.after} and {self.before}"


@dataclass(frozen=True, slots=True)
class StreamState:
    """From `XINFO STREAM`; None: this Redis does not state it."""

    first: EntryId | None
    newest: EntryId
    length: int
    added: int | None
    deleted: EntryId | None

    @classmethod
    def of(cls, info: Mapping[str, Any]) -> "StreamState":
        """From the answer of Redis."""
        first = info["first-entry"]
        deleted = info.get("max-deleted-entry-id")
        return cls(
            None if not first else entry_id(first[0]),
            entry_id(info["last-generated-id"]),
            int(info["length"]),
            info.get("entries-added"),
            None if deleted is None else entry_id(deleted),
        )

    @property
    def oldest(self) -> EntryId:
        """The oldest remaining entry."""
        return _after(self.newest) if self.first is None else self.first


def beginning(state: StreamState) -> Place:
    """The place of a group that begins with the oldest remaining entry; earlier entries count as never
    promised.
    """
    rank = None if state.added is None else state.added - state.length
    return Place(_before(state.oldest), rank, state.deleted or START, state.length == 0)


def compared(place: Place, state: StreamState) -> tuple[Place, Loss | None]:
    """Where reading continues, and what is missing before it."""
    if state.newest <= place.last:
        return replace(place, was_empty=state.length == 0), None
    if state.oldest > place.last:
        return _trimmed(place, state)
    deleted = state.deleted or START
    if deleted > max(place.last, place.reported):
        loss = Loss(written(place.last), written((deleted[0], deleted[1] + 1)), None)
        return replace(place, reported=deleted, rank=None), loss
    return place, None


def read_on(place: Place, ids: Sequence[EntryId], state: StreamState) -> tuple[Place, Loss | None]:
    """Where reading continues after `ids` were read after `place`, and what is missing between the two.

    A publisher may add and trim in one transaction, which no check before a read sees. `state`: after the
    read.
    """
    goes_on, deleted = place.read(ids), state.deleted or START
    if ids and max(place.last, place.reported) < deleted < ids[-1] and deleted not in ids:
        loss = Loss(written(place.last), written(ids[-1]), None)
        return replace(goes_on, reported=deleted, rank=None), loss
    if not ids or state.oldest <= place.last or ids[0] == _after(place.last):
        return goes_on, None
    loss = Loss(written(place.last), written(ids[0]), None)
    if state.added is None or place.rank is None:
        # As for a loss before a read: an empty stream has started again.
        return goes_on, None if place.was_empty and state.added is None else loss
    of_read = sum(1 for id_ in ids if id_ < state.oldest)
    missing = state.added - state.length - place.rank - of_read
    if missing <= 0:
        return goes_on, None
    return replace(goes_on, rank=place.rank + len(ids) + missing), replace(loss, messages=missing)


def _trimmed(place: Place, state: StreamState) -> tuple[Place, Loss | None]:
    rank = None if state.added is None else state.added - state.length
    last, is_empty = _before(state.oldest), state.length == 0
    goes_on = Place(last, rank, state.deleted or START, is_empty)
    missing = None if rank is None or place.rank is None else rank - place.rank
    # Redis 6 does not state the first entry of a stream that was empty or never read.
    follows = state.oldest == _after(place.last) or (rank is None and place.was_empty)
    if follows or (missing is not None and missing <= 0):
        return goes_on, None
    return goes_on, Loss(written(place.last), written(state.oldest), missing)
