"""What was deleted from a stream before it was read, by what each version of Redis says of the stream."""

import pytest

from feeds.unread import Place, StreamState, beginning, compared, entry_id, read_on, written


def state(first: int | None, newest: int, length: int, added: int | None, deleted: int = 0) -> StreamState:
    """Entries are `n-0`."""
    at = None if first is None else (first, 0)
    return StreamState(at, (newest, 0), length, added, None if added is None else (deleted, 0))


@pytest.mark.parametrize(
    ("last", "rank", "now", "missing"),
    [
        # Redis 7 and later count.
        (3, 3, state(1, 9, 9, 9), "none"),
        (3, 3, state(3, 9, 7, 9), "none"),
        (3, 3, state(4, 9, 6, 9), "none"),
        (3, 3, state(6, 9, 4, 9), 2),
        (3, 3, state(None, 9, 0, 9), 6),
        (9, 9, state(None, 9, 0, 9), "none"),
        (9, 9, state(12, 12, 1, 10), "none"),
        (0, 0, state(4, 9, 6, 9), 3),
        (3, None, state(6, 9, 4, 9), "unknown"),
        (3, 3, state(1, 9, 8, 9, deleted=5), "unknown"),
        (3, 3, state(1, 9, 8, 9, deleted=2), "none"),
        # Redis 6 does not.
        (3, None, state(1, 9, 9, None), "none"),
        (3, None, state(6, 9, 4, None), "unknown"),
        (3, None, state(None, 9, 0, None), "unknown"),
        (9, None, state(None, 9, 0, None), "none"),
    ],
)
def test_entries_deleted_unread_are_seen_and_counted_if_possible(
    last: int, rank: int | None, now: StreamState, missing: int | str
) -> None:
    goes_on, loss = compared(Place((last, 0), rank), now)
    assert ("none" if loss is None else loss.messages or "unknown") == missing
    assert compared(goes_on, now)[1] is None, "it is told once"


@pytest.mark.parametrize(
    ("last", "rank", "read", "now", "missing"),
    [
        # What was read last is there, nothing was trimmed behind it.
        (3, 3, [4, 5], state(3, 9, 7, 9), "none"),
        (3, None, [4, 5], state(3, 9, 7, None), "none"),
        # Trimmed before they were read, and more after that.
        (3, 3, [6, 7], state(6, 7, 2, 7), 2),
        (3, 3, [6, 7], state(7, 7, 1, 7), 2),
        (3, 3, [6, 7], state(None, 7, 0, 7), 2),
        (3, 3, [6, 7], state(7, 9, 3, 9), 2),
        (3, None, [6, 7], state(6, 7, 2, None), "unknown"),
        (0, 0, [4], state(4, 4, 1, 4), 3),
        # Trimmed after they were read, or nothing was between them.
        (3, 3, [4, 5], state(5, 9, 5, 9), "none"),
        (3, 3, [6], state(6, 6, 1, 4), "none"),
        (3, 3, [6], state(None, 6, 0, 4), "none"),
        # One of those between was deleted; one that was read, or is still to come.
        (3, 3, [4, 6], state(1, 9, 8, 9, deleted=5), "unknown"),
        (3, 3, [4, 6], state(1, 9, 8, 9, deleted=4), "none"),
        # All that came was deleted at once.
        (3, 3, [], state(3, 4, 1, 4), "none"),
        (3, None, [], state(3, 4, 1, None), "none"),
    ],
)
def test_entries_deleted_while_a_read_waited_are_seen_after_the_read(
    last: int, rank: int | None, read: list[int], now: StreamState, missing: int | str
) -> None:
    goes_on, loss = read_on(Place((last, 0), rank), [(each, 0) for each in read], now)
    assert ("none" if loss is None else loss.messages or "unknown") == missing
    assert goes_on.last == ((read or [last])[-1], 0)
    later = goes_on.read([(now.newest[0], 0)]) if now.newest > goes_on.last else goes_on
    assert compared(later, now)[1] is None, "it is told once"


def test_a_group_that_begins_misses_nothing_that_was_there_before() -> None:
    for now in (state(6, 9, 4, 9), state(6, 9, 4, None), state(None, 0, 0, 0), state(None, 0, 0, None)):
        assert compared(beginning(now), now)[1] is None


def test_an_entry_that_follows_at_once_leaves_room_for_nothing() -> None:
    now = StreamState((3, 1), (3, 1), 1, None, None)
    assert compared(Place((3, 0)), now)[1] is None


def test_reading_moves_the_place() -> None:
    assert Place((3, 0), 3).read([(4, 0), (4, 1)]) == Place((4, 1), 5)
    assert written(entry_id(b"12-3")) == "12-3"
