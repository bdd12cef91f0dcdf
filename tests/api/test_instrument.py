"""The query `instrument`: an instrument by its symbol, held or not."""

from typing import Any

from tests.kit.book_files import BANK, RAIL, a_book
from tests.kit.damage import damage
from tests.kit.desk_server import World

ASKED = """query ($known: String!, $other: String!) {
  known: instrument(symbol: $known) { symbol market currency kind lotSize }
  other: instrument(symbol: $other) { symbol }
}"""
OF_THE_BANK = {"symbol": BANK, "market": "XHKG", "currency": "HKD", "kind": "STOCK", "lotSize": "100"}


async def test_an_instrument_is_found_by_its_symbol_and_an_unknown_one_is_null(world: World) -> None:
    caller = (await world.desk(a_book())).caller()
    assert await caller.ask(ASKED, known=BANK, other="NOPE.HK") == {"known": OF_THE_BANK, "other": None}


async def test_a_damaged_instrument_is_an_error_beside_the_others_and_not_unknown(world: World) -> None:
    desk = await world.desk(a_book())
    with desk.application.resources.database.active():
        await damage("instrument", "lot_size", f"symbol = '{RAIL}'")
    body: dict[str, Any] = (await desk.caller().answer(ASKED, known=BANK, other=RAIL)).body
    assert body["data"] == {"known": OF_THE_BANK, "other": None}
    assert [(each["path"], each["extensions"]["code"]) for each in body["errors"]] == [
        (["other"], "UNREADABLE_DATA")
    ]
