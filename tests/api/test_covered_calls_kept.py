"""Through the API: the stock under a written call is not sold from under it, by any policy, nor by hand."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from domain.ids import Symbol
from domain.market import InstrumentKind, OptionRight, OptionTerms
from feeds.book import BookInstrument
from tests.api.trading import CASE_EVENTS, cases, liquidate, preview
from tests.kit.book_files import BANK, a_book, a_client, a_quote, an_account, an_instrument
from tests.kit.desk_client import Caller
from tests.kit.desk_server import World

CALL = Symbol("5C20.HK")
POLICIES = ["MIN_TURNOVER", "LOSERS_FIRST", "LARGEST_FIRST", "MOST_LIQUID_FIRST", "PRO_RATA", "ALL"]


def a_call() -> BookInstrument:
    """One contract is 100 shares of the bank."""
    plain = an_instrument(CALL, "1 1 1 1")
    terms = OptionTerms(BANK, OptionRight.CALL, Decimal(100), date(2020, 3, 30))
    option = replace(plain.instrument, kind=InstrumentKind.OPTION, multiplier=Decimal(100), option=terms)
    return replace(plain, instrument=option)


async def called(world: World) -> tuple[Caller, str]:
    """100 shares at 200 cover one written call at 2; HKD 15,000 of debt."""
    account = an_account("M1", "-15000", {BANK: 100, CALL: -1})
    desk = await world.desk(a_book(a_client("C1", account), instruments=(an_instrument(BANK), a_call())))
    trader = desk.caller()
    events = await trader.subscribe(CASE_EVENTS)
    at = world.clock()
    await world.market.says(a_quote(CALL, at, "2"), a_quote(BANK, at, "200"))
    await events.next()
    (case,) = await cases(trader)
    return trader, case["id"]


@pytest.mark.parametrize("policy", POLICIES)
async def test_the_call_is_bought_back_first_or_the_stock_stays(world: World, policy: str) -> None:
    trader, case_id = await called(world)
    legs = (await preview(trader, case_id, policy=policy))["legs"]
    assert (legs[0]["side"], legs[0]["instrument"]["symbol"]) == ("BUY", CALL)
    kept = await preview(trader, case_id, policy=policy, keep=[CALL])
    assert kept["legs"] == []
    assert {"symbol": BANK, "reason": "COVERS_WRITTEN_CALLS"} in kept["uncurable"]


async def test_a_leg_by_hand_is_refused_unless_the_call_goes_with_it(world: World) -> None:
    trader, case_id = await called(world)
    sale, buy_back = {"symbol": BANK, "quantity": "49"}, {"symbol": CALL, "quantity": "1"}
    refused = await liquidate(trader, case_id, legs=[sale])
    assert refused["code"] == "COVERS_WRITTEN_CALLS"
    assert CALL in refused["message"]
    asked = await liquidate(trader, case_id, legs=[sale], override=True)
    assert asked["code"] == "APPROVAL_REQUIRED"
    seen = await preview(trader, case_id, legs=[buy_back, sale])
    assert [leg["instrument"]["symbol"] for leg in seen["legs"]] == [CALL, BANK]
