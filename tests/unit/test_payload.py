"""A shared payload with a cursor in its mark's place is what its group would have encoded itself."""

from collections.abc import Sequence

import pytest

from subscriptions.connections.running import Wire
from subscriptions.connections.sse import DistinctWire, SingleWire
from subscriptions.connections.websocket import SocketWire
from subscriptions.live.operation import Operation
from subscriptions.live.payload import AtHand, SharedPayload
from subscriptions.live.rendered import Batch, Happened, Rendered
from subscriptions.stream.bus import Position
from tests.unit.live_streams import Topic

MARK, CURSORS = b"MARK-MARK", (b"cursor-01", b"cursor-02")
EVENT = Happened(Position("epoch", 1), "id", 0.0)
WIRES: Sequence[Wire] = (SocketWire(), DistinctWire(), SingleWire())
OPERATION: Operation = Topic()


def payload(cursor: bytes, size: int) -> bytes:
    return b'{"cursor":"%b","text":"%b","extensions":{"cursor":"%b"}}' % (cursor, b"x" * size, cursor)


@pytest.mark.parametrize("size", [0, 200, 70_000], ids=["short", "medium", "long"])
@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: type(wire).__name__)
def test_each_group_gets_the_frame_with_its_own_cursor(wire: Wire, size: int) -> None:
    shared, prefix = SharedPayload(payload(MARK, size), MARK), wire.prefix("1")
    for cursor in CURSORS:
        expected = wire.event(prefix, payload(cursor, size), lambda cursor=cursor: cursor)  # type: ignore[misc]
        rendered = Rendered(EVENT, AtHand(shared, cursor))
        assert rendered.payload == payload(cursor, size)
        assert rendered.size == len(rendered.payload)
        assert rendered.frame(prefix, wire, OPERATION) == expected
        assert Batch([rendered, rendered]).frames(prefix, wire, OPERATION) == expected * 2


def test_members_that_do_not_keep_up_share_one_frame() -> None:
    rendered = Rendered(EVENT, AtHand(SharedPayload(payload(MARK, 1), MARK), CURSORS[0]))
    wire = SocketWire()
    kept = [rendered.kept_frame(wire.prefix("1"), wire, OPERATION) for _ in range(2)]
    assert kept[0] is kept[1]
