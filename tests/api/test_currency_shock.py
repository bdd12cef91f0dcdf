"""What a currency does to an account that holds shares in another one than it owes in."""

from dataclasses import replace
from decimal import Decimal

from domain.margin import AccountType, CashBalance
from domain.market import FxRate
from tests.kit.book_files import (
    APPLE,
    HKD,
    USD,
    USD_IN_HKD,
    a_book,
    a_client,
    a_quote,
    an_account,
    an_instrument,
)
from tests.kit.desk_server import Desk, World

HALF: dict[str, object] = {"currencies": [{"currency": "USD", "factor": "-0.5"}]}
ACCOUNT = "{ clients { nodes { accounts { id } } } }"
WHAT_IF = """query ($input: WhatIfInput!) { whatIf(input: $input) {
  before { longMarketValue amount } after { longMarketValue cash amount } calls
} }"""
BOOK = """query ($input: ScenarioInput!) { bookWhatIf(input: $input) {
  callsBefore callsAfter totalBefore totalAfter accounts { nodes { account { accountNo } } } } }"""


async def in_dollars(world: World) -> Desk:
    """1,000 shares at USD 200 against 700,000 of Hong Kong dollars owed."""
    account = an_account("M1", "-700000", {APPLE: 1000})
    book = a_book(a_client("C1", account), instruments=(an_instrument(APPLE),))
    desk = await world.desk(book)
    rate = FxRate(USD, HKD, USD_IN_HKD, world.clock())
    await world.market.says(rate, a_quote(APPLE, world.clock(), "200"))
    return desk


async def test_a_cheaper_dollar_calls_accounts_that_owe_hong_kong_dollars(world: World) -> None:
    trader = (await in_dollars(world)).caller()
    ((account,),) = [node["accounts"] for node in (await trader.ask(ACCOUNT))["clients"]["nodes"]]
    found = (await trader.ask(WHAT_IF, input={"accountId": account["id"], "scenario": HALF}))["whatIf"]
    assert found["before"] == {"longMarketValue": "1560000", "amount": "0"}
    # Worth 780,000, net assets 80,000; MM is 234,000, the call margin 273,000.
    assert found["after"] == {"longMarketValue": "780000", "cash": "-700000", "amount": "193000"}
    assert found["calls"] == ["MAINTENANCE"]


async def test_the_whole_book_under_a_cheaper_dollar_is_the_sum_of_its_calls(world: World) -> None:
    trader = (await in_dollars(world)).caller()
    found = (await trader.ask(BOOK, input=HALF))["bookWhatIf"]
    assert (found["callsBefore"], found["callsAfter"]) == (0, 1)
    assert (found["totalBefore"], found["totalAfter"]) == ("0", "193000")


async def test_the_largest_amount_comes_first_at_the_rates_of_the_scenario(world: World) -> None:
    """1,000 Hong Kong dollars are more than 100 dollars at 7.80, and less at half as much again."""
    dollars = an_account("U1", "0", {}, account_type=AccountType.CASH)
    terms = replace(dollars.terms, base_currency=USD)
    dollars = replace(dollars, terms=terms, cash=(CashBalance(USD, Decimal(-100)),))
    hongkong = an_account("H1", "-1000", {}, account_type=AccountType.CASH)
    desk = await world.desk(a_book(a_client("C1", dollars), a_client("C2", hongkong)))
    trader = desk.caller()
    for factor, total, order in (("0", "1780", ["H1", "U1"]), ("0.5", "2170", ["U1", "H1"])):
        scenario = {"currencies": [{"currency": "USD", "factor": factor}]}
        found = (await trader.ask(BOOK, input=scenario))["bookWhatIf"]
        assert found["totalAfter"] == total
        assert [node["account"]["accountNo"] for node in found["accounts"]["nodes"]] == order
