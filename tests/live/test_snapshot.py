"""A snapshot and what follows it fit together exactly, whatever is committed or published meanwhile."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Self

import orjson
import pytest

from models import outbox
from models.sql.database import Database, transaction
from tests.kit.live_cases import Cases, desk_without_a_relay
from tests.kit.live_desk import case_event, until
from tests.kit.raw_websocket import RawWebSocket
from tests.kit.transport_ws_harness import ready

SNAPSHOT = """subscription ($after: String, $snapshot: Boolean = false, $atLeast: Decimal) {
  caseEvents(after: $after, snapshot: $snapshot, filter: {amountAtLeast: $atLeast}) {
    id kind cursor case { caseNo remark amount }
  }
}"""


@pytest.fixture
async def cases(url: str, tmp_path: Path) -> AsyncIterator[Cases]:
    async with desk_without_a_relay(tmp_path, url) as opened:
        yield opened


async def begin(cases: Cases, socket: RawWebSocket, id_: str = "1", **variables: Any) -> None:
    """Subscribe, and wait until the feed knows of it."""
    async with cases.desk.joining():
        socket.send(id=id_, type="subscribe", payload={"query": SNAPSHOT, "variables": variables})


async def events(socket: RawWebSocket, count: int) -> list[dict[str, Any]]:
    return [(await socket.receive())["payload"]["data"]["caseEvents"] for _ in range(count)]


def told(event: dict[str, Any]) -> tuple[str, str, int]:
    return event["kind"], event["case"]["caseNo"], int(event["case"]["remark"])


@pytest.mark.parametrize("batch", [1, 2, 500])
async def test_events_without_a_position_that_the_snapshot_contains_are_not_sent_again(
    url: str, tmp_path: Path, batch: int
) -> None:
    async with desk_without_a_relay(tmp_path, url, unpublished_batch=batch) as cases:
        await _without_a_repeat(cases)


async def _without_a_repeat(cases: Cases) -> None:
    await cases.open(1)
    await cases.relay()
    await cases.change(1)
    await cases.change(0)
    async with ready(cases.desk) as socket:
        await begin(cases, socket, snapshot=True)
        await cases.change(1)
        await cases.relay()
        await cases.change(0)
        await cases.relay()
        got = [told(event) for event in await events(socket, 4)]
    assert sorted(got[:2]) == [("SNAPSHOT", "MC-0", 1), ("SNAPSHOT", "MC-1", 1)]
    assert got[2:] == [("UPDATED", "MC-1", 2), ("UPDATED", "MC-0", 2)]


async def test_the_first_frame_says_how_large_the_snapshot_is_and_only_the_first(cases: Cases) -> None:
    for number in range(1, 4):
        await cases.open(number)
    await cases.relay()
    async with ready(cases.desk) as socket:
        await begin(cases, socket, snapshot=True)
        frames = [await socket.receive() for _ in range(4)]
    opening = {"resumed": False, "resumeWithinS": 24 * 3600, "snapshotEvents": 4}
    assert frames[0]["payload"]["extensions"]["stream"] == opening
    assert all("stream" not in frame["payload"]["extensions"] for frame in frames[1:])


async def test_behind_a_whole_snapshot_one_resumes_and_in_its_midst_one_does_not(cases: Cases) -> None:
    for number in range(1, 4):
        await cases.open(number)
    await cases.relay()
    async with ready(cases.desk) as socket:
        await begin(cases, socket, snapshot=True)
        cursors = [event["cursor"] for event in await events(socket, 4)]
    await cases.change(2)
    await cases.relay()
    async with ready(cases.desk) as socket:
        for cursor in cursors[:3]:
            variables = {"after": cursor}
            socket.send(id="x", type="subscribe", payload={"query": SNAPSHOT, "variables": variables})
            (error,) = (await socket.receive())["payload"]
            assert error["extensions"]["code"] == "CURSOR_EXPIRED"
        await begin(cases, socket, after=cursors[3])
        assert [told(event) for event in await events(socket, 1)] == [("UPDATED", "MC-2", 1)]


async def test_behind_a_snapshot_that_is_ahead_of_its_position_one_does_not_resume(cases: Cases) -> None:
    """One would be told again, and in between of a state older than the one that one holds."""
    await cases.change(0)
    async with ready(cases.desk) as socket:
        await begin(cases, socket, snapshot=True)
        (event,) = await events(socket, 1)
        assert told(event) == ("SNAPSHOT", "MC-0", 1)
    await cases.relay()
    async with ready(cases.desk) as socket:
        variables = {"after": event["cursor"]}
        socket.send(id="x", type="subscribe", payload={"query": SNAPSHOT, "variables": variables})
        (error,) = (await socket.receive())["payload"]
        assert error["extensions"]["code"] == "CURSOR_EXPIRED"


async def test_unpublished_events_of_other_subjects_do_not_prevent_resuming(
    cases: Cases,
) -> None:
    await cases.change(0, amount=10)
    await cases.open(1)
    await cases.relay()
    await cases.change(0, amount=11)
    async with ready(cases.desk) as socket:
        await begin(cases, socket, snapshot=True, atLeast="500")
        (event,) = await events(socket, 1)
        assert told(event) == ("SNAPSHOT", "MC-1", 0)
    await cases.change(1)
    await cases.relay()
    async with ready(cases.desk) as socket:
        await begin(cases, socket, after=event["cursor"], atLeast="500")
        assert [told(each) for each in await events(socket, 1)] == [("UPDATED", "MC-1", 1)]


async def test_a_snapshot_of_more_frames_than_a_mailbox_holds_arrives_whole(
    sqlite_url: str, tmp_path: Path
) -> None:
    limits: dict[str, Any] = {"mailbox_frames": 5, "mailbox_bytes": 10_000}
    async with desk_without_a_relay(tmp_path, sqlite_url, **limits) as cases:
        for number in range(1, 300):
            await cases.open(number)
        await cases.relay()
        async with ready(cases.desk, receive_buffer=4096) as socket:
            socket.send(
                id="1", type="subscribe", payload={"query": SNAPSHOT, "variables": {"snapshot": True}}
            )
            got = await events(socket, 300)
            assert len({event["case"]["caseNo"] for event in got}) == 300
            await cases.change(7)
            await cases.relay()
            assert told((await events(socket, 1))[0]) == ("UPDATED", "MC-7", 1)


async def test_random_commits_publications_and_snapshots_go_together_exactly(cases: Cases) -> None:
    """Each client sees every case count up from its snapshot, no number missing, none twice, none earlier."""
    choose, followers = random.Random(7), []
    for number in range(1, 6):
        await cases.open(number)
    for _ in range(120):
        match choose.choice(["change"] * 6 + ["relay"] * 4 + ["snapshot"]):
            case "change":
                await cases.change(choose.randrange(6))
            case "relay":
                await cases.relay(choose.randint(1, 5))
            case _:
                followers.append(await Follower.start(cases))
    while await cases.relay():
        pass
    final = {view.case.case_no: int(view.case.remark) for view in cases.views.values()}
    assert len(followers) > 3
    for follower in followers:
        await follower.until(final)
        await follower.stop()


async def test_an_event_written_before_the_snapshot_but_committed_after_it_is_sent(
    migrated_url: str, tmp_path: Path
) -> None:
    """Positions follow the order in which rows were written, not in which they were committed."""
    async with AsyncExitStack() as stack:
        cases = await stack.enter_async_context(desk_without_a_relay(tmp_path, migrated_url))
        elsewhere = Database(migrated_url, pool_size=1)
        await elsewhere.open()
        stack.push_async_callback(elsewhere.close)
        socket = await stack.enter_async_context(ready(cases.desk))
        with elsewhere.active():
            async with transaction():
                await outbox.append([case_event(cases.desk.clock(), "A9", remark="7")])
                await cases.change(0)
                await begin(cases, socket, snapshot=True)
                assert [told(event) for event in await events(socket, 1)] == [("SNAPSHOT", "MC-0", 1)]
        await cases.change(0)
        await cases.relay()
        got = [told(event) for event in await events(socket, 2)]
        assert got == [("UPDATED", "MC-A9", 7), ("UPDATED", "MC-0", 2)]


class Follower:
    """A client that notes the number of each case and insists on the next one."""

    def __init__(self, cases: Cases) -> None:
        self._cases = cases
        self._seen: dict[str, int] = {}
        self._started = asyncio.Event()
        self._task = asyncio.create_task(self._follow())

    @classmethod
    async def start(cls, cases: Cases) -> Self:
        """Subscribed, with a snapshot."""
        follower = cls(cases)
        await follower._started.wait()
        return follower

    async def until(self, final: dict[str, int]) -> None:
        """It has seen all."""
        await until(lambda: self._task.done() or self._seen == final)
        assert self._seen == final

    async def stop(self) -> None:
        self._task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await self._task

    async def _follow(self) -> None:
        async with ready(self._cases.desk) as socket:
            await begin(self._cases, socket, snapshot=True)
            self._started.set()
            while True:
                frame = await receive_patiently(socket)
                kind, case_no, number = told(frame["payload"]["data"]["caseEvents"])
                if kind == "UPDATED":
                    assert number == self._seen[case_no] + 1
                else:
                    assert case_no not in self._seen
                self._seen[case_no] = number


async def receive_patiently(socket: RawWebSocket) -> dict[str, Any]:
    frame = await socket.frame()
    message: dict[str, Any] = orjson.loads(frame.payload)
    return message
