"""What was deleted from a stream before it was read: how that is seen, and how much can be counted.

A stream is trimmed at its oldest end, so as long as the entry that was read last is there, nothing newer was
trimmed. That is looked at before each read and after it. Redis 7 also counts what was ever added, and knows
the newest entry that was deleted by its id; of Redis 6 it can only be said that something may be missing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

EntryId = tuple[int, int]
START: EntryId = (0, 0)


def entry_id(raw: bytes) -> EntryId:
    """Of what Redis says; in its order."""
    milliseconds, _, number = raw.partition(b"-")
    return int(milliseconds), int(number or b"0")


def written(id_: EntryId) -> str:
    """As Redis takes it."""
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
    """How far a stream was read: `last` of all entries, the `rank`-th that was ever added, where that is
    known. `told_of`: the newest deleted entry of which it was said that it is missing."""

    last: EntryId = START
    rank: int | None = None
    told_of: EntryId = START
    was_empty: bool = False
    """When it was looked at last, nothing was in it that was not read."""

    def read(self, ids: Sequence[EntryId]) -> "Place":
        """These, which follow; none, where what came was deleted at once (Redis 6 answers all the same)."""
        rank = None if self.rank is None else self.rank + len(ids)
        return replace(self, last=max([self.last, *ids]), rank=rank, was_empty=False)


@dataclass(frozen=True, slots=True)
class Loss:
    """Entries behind `after` and before `before` were deleted and never read; `messages`: how many, where
    that can be counted."""

    after: str
    before: str
    messages: int | None

    def __str__(self) -> str:
        many = "messages may have been" if self.messages is None else f"{self.messages} messages were"
        return f"{many} deleted before they were read, between {self.after} and {self.before}"


@dataclass(frozen=True, slots=True)
class StreamState:
    """Of `XINFO STREAM`; None: this Redis does not say."""

    first: EntryId | None
    newest: EntryId
    length: int
    added: int | None
    deleted: EntryId | None

    @classmethod
    def of(cls, info: Mapping[str, Any]) -> "StreamState":
        """Of the answer."""
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
        """Nothing older is left."""
        return _after(self.newest) if self.first is None else self.first


def beginning(state: StreamState) -> Place:
    """Of a group that begins with the oldest entry that is left: what was before it was never promised."""
    rank = None if state.added is None else state.added - state.length
    return Place(_before(state.oldest), rank, state.deleted or START, state.length == 0)


def compared(place: Place, state: StreamState) -> tuple[Place, Loss | None]:
    """Where reading goes on, and what is missing before it."""
    if state.newest <= place.last:
        return replace(place, was_empty=state.length == 0), None
    if state.oldest > place.last:
        return _trimmed(place, state)
    deleted = state.deleted or START
    if deleted > max(place.last, place.told_of):
        loss = Loss(written(place.last), written((deleted[0], deleted[1] + 1)), None)
        return replace(place, told_of=deleted, rank=None), loss
    return place, None


def read_on(place: Place, ids: Sequence[EntryId], state: StreamState) -> tuple[Place, Loss | None]:
    """Where reading goes on after `ids` were read behind `place`, and what is missing between the two.

    A publisher may add and trim in one transaction, which no look before a read sees. `state`: after it.
    """
    goes_on, deleted = place.read(ids), state.deleted or START
    if ids and max(place.last, place.told_of) < deleted < ids[-1] and deleted not in ids:
        loss = Loss(written(place.last), written(ids[-1]), None)
        return replace(goes_on, told_of=deleted, rank=None), loss
    if not ids or state.oldest <= place.last or ids[0] == _after(place.last):
        return goes_on, None
    loss = Loss(written(place.last), written(ids[0]), None)
    if state.added is None or place.rank is None:
        # As of what is missing before a read: an empty stream began anew.
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
    # Of a stream that was empty and of one that was never read Redis 6 does not say what came first.
    follows = state.oldest == _after(place.last) or (rank is None and place.was_empty)
    if follows or (missing is not None and missing <= 0):
        return goes_on, None
    return goes_on, Loss(written(place.last), written(state.oldest), missing)
