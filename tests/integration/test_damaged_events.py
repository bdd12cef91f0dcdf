"""Damaged events in the outbox: they get their place as others do, and a command lists them."""

from io import StringIO

from rich.console import Console

from domain.events import BookChanged
from domain.ids import AccountId, EventId
from gateway.cli.events_command import print_damaged_events
from models import outbox
from models.sql.database import is_sqlite
from tests.kit.damage import damage
from tests.kit.desk_kit import DeskKit


async def printed() -> tuple[int, str]:
    out = Console(file=StringIO(), width=200)
    found = await print_damaged_events(out)
    assert isinstance(out.file, StringIO)
    return found, out.file.getvalue()


async def events(kit: DeskKit, *names: str) -> None:
    await outbox.append([BookChanged(EventId(name), kit.clock(), AccountId("a")) for name in names])


async def test_the_command_names_each_with_its_place_and_why(kit: DeskKit) -> None:
    await events(kit, "first", "second", "third")
    assert await printed() == (0, "Every event in the outbox can be read.\n")
    await outbox.assign_positions(2)
    await damage("outbox", "payload", "event_id IN ('second', 'third')", '{"v":1,"type":"[bold]"}')
    found, text = await printed()
    assert found == 2
    (second,) = [line for line in text.splitlines() if "second" in line]
    (third,) = [line for line in text.splitlines() if "third" in line]
    assert "│ 2 " in second
    assert "[bold]" in second, "what is damaged is no markup"
    assert "none yet" in third
    assert "first" not in text


async def test_a_damaged_time_holds_up_neither_the_stream_nor_the_metrics(kit: DeskKit) -> None:
    await events(kit, "first", "second")
    if is_sqlite():
        await damage("outbox", "at", "event_id = 'first'", "yesterday")
    assert (await outbox.backlog(kit.clock())).events == 2
    rows = await outbox.assign_positions(10)
    assert [row.event_id for row in rows] == ["first", "second"]
    assert [row.offset for row in await outbox.published_after(0, 10)] == [1, 2]
