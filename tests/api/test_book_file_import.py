"""A book file as it comes in, and what the desk makes of it, on both stacks."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import orjson
import pytest

from domain.book_changes import CashStated, PositionStated, TradeStatusStated
from domain.market import TradeStatus
from domain.principal import Permission
from feeds.book import as_of_at
from feeds.book_file import parse_book
from tests.kit.book_files import BANK, HKD, a_book, a_client, owing, quotes
from tests.kit.desk_server import World

INSTRUMENT: dict[str, Any] = {"market": "XHKG", "currency": "HKD", "lotSize": "100"}
POSITIONS = """{ clients(first: 1) { nodes { accounts {
  positions { nodes { instrument { symbol negativePrices tickBands { start step } } } }
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
        {"symbol": "AAPL.US", "market": "XNYS", "currency": "USD", "negativePrices": True},
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
    assert [symbol for symbol, each in held.items() if each["negativePrices"]] == ["AAPL.US"]


NAMES = {
    "C1": "Chan\u3000Tai Man",
    "C2": "\u00df" * 200,
    "C3": "\ufdfa" * 200,
    "C4": "Caf\u00e9 \uff8a\uff9d\uff76\uff78",
    "C5": "\u0645\u0647\u200c\u0633\u0627",
}
SEARCHES = [
    ("chan tai man", ["C1"]),
    ("CHAN\u3000TAI", ["C1"]),
    ("\uff43\uff48\uff41\uff4e", ["C1"]),
    ("SSSS", ["C2"]),
    ("\u1e9e", ["C2"]),
    ("cafe\u0301", ["C4"]),
    ("\u30cf\u30f3\u30ab\u30af", ["C4"]),
    ("\u0645\u0647\u0633\u0627", ["C5"]),
    ("acc-2", ["C2"]),
    ("\uff21\uff23\uff23-\uff12", ["C2"]),
    ("c3", ["C3"]),
    ("100%", []),
    ("_", []),
]
FIND = """query ($text: String) {
  clients(filter: {search: $text}) { totalCount nodes { clientNo } }
  accounts(search: $text) { totalCount nodes { accountNo client { clientNo } } }
}"""


PAGE = """query ($after: String) { accounts(first: 2, after: $after) {
  pageInfo { endCursor } nodes { accountNo }
} }"""


def a_file_of_names() -> bytes:
    """One client for each name, with the account ACC-1 and so on."""
    clients = [
        {
            "clientNo": number,
            "name": name,
            "accounts": [{"accountNo": f"ACC-{number[1:]}", "type": "CASH", "baseCurrency": "HKD"}],
        }
        for number, name in NAMES.items()
    ]
    return orjson.dumps({"version": 1, "instruments": [], "clients": clients})


async def test_names_of_any_script_are_stored_and_found_by_any_width_case_and_composition(
    world: World,
) -> None:
    desk = await world.desk(parse_book(a_file_of_names()))
    trader = desk.caller()
    for text, numbers in SEARCHES:
        found = await trader.ask(FIND, text=text)
        assert [node["clientNo"] for node in found["clients"]["nodes"]] == numbers, text
        assert [node["client"]["clientNo"] for node in found["accounts"]["nodes"]] == numbers, text
        assert found["clients"]["totalCount"] == found["accounts"]["totalCount"] == len(numbers)


async def test_an_account_is_found_by_its_number_within_the_callers_scope(world: World) -> None:
    desk = await world.desk(parse_book(a_file_of_names()))
    reader = desk.caller(Permission.RISK_WARNING_READ_ONLY, accounts=["ACC-1", "ACC-2"])
    found = await reader.ask(FIND, text="acc-")
    assert [node["accountNo"] for node in found["accounts"]["nodes"]] == ["ACC-1", "ACC-2"]
    assert [node["clientNo"] for node in found["clients"]["nodes"]] == ["C1", "C2"]
    assert (await reader.ask(FIND, text="acc-3"))["clients"]["totalCount"] == 0
    assert (await reader.ask(FIND, text="chan"))["accounts"]["totalCount"] == 0, "names are masked"
    trader = desk.caller()
    first = (await trader.ask(PAGE))["accounts"]
    second = (await trader.ask(PAGE, after=first["pageInfo"]["endCursor"]))["accounts"]
    assert [node["accountNo"] for node in first["nodes"] + second["nodes"]] == [
        "ACC-1",
        "ACC-2",
        "ACC-3",
        "ACC-4",
    ]


MONEY = """query { accounts { nodes { accountNo cashBalances { balance }
  positions { nodes { quantity instrument { symbol tradeStatus } } } } } }"""
OPENED = "subscription { caseEvents { case { account { accountNo } } } }"
EARLY = timedelta(hours=1)


@pytest.mark.parametrize("as_of", [None, timedelta(hours=10)], ids=["without asOf", "with asOf"])
async def test_a_statement_made_after_the_book_and_before_its_import_is_newer(
    world: World, as_of: timedelta | None
) -> None:
    """The book of the night before, imported at ten in Hong Kong; the stream kept what came at nine."""
    now = world.clock()
    book = parse_book(a_file({"symbol": "5.HK"}))
    book = replace(book, as_of=None if as_of is None else now - as_of)
    await world.imports(book, as_of=book.as_of)
    desk = await world.desk()
    stated = now - EARLY
    assert as_of_at(book, now) < stated, "the morning of the tests begins two hours after midnight, UTC"
    await world.market.says(
        CashStated("A1", HKD, Decimal(-7000), stated),
        PositionStated("A1", BANK, Decimal(50), stated),
        TradeStatusStated(BANK, TradeStatus.SUSPENDED, stated),
    )
    trader = desk.caller()

    async def all_is_as_stated() -> bool:
        (account,) = (await trader.ask(MONEY))["accounts"]["nodes"]
        (held,) = account["positions"]["nodes"]
        return (
            [cash["balance"] for cash in account["cashBalances"]] == ["-7000"]
            and held["quantity"] == "50"
            and held["instrument"]["tradeStatus"] == "SUSPENDED"
        )

    await desk.until(all_is_as_stated, "the newer statements to hold")


async def test_accounts_imported_into_a_running_desk_are_watched_at_once(world: World) -> None:
    desk = await world.desk(a_book(a_client("C1", owing("M1"))))
    events = await desk.caller().subscribe(OPENED)
    await world.market.says(*quotes(world.clock()))
    await events.until(lambda event: event["case"]["account"]["accountNo"] == "M1")
    await world.imports(a_book(a_client("C2", owing("M2"))))
    await events.until(lambda event: event["case"]["account"]["accountNo"] == "M2")
