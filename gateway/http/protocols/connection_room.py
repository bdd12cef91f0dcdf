"""How many connections of clients a process takes, whatever their addresses.

Each takes a descriptor, and a process without descriptors accepts no client, connects to no database and
opens no file. So it takes fewer connections than it may have descriptors, and turns further ones away, except
for a few in which it looks for the request of a probe: a process that is full of clients is alive and ready.
"""

import resource
from collections.abc import Callable, Hashable
from contextlib import suppress

import structlog

from outages.log import OutageLog

DESCRIPTORS_BESIDE = 2_560
"""For what else a process opens, and for connections that are accepted together, before the first of them can
be turned away: as many as wait at the socket, which are 2,048 with uvicorn.
"""
PROBE_PLACES = 64
"""Connections beside all others, each of which may send the request of a probe. With one more the oldest has
to go: a probe sends its request at once, and those who send nothing cannot keep it out.
"""
PROBE_WITHIN_S = 1.0
"""Seconds that such a connection has for its request."""
AGAIN_BELOW = 0.9
"""The part of the connections that ends a shortage in the log."""

log = structlog.get_logger()


class ConnectionRoom:
    """Room for at most `most` connections, and the places for probes beside them."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._probes: dict[Hashable, Callable[[], None]] = {}
        self._shortage = OutageLog(
            "the process has no room for further connections", "the process has room for connections again"
        )

    def take_for_probe(self, connection: Hashable, turn_away: Callable[[], None]) -> None:
        """Give it a place for a probe; `turn_away` is called when another one needs it."""
        if len(self._probes) >= PROBE_PLACES:
            oldest = next(iter(self._probes))
            self._probes.pop(oldest)()
        self._probes[connection] = turn_away

    def leave(self, connection: Hashable) -> None:
        """It has ended; safe for one without a place for a probe."""
        self._probes.pop(connection, None)

    def has(self, connections: int) -> bool:
        """Whether there is room for so many, the newest included, and those with a place for a probe too."""
        connections -= len(self._probes)
        if connections > self.most:
            self._shortage.report(f"{self.most} connections are open")
            return False
        if connections <= self.most * AGAIN_BELOW:
            self._shortage.over()
        return True


def room_for(wanted: int) -> int:
    """How many connections there is room for, at most `wanted`. Raises the limit of descriptors of this
    process for that, as far as it may: the usual one of 1,024 is for programs that open files.
    """
    _raise_limit(wanted + DESCRIPTORS_BESIDE)
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if descriptors == resource.RLIM_INFINITY:
        return wanted
    room = max(1, descriptors - DESCRIPTORS_BESIDE, descriptors // 2)
    if room < wanted:
        log.warning(
            "the limit of descriptors leaves room for fewer connections",
            descriptors=descriptors,
            connections=room,
            wanted=wanted,
        )
    return min(room, wanted)


def _raise_limit(needed: int) -> None:
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if now == resource.RLIM_INFINITY or now >= needed:
        return
    allowed = needed if most == resource.RLIM_INFINITY else min(needed, most)
    # Some systems allow less than they say.
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, most))
