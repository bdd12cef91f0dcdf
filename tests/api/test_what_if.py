"""What-if through the API: one account and the whole book, by the same arithmetic as the real figures."""

from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from domain.principal import Permission
from tests.api.trading import cases
from tests.kit.book_files import APPLE, BANK, RAIL, a_book, a_client, an_account, an_instrument, quotes
from tests.kit.desk_client import Caller
from tests.kit.desk_server import Desk, World

pytestmark = pytest.mark.asyncio(loop_scope="module")

FIGURES = (
    "stale cash longMarketValue shortMarketValue equity liquidNetAssets initialMargin maintenanceMargin "
    "marginCallMargin forceCloseMargin debt overFinancing amount riskLevel"
)
WHAT_IF = f"""query ($input: WhatIfInput!) {{ whatIf(input: $input) {{
  account {{ accountNo }} before {{ {FIGURES} }} after {{ {FIGURES} }} calls
  plan {{ amountBefore amountAfter cures legs {{ side quantity price }} refusal {{ code }} }}
}} }}"""
BOOK = """query ($input: ScenarioInput!, $first: Int! = 50, $after: String) {
  bookWhatIf(input: $input, first: $first, after: $after) {
    asOf accountsValued unpriced stale callsBefore callsAfter newCalls currency totalBefore totalAfter
    byCurrency { currency accounts callsBefore callsAfter amountBefore amountAfter }
    accounts { totalCount pageInfo { hasNextPage endCursor } nodes {
      alerts hasOpenCase amountBefore amountAfter riskLevelAfter account { id accountNo }
    } }
  }
}"""
ACCOUNTS = f"{{ clients {{ nodes {{ accounts {{ id accountNo figures {{ {FIGURES} }} }} }} }} }}"
CASH = {"M1": "-150000", "M2": "-130000", "M3": "-120000", "M4": "-100000", "M5": "-20000"}
FALL: dict[str, Any] = {"prices": [{"factor": "-0.20"}]}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(shared_world: World) -> Desk:
    """Five accounts with 2,000 shares at 100; only M1 is in call."""
    accounts = [an_account(number, cash, {BANK: 1000, RAIL: 1000}) for number, cash in CASH.items()]
    clients = (a_client(f"C{number}", account) for number, account in enumerate(accounts))
    instruments = (an_instrument(BANK, lot=100), an_instrument(RAIL, lot=100), an_instrument(APPLE))
    desk = await shared_world.desk(a_book(*clients, instruments=instruments))
    await desk.market.says(*quotes(desk.clock()))

    async def called() -> bool:
        return len(await cases(desk.caller())) == 1

    await desk.until(called, "the call of M1")
    return desk


async def accounts_of(caller: Caller) -> dict[str, Any]:
    nodes = (await caller.ask(ACCOUNTS))["clients"]["nodes"]
    return {account["accountNo"]: account for node in nodes for account in node["accounts"]}


async def what_if(caller: Caller, account_id: str, scenario: Any) -> Any:
    asked = {"accountId": account_id, "scenario": scenario}
    return (await caller.ask(WHAT_IF, input=asked))["whatIf"]


async def book(caller: Caller, scenario: Any, **page: object) -> Any:
    return (await caller.ask(BOOK, input=scenario, **page))["bookWhatIf"]


async def test_no_shock_shows_the_figures_of_the_account(desk: Desk) -> None:
    trader = desk.caller()
    for account in (await accounts_of(trader)).values():
        found = await what_if(trader, account["id"], {"prices": [{"factor": "0"}]})
        assert found["before"] == found["after"] == account["figures"]


async def test_a_fall_opens_a_call_and_shows_the_positions_to_sell(desk: Desk) -> None:
    trader = desk.caller()
    m2 = (await accounts_of(trader))["M2"]
    found = await what_if(trader, m2["id"], FALL)
    assert found["before"]["amount"] == "0"
    # 160,000 less 130,000 is 30,000, MM is 48,000; the call margin is 56,000.
    assert found["after"]["amount"] == "26000"
    assert found["calls"] == ["MAINTENANCE"]
    assert found["plan"]["cures"]
    assert {leg["price"] for leg in found["plan"]["legs"]} == {"80"}
    # 26,000 / (0.35 * 80) is 928.6: ten lots.
    assert sum(Decimal(leg["quantity"]) for leg in found["plan"]["legs"]) == 1000


async def test_the_shock_of_one_symbol_leaves_the_others(desk: Desk) -> None:
    trader = desk.caller()
    m4 = (await accounts_of(trader))["M4"]
    scenario = {
        "prices": [
            {"factor": "-0.5", "symbols": [BANK]},
            {"factor": "-0.9", "market": "XNYS"},
            {"factor": "0.1", "kind": "STOCK"},
        ]
    }
    found = await what_if(trader, m4["id"], scenario)
    assert found["after"]["longMarketValue"] == "160000"


async def test_a_case_names_its_account(desk: Desk) -> None:
    trader = desk.caller()
    (m1,) = await cases(trader)
    found = (await trader.ask(WHAT_IF, input={"caseId": m1["id"], "scenario": FALL}))["whatIf"]
    assert found["account"]["accountNo"] == "M1"
    assert found["after"]["amount"] == "46000"


async def test_the_whole_book_is_the_sum_of_its_accounts(desk: Desk) -> None:
    trader = desk.caller()
    whole = await book(trader, FALL)
    single = {
        number: await what_if(trader, account["id"], FALL)
        for number, account in (await accounts_of(trader)).items()
    }
    called = {number: found for number, found in single.items() if found["calls"]}
    assert set(called) == {"M1", "M2", "M3"}
    expected = sum(Decimal(found["after"]["amount"]) for found in called.values())
    assert Decimal(whole["totalAfter"]) == expected
    (hkd,) = whole["byCurrency"]
    assert (hkd["currency"], hkd["accounts"], Decimal(hkd["amountAfter"])) == ("HKD", 5, expected)
    assert (whole["callsBefore"], whole["callsAfter"], whole["newCalls"]) == (1, 3, 2)
    rows = {row["account"]["accountNo"]: row for row in whole["accounts"]["nodes"]}
    assert list(rows) == ["M1", "M2", "M3"]
    assert {number: row["amountAfter"] for number, row in rows.items()} == {
        number: found["after"]["amount"] for number, found in called.items()
    }
    assert [row["hasOpenCase"] for row in rows.values()] == [True, False, False]


async def test_a_book_without_a_shock_demands_the_amounts_of_its_open_cases(desk: Desk) -> None:
    trader = desk.caller()
    whole = await book(trader, {})
    summary = (await trader.ask("{ caseSummary { openCases totalAmount } }"))["caseSummary"]
    assert whole["totalBefore"] == whole["totalAfter"] == summary["totalAmount"]
    assert whole["callsAfter"] == summary["openCases"] == 1
    assert (whole["newCalls"], whole["unpriced"], whole["accountsValued"]) == (0, 0, 5)


async def test_the_worst_come_first_page_by_page_of_one_run(desk: Desk) -> None:
    trader = desk.caller()
    one = await book(trader, FALL, first=2)
    assert one["accounts"]["totalCount"] == 3
    assert one["accounts"]["pageInfo"]["hasNextPage"]
    two = await book(trader, FALL, first=2, after=one["accounts"]["pageInfo"]["endCursor"])
    assert two["asOf"] == one["asOf"]
    rows = one["accounts"]["nodes"] + two["accounts"]["nodes"]
    assert [row["account"]["accountNo"] for row in rows] == ["M1", "M2", "M3"]
    answer = await trader.answer(BOOK, input={}, after=one["accounts"]["pageInfo"]["endCursor"])
    assert answer.codes == ["CURSOR_INVALID"]


async def test_an_account_out_of_scope_is_in_no_sum(desk: Desk) -> None:
    every = await accounts_of(desk.caller())
    only_m2 = desk.caller(Permission.RISK_WARNING_READ_ONLY, accounts=["M2"])
    assert await what_if(only_m2, every["M1"]["id"], FALL) is None
    whole = await book(only_m2, FALL)
    assert (whole["accountsValued"], whole["callsAfter"], whole["totalAfter"]) == (1, 1, "26000")
    nobody = await desk.caller(accounts=[]).ask(BOOK, input=FALL)
    assert (nobody["bookWhatIf"]["accountsValued"], nobody["bookWhatIf"]["totalAfter"]) == (0, "0")


@pytest.mark.parametrize(
    "scenario",
    [
        {"prices": [{"factor": "-1"}]},
        {"prices": [{"factor": "-0.1"}, {"factor": "-0.2"}]},
        {"prices": [{"factor": "-0.1", "market": "XHKG", "kind": "STOCK"}]},
        {"currencies": [{"currency": "USD", "factor": "-2"}]},
        {"prices": [{"factor": "-0.1", "market": "HK"}]},
        {"prices": [{"factor": "-0.1", "symbols": [BANK, "0005.HK"]}]},
        {"currencies": [{"currency": "EUR", "factor": "0.1"}]},
        {"prices": [{"factor": "-0.1", "symbols": [f"{number}.HK" for number in range(201)]}]},
    ],
)
async def test_a_scenario_that_makes_no_sense_is_an_error(desk: Desk, scenario: Any) -> None:
    assert (await desk.caller().answer(BOOK, input=scenario)).codes == ["BAD_USER_INPUT"]
    (m1,) = await cases(desk.caller())
    of_one = await desk.caller().answer(WHAT_IF, input={"caseId": m1["id"], "scenario": scenario})
    assert of_one.codes == ["BAD_USER_INPUT"]


async def test_a_what_if_names_an_account_or_a_case_and_not_both(desk: Desk) -> None:
    assert (await desk.caller().answer(WHAT_IF, input={"scenario": {}})).codes == ["BAD_USER_INPUT"]


async def test_a_run_that_takes_too_long_is_ended_and_says_so(desk: Desk) -> None:
    hasty = await desk.world.desk(what_if_timeout_s=0.001)
    assert (await hasty.caller().answer(BOOK, input=FALL)).codes == ["BOOK_BUSY"]
