"""Connections of clients leave the process descriptors for everything else."""

import resource
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from gateway.http.protocols.connection_room import DESCRIPTORS_BESIDE, ConnectionRoom, room_for

SHORTAGE, OVER = (
    "the process has no room for further connections",
    "the process has room for connections again",
)
FEWER = "the limit of descriptors leaves room for fewer connections"


@pytest.fixture
def limit() -> Iterator[int]:
    """A soft limit of descriptors as most systems have it, below the hard one, which is returned."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2 * DESCRIPTORS_BESIDE:
        pytest.skip("the system allows too few descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (1_024, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_limit_of_descriptors_is_raised_for_the_connections(limit: int) -> None:
    assert room_for(1_000) == 1_000
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (1_000 + DESCRIPTORS_BESIDE, limit)


def test_a_limit_that_cannot_be_raised_leaves_half_of_it_to_the_desk_and_is_logged(
    limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A hard limit cannot be raised again by a process without privileges.
    monkeypatch.setattr(resource, "setrlimit", lambda *_: None)
    with capture_logs() as lines:
        assert room_for(1_000) == 512
    assert [(line["event"], line["connections"], line["wanted"]) for line in lines] == [(FEWER, 512, 1_000)]


def test_a_shortage_is_two_lines_in_the_log_however_many_are_turned_away() -> None:
    room = ConnectionRoom(10)
    with capture_logs() as lines:
        assert room.has(10)
        for _ in range(100):
            assert not room.has(11)
            assert room.has(10)
        assert room.has(9)
    assert [line["event"] for line in lines] == [SHORTAGE, OVER]
