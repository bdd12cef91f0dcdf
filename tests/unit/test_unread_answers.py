"""How long a connection waits for a peer that reads: by its progress, looked at now and then."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.http.protocols.unread import Unread

PATIENCE_S = 60.0


@dataclass
class Connection:
    """What waits for the peer, and a clock that is put forward by hand."""

    left: int = 0
    ended: bool = False
    timers: list[asyncio.TimerHandle] = field(default_factory=list)

    def call_later(self, delay: float, callback: Callable[[], object]) -> asyncio.TimerHandle:
        assert delay == PATIENCE_S
        timer = asyncio.TimerHandle(0, callback, (), asyncio.get_running_loop())
        self.timers.append(timer)
        return timer

    def end(self) -> None:
        self.ended = True

    def time_passes(self) -> None:
        due, self.timers = self.timers, []
        for timer in due:
            if not timer.cancelled():
                timer._run()


def watched(left: int) -> tuple[Connection, Unread]:
    connection = Connection(left)
    unread = Unread(connection, PATIENCE_S, lambda: connection.left, connection.end)
    unread.watch()
    return connection, unread


async def test_a_client_that_reads_nothing_is_cut_off_at_the_first_check() -> None:
    connection, _ = watched(1_000)
    connection.time_passes()
    assert connection.ended


async def test_a_slow_client_is_waited_for_until_it_reads_nothing_more() -> None:
    connection, _ = watched(1_000)
    for _ in range(500):
        connection.left -= 1
        connection.time_passes()
        assert not connection.ended
    connection.time_passes()
    assert connection.ended


async def test_a_client_that_has_read_everything_is_not_checked_again() -> None:
    connection, _ = watched(1_000)
    connection.left = 0
    connection.time_passes()
    assert not connection.ended
    assert not connection.timers


async def test_a_write_after_there_was_room_restarts_the_limit() -> None:
    connection, unread = watched(1_000)
    unread.over()
    connection.left = 2_000
    unread.watch()
    unread.watch()
    connection.left = 1_999
    connection.time_passes()
    assert not connection.ended


async def test_a_lost_connection_is_looked_at_no_more() -> None:
    connection, unread = watched(1_000)
    unread.over()
    connection.time_passes()
    assert not connection.ended
