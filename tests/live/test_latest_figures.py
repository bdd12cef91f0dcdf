"""Only the latest figures: what a client that does not keep up still gets, in which order, and resuming."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from domain.events import CaseEvent, CaseEventKind
from domain.ids import CaseId
from models import outbox
from models.sql.database import transaction
from tests.kit.live_desk import LiveDesk, case_event, served_desk
from tests.kit.raw_websocket import RawWebSocket
from tests.kit.transport_ws_harness import ready, subscribe

EVENTS = """subscription ($figures: FiguresDelivery! = LATEST, $after: String, $filter: CaseFilter) {
  caseEvents(figures: $figures, after: $after, filter: $filter) { id kind case { caseNo remark amount } }
}"""
LONG = "x" * 8_000
"""So that a few events fill the buffers of the kernel and of the transport."""
CASES, ROUNDS, FRAMES = 5, 40, 20


def happened(desk: LiveDesk, number: int, amount: int, **changes: Any) -> CaseEvent:
    """New figures of a case, or something else."""
    event = case_event(desk.clock(), f"A{number}", LONG)
    case = event.view.case
    case = replace(case, id=CaseId(f"case {number}"), figures=replace(case.figures, amount=Decimal(amount)))
    usual: dict[str, Any] = {"previous_amount": Decimal(1000), "figures_only": True}
    return replace(event, view=replace(event.view, case=case), **(usual | changes))


async def publish(desk: LiveDesk, events: Sequence[CaseEvent]) -> None:
    with desk.resources.database.active():
        async with transaction():
            await outbox.append(events)
    desk.resources.signals.committed()


@asynccontextmanager
async def stalled(desk: LiveDesk, **variables: Any) -> AsyncIterator[RawWebSocket]:
    """A socket that has read the first event of its operation, and reads nothing more for now."""
    async with ready(desk, receive_buffer=4096) as socket:
        await subscribe(desk, socket, EVENTS, variables=variables)
        await publish(desk, [happened(desk, 0, 1000)])
        await socket.receive()
        socket.stop_reading()
        yield socket


async def until_last(socket: RawWebSocket, last: str) -> list[tuple[str, str, str]]:
    """The ids, kinds and cursors of all messages up to the one of an event."""
    got: list[tuple[str, str, str]] = []
    while not got or got[-1][0] != last:
        payload = (await socket.receive())["payload"]
        event = payload["data"]["caseEvents"]
        got.append((event["id"], event["kind"], payload["extensions"]["cursor"]))
    return got


async def busy_rounds(desk: LiveDesk, watcher: RawWebSocket) -> list[CaseEvent]:
    """Figures of every case in each round, now and then something else; a client that keeps up gets all."""
    sent: list[CaseEvent] = []
    for number in range(ROUNDS):
        events = [happened(desk, case, 1000 + number) for case in range(CASES)]
        if number % 8 == 0:
            kind = CaseEventKind.STATUS_CHANGED if number % 16 else CaseEventKind.UPDATED
            events.insert(number % CASES, happened(desk, number % CASES, 7, kind=kind, figures_only=False))
        await publish(desk, events)
        assert [id_ for id_, _, _ in await until_last(watcher, events[-1].id)] == [each.id for each in events]
        sent += events
    return sent


async def test_a_client_that_does_not_keep_up_gets_all_but_outdated_figures_in_order(
    place: Callable[[], Path],
) -> None:
    async with (
        served_desk(place(), mailbox_frames=FRAMES) as desk,
        stalled(desk) as slow,
        ready(desk, desk.token("keeps up")) as watcher,
    ):
        await subscribe(desk, watcher, EVENTS, variables={"figures": "EVERY"})
        sent = await busy_rounds(desk, watcher)
        assert desk.live.metrics.closes[1013] == 0
        slow.read_on()
        got = await until_last(slow, sent[-1].id)
        places = {str(event.id): place for place, event in enumerate(sent)}
        arrived = [places[id_] for id_, _, _ in got]
        newest = {event.view.case.case_no: place for place, event in enumerate(sent)}
        kept = [place for place, event in enumerate(sent) if not event.figures_only]
        assert arrived == sorted(set(arrived))
        assert set(arrived) >= {*kept, *newest.values()}
        assert len(arrived) < len(sent) / 2
        for id_, _, cursor in got:
            if (at := places[id_]) in kept:
                async with ready(desk, desk.token("again")) as again:
                    again.send(
                        id="1", type="subscribe", payload={"query": EVENTS, "variables": {"after": cursor}}
                    )
                    missed = await until_last(again, sent[-1].id)
                assert [each for each, _, _ in missed] == [event.id for event in sent[at + 1 :]]


async def test_figures_by_which_a_case_leaves_the_list_are_not_outdated(place: Callable[[], Path]) -> None:
    async with (
        served_desk(place(), mailbox_frames=FRAMES) as desk,
        stalled(desk, filter={"amountAtLeast": "500"}) as slow,
        ready(desk, desk.token("keeps up")) as watcher,
    ):
        await subscribe(desk, watcher, EVENTS, variables={"figures": "EVERY"})
        for _ in range(FRAMES):
            events = [happened(desk, number, 1000) for number in range(CASES)]
            await publish(desk, events)
            await until_last(watcher, events[-1].id)
        leaves, returns = happened(desk, 0, 100), happened(desk, 0, 1000, previous_amount=Decimal(100))
        last = happened(desk, 1, 2000)
        await publish(desk, [leaves, returns, last])
        await until_last(watcher, last.id)
        slow.read_on()
        got = [(id_, kind) for id_, kind, _ in await until_last(slow, last.id)]
        assert got[-3:] == [(leaves.id, "REMOVED"), (returns.id, "UPDATED"), (last.id, "UPDATED")]


@pytest.mark.parametrize("figures", ["EVERY", "LATEST"])
async def test_the_first_frame_says_how_the_operation_begins_even_if_newer_figures_wait_behind_it(
    place: Callable[[], Path], figures: str
) -> None:
    async with (
        served_desk(place(), mailbox_bytes=100_000_000) as desk,
        stalled(desk, figures="EVERY") as slow,
        ready(desk, desk.token("keeps up")) as watcher,
    ):
        await subscribe(desk, watcher, EVENTS, variables={"figures": "EVERY"})
        sent = await busy_rounds(desk, watcher)
        async with desk.joining():
            slow.send(id="2", type="subscribe", payload={"query": EVENTS, "variables": {"figures": figures}})
        for amount in (1, 2, 3):
            await publish(desk, [last := happened(desk, 0, amount)])
            await until_last(watcher, last.id)
        slow.read_on()
        await until_last(slow, sent[-1].id)
        frames: list[dict[str, Any]] = []
        while not frames or frames[-1]["payload"]["data"]["caseEvents"]["id"] != last.id:
            frame = await slow.receive()
            frames += [frame] if frame["id"] == "2" else []
        assert "stream" in frames[0]["payload"]["extensions"]
        assert len(frames) == (3 if figures == "EVERY" else 2)
