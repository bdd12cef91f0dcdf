"""A damaged event in the outbox is set aside and reported; the later ones arrive."""

import json

import pytest

from domain.principal import Permission
from models.sql.database import fetch
from tests.api.moments import prices_call
from tests.api.readiness import readiness
from tests.api.test_webhooks import LOCAL, register
from tests.api.trading import CASE_EVENTS, cases, liquidate
from tests.kit.book_files import a_book, a_client, owing
from tests.kit.desk_server import Desk, World, scraped
from tests.kit.receiver import a_receiver

pytestmark = pytest.mark.both_stacks


async def damaged_event(desk: Desk) -> int:
    """As one that was damaged before the relay gave it its place; the place it got."""
    resources = desk.application.resources
    id_ = desk.clock().strftime("%f").rjust(32, "0")
    with resources.database.active():
        await fetch(
            "INSERT INTO outbox (event_id, payload, at) VALUES ($1, $2, $3) RETURNING 1 AS made",
            id_,
            '{"v":1,"type":"CaseEvent","event":{}}',
            desk.clock(),
        )

    async def placed() -> bool:
        rows = await desk.rows(f"SELECT stream_offset FROM outbox WHERE event_id = '{id_}'")
        return rows[0]["stream_offset"] is not None

    await desk.until(placed, "the damaged event to get its place")
    (row,) = await desk.rows(f"SELECT stream_offset FROM outbox WHERE event_id = '{id_}'")
    return int(row["stream_offset"])


async def test_every_subscriber_of_a_damaged_event_is_notified_and_later_events_arrive(world: World) -> None:
    desk = await world.desk(a_book(a_client("C1", owing("M1")), a_client("C2", owing("M2"))), **LOCAL)
    trader = desk.caller()
    async with a_receiver() as receiver:
        await register(desk.caller(Permission.SERVICE, subject="risk-system"), receiver.url())
        await prices_call(desk)
        await receiver.until(2)
        socket = await trader.socket()
        live = await socket.operate(CASE_EVENTS, snapshot=True)
        cursor = [await live.next() for _ in range(2)][-1]["cursor"]
        offset = await damaged_event(desk)

        assert await socket.closed() == 1013
        resumed = await trader.subscribe(CASE_EVENTS, after=cursor)
        assert await resumed.error_codes() == ["CURSOR_EXPIRED"]
        anew = await trader.subscribe(CASE_EVENTS, snapshot=True)
        for _ in range(2):
            assert (await anew.next())["kind"] == "SNAPSHOT"

        (case,) = await cases(trader, accountNo="M1")
        await liquidate(trader, case["id"])
        assert await anew.until(lambda event: event["kind"] == "STATUS_CHANGED")
        await receiver.until(5)
        posted = [json.loads(each.body) for each in receiver.posted]
        assert [each["type"] for each in posted[:3]] == ["CASE_OPENED", "CASE_OPENED", "EVENT_LOST"]
        assert posted[2]["data"] == {}
        assert "ORDER_CREATED" in {each["type"] for each in posted[3:]}

    ready = await readiness(desk)
    assert (ready["code"], ready["status"], ready["data"]) == (200, "degraded", False)
    assert f"outbox {offset}" in ready["dataTrouble"]
    metrics = await scraped(desk)
    assert metrics['desk_unreadable_rows_total{table="outbox"}'] == 1
    assert metrics['desk_damaged_rows{table="outbox"}'] == 1
