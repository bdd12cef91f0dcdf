"""The worked example of the formula sheet, to the cent, through the API."""

from typing import Any

import pytest
import pytest_asyncio

from tests.api.trading import CASE_EVENTS, ORDER_EVENTS, cancel, cases, liquidate, orders, preview
from tests.kit.book_files import (
    APPLE,
    SUSPENDED,
    TENCENT,
    TESLA,
    a_quote,
    of_the_worked_example,
    worked_quotes,
)
from tests.kit.desk_client import Caller
from tests.kit.desk_server import Desk, World

pytestmark = pytest.mark.asyncio(loop_scope="module")

FIGURES = """
  stale cash longMarketValue shortMarketValue deadMarketValue equity liquidNetAssets initialMargin
  maintenanceMargin marginCallMargin forceCloseMargin netAssetRatio debt overFinancing accruedInterest
  outstandingMargin tradingLimit amount advancesStopped riskLevel
"""
EXPECTED = {
    "stale": False,
    "cash": "-930000",
    "longMarketValue": "1630000",
    "shortMarketValue": "-117000",
    "deadMarketValue": "50000",
    "equity": "583000",
    "liquidNetAssets": "533000",
    "initialMargin": "768500",
    "maintenanceMargin": "598800",
    "marginCallMargin": "683650",
    "forceCloseMargin": "513950",
    "netAssetRatio": "0.3141",
    "debt": "930000",
    "overFinancing": "30000",
    "accruedInterest": "2150",
    "outstandingMargin": "0",
    "tradingLimit": "0",
    "amount": "152800",
    "advancesStopped": True,
    "riskLevel": "DANGER",
}


PRICES = ("400", "399.80", "400.20")


async def _called_desk(world: World) -> Desk:
    """The account is in margin call; the venue's book of 700.HK shows nothing to trade with."""
    desk = await world.desk(of_the_worked_example())
    events = await desk.caller().subscribe(CASE_EVENTS)
    await world.market.says(*worked_quotes(world.clock()), a_quote(TENCENT, world.clock(), *PRICES, size=0))
    assert (await events.next())["kind"] == "OPENED"
    return desk


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def trader(shared_world: World) -> Caller:
    """Who only looks."""
    return (await _called_desk(shared_world)).caller()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def called(trader: Caller) -> Any:
    """The case."""
    (case,) = await cases(trader)
    return case


async def test_the_case_opens_automatically_with_exactly_these_figures(trader: Caller) -> None:
    account = (
        "accountNo closeOnly figures { %s } positions { nodes { instrument { symbol } baseMarketValue } }"
    )
    document = (
        f"{{ cases {{ nodes {{ alertType status amount amountAtOpen uncoveredAmount forceEligible deadline \
      figures {{ {FIGURES} }} account {{ {account % FIGURES} }} }} }} }}"
    )
    (case,) = (await trader.ask(document))["cases"]["nodes"]
    assert case.pop("figures") == EXPECTED
    live = case.pop("account")
    assert live.pop("figures") == EXPECTED
    values = {node["instrument"]["symbol"]: node["baseMarketValue"] for node in live["positions"]["nodes"]}
    assert values == {TENCENT: "800000", APPLE: "780000", SUSPENDED: "50000", TESLA: "-117000"}
    assert (live["accountNo"], live["closeOnly"]) == ("M1", True)
    assert case == {
        "alertType": "MAINTENANCE",
        "status": "OPEN",
        "amount": "152800",
        "amountAtOpen": "152800",
        "uncoveredAmount": "152800",
        "forceEligible": False,
        "deadline": "2020-03-18T06:00:00Z",
    }


async def test_least_turnover_sells_trading_positions_and_lists_the_uncurable(
    trader: Caller, called: Any
) -> None:
    """New York is shut: 219 of Apple would trade less, but not before tonight."""
    plan = await preview(trader, called["id"])
    (leg,) = plan.pop("legs")
    assert leg == {
        "instrument": {"symbol": TENCENT},
        "side": "SELL",
        "quantity": "1100",
        "price": "399.8",
        "fee": "571.71",
        "baseNotional": "439780",
        "reduction": "152800",
    }
    assert plan == {
        "amountBefore": "152800",
        "amountAfter": "0",
        "estimatedReduction": "152800",
        "notional": "439780",
        "cures": True,
        "uncurable": [{"symbol": SUSPENDED, "reason": "INSTRUMENT_SUSPENDED"}],
        "refusal": None,
    }


async def test_a_leg_in_a_market_that_is_shut_is_sold_when_it_is_named(trader: Caller, called: Any) -> None:
    plan = await preview(trader, called["id"], legs=[{"symbol": APPLE}])
    (leg,) = plan["legs"]
    assert (leg["quantity"], leg["fee"], leg["baseNotional"]) == ("219", "13.13", "341469.18")


async def test_a_leg_without_quantity_is_sized_to_the_lot(trader: Caller, called: Any) -> None:
    plan = await preview(trader, called["id"], legs=[{"symbol": TENCENT}])
    (leg,) = plan["legs"]
    assert (leg["quantity"], leg["baseNotional"], leg["reduction"]) == ("1100", "439780", "152800")
    assert (plan["cures"], plan["amountAfter"]) == (True, "0")


async def test_one_lot_less_does_not_cure(trader: Caller, called: Any) -> None:
    plan = await preview(trader, called["id"], legs=[{"symbol": TENCENT, "quantity": "1000"}])
    assert (plan["cures"], plan["amountAfter"], plan["estimatedReduction"]) == (
        False,
        "13519.74",
        "139280.26",
    )


async def test_the_cover_of_tesla_is_reckoned_on_the_full_formula(trader: Caller, called: Any) -> None:
    """Buying costs debt, which then decides: the sheet's 5,647.86, with the fee booked in whole US cents."""
    plan = await preview(trader, called["id"], legs=[{"symbol": TESLA, "quantity": "50"}])
    (leg,) = plan["legs"]
    assert (leg["side"], leg["baseNotional"], leg["reduction"]) == ("BUY", "117117", "5647.9")
    assert plan["amountAfter"] == "147152.1"


@pytest.mark.asyncio(loop_scope="function")
async def test_a_partial_fill_then_a_cancel_leave_the_residual_and_the_rest_cures(world: World) -> None:
    desk = await _called_desk(world)
    trader = desk.caller()
    (called,) = await cases(trader)
    case_events = await trader.subscribe(CASE_EVENTS)
    order_events = await trader.subscribe(ORDER_EVENTS)
    leg = {"symbol": TENCENT, "quantity": "1100", "limitPrice": "399.60"}
    started = await liquidate(trader, called["id"], legs=[leg])
    (order,) = started["orders"]
    assert (started["case"]["status"], started["case"]["uncoveredAmount"]) == ("LIQUIDATING", "0")
    await order_events.until(lambda event: event["order"]["status"] == "NEW")

    await world.market.says(a_quote(TENCENT, world.clock(), "400", "399.70", "400.20", size=400))
    fill = (await order_events.until(lambda event: event["kind"] == "FILL"))[-1]
    assert fill["fill"] == {"quantity": "400", "price": "399.7"}
    assert fill["order"]["status"] == "PARTIALLY_FILLED"
    await cancel(trader, order["id"])
    ended = (await order_events.until(lambda event: event["order"]["terminal"]))[-1]
    assert (ended["order"]["status"], ended["order"]["filledQuantity"]) == ("CANCELED", "400")

    reopened = (await case_events.until(lambda event: event["case"]["status"] == "OPEN"))[-1]
    assert reopened["kind"] == "STATUS_CHANGED"
    residual = (await cases(trader))[0]
    assert (residual["amount"], residual["uncoveredAmount"]) == ("97127.84", "97127.84")

    await world.market.says(a_quote(TENCENT, world.clock(), *PRICES))
    plan = await preview(trader, called["id"], legs=[{"symbol": TENCENT}])
    assert [leg["quantity"] for leg in plan["legs"]] == ["700"]
    await liquidate(trader, called["id"], legs=[{"symbol": TENCENT}])
    await case_events.until(lambda event: event["case"]["status"] == "LIQUIDATING")
    cured = (await case_events.until(lambda event: event["case"]["status"] == "OPEN"))[-1]
    assert cured["case"]["amount"] == "0"
    world.clock.advance(seconds=desk.settings.close_hold_s)
    closed = (await case_events.until(lambda event: event["kind"] == "CLOSED"))[-1]["case"]
    assert (closed["status"], closed["closeReason"]) == ("RESOLVED", "CURED")
    last, first = await orders(trader)
    assert (last["status"], last["filledQuantity"], last["averagePrice"]) == ("FILLED", "700", "399.8")
    assert (first["status"], first["averagePrice"]) == ("CANCELED", "399.7")
