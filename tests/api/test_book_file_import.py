"""A book file as it comes in, and what the desk makes of it, on both stacks."""

from typing import Any

import orjson

from feeds.book_file import parse_book
from tests.api.desk_server import World

INSTRUMENT: dict[str, Any] = {"market": "XHKG", "currency": "HKD", "lotSize": "100"}
POSITIONS = """{ clients(first: 1) { nodes { accounts {
  positions { nodes { instrument { symbol tickBands { start step } } } }
} } } }"""


def a_file(*instruments: dict[str, Any], **client: Any) -> bytes:
    """One client who holds 100 of each instrument."""
    named = [INSTRUMENT | {"name": each["symbol"]} | each for each in instruments]
    positions = [{"symbol": each["symbol"], "quantity": "100"} for each in named]
    account = {"accountNo": "A1", "type": "MARGIN", "baseCurrency": "HKD", "positions": positions}
    rates = [{"baseCurrency": "USD", "quoteCurrency": "HKD", "rate": "7.8"}]
    whose = {"clientNo": "C1", "name": "Client", "accounts": [account]} | client
    return orjson.dumps({"version": 1, "instruments": named, "fx": rates, "clients": [whose]})


async def test_the_steps_of_prices_are_read_from_the_file_or_follow_the_market(world: World) -> None:
    book = a_file(
        {"symbol": "7203.JP", "market": "XTKS"},
        {"symbol": "AAPL.US", "market": "XNYS", "currency": "USD"},
        {"symbol": "D05.SI", "market": "XSES", "tickSize": "0.001, 0.2:0.005, 1:0.01"},
    )
    desk = await world.desk(parse_book(book))
    answer = await desk.caller().ask(POSITIONS)
    (account,) = answer["clients"]["nodes"][0]["accounts"]
    held = {each["instrument"]["symbol"]: each["instrument"] for each in account["positions"]["nodes"]}
    bands = {symbol: [(b["start"], b["step"]) for b in each["tickBands"]] for symbol, each in held.items()}
    assert bands == {
        "7203.JP": [],
        "AAPL.US": [("0", "0.0001"), ("1", "0.01")],
        "D05.SI": [("0", "0.001"), ("0.2", "0.005"), ("1", "0.01")],
    }
