"""How much is sold, through the API: knobs of a liquidation, and a deposit that makes the plan smaller."""

from decimal import Decimal
from typing import Any

from domain.book_changes import CashStated
from resolvers.kit.node import global_id
from tests.api.trading import cases, liquidate, orders, preview
from tests.kit.book_files import (
    APPLE,
    BANK,
    HKD,
    RAIL,
    a_book,
    a_client,
    of_the_worked_example,
    owing,
    quotes,
    worked_quotes,
)
from tests.kit.desk_client import Caller
from tests.kit.desk_server import Desk, World
from tests.kit.venue_harness import new_order

SIZED = """query ($input: LiquidationPreviewInput!) { liquidationPreview(input: $input) {
  cures amountAfter shortOfTarget volumeUnknown refusal { code }
  uncurable { symbol reason remainingQuantity } legs { instrument { symbol } quantity limitPrice: price }
} }"""
CLOSE_ONLY = "query ($id: ID!) { case(id: $id) { account { closeOnly } } }"
HISTORY = "query ($id: ID!) { case(id: $id) { amount followUps { nodes { code text byDesk } } } }"


async def called(world: World) -> tuple[Desk, Caller, Any]:
    """The worked example: 152,800.00 to collect."""
    desk = await world.desk(of_the_worked_example())
    await world.market.says(*worked_quotes(world.clock()))
    trader = desk.caller()

    async def opened() -> bool:
        return len(await cases(trader)) == 1

    await desk.until(opened, "the call")
    (case,) = await cases(trader)
    return desk, trader, case


async def sized(trader: Caller, case_id: str, **knobs: object) -> Any:
    return (await trader.ask(SIZED, input={"caseId": case_id, **knobs}))["liquidationPreview"]


async def test_the_knobs_size_the_preview_and_the_orders_alike(world: World) -> None:
    _, trader, case = await called(world)
    slices: dict[str, Any] = {"legs": [{"symbol": APPLE}], "maxSliceNotional": "100000", "priceBand": "0.01"}
    shown = await sized(trader, case["id"], **slices)
    (leg,) = shown["legs"]
    assert (leg["quantity"], leg["limitPrice"]) == ("64", "197.91")
    assert not shown["cures"]
    assert shown["uncurable"] == [{"symbol": APPLE, "reason": "CAPPED", "remainingQuantity": "436"}]
    done = await liquidate(trader, case["id"], **slices)
    (order,) = done["orders"]
    assert (order["quantity"], order["limitPrice"]) == ("64", "197.91")
    again = await liquidate(trader, case["id"], **slices)
    assert [order["quantity"] for order in again["orders"]] == ["64"]
    assert len(await orders(trader)) == 2


async def test_the_initial_margin_as_target_and_unknown_volumes_are_reported(world: World) -> None:
    _, trader, case = await called(world)
    call = await preview(trader, case["id"])
    initial = await sized(trader, case["id"], target="INITIAL_MARGIN")
    assert initial["shortOfTarget"] == "0"
    assert sum(Decimal(leg["quantity"]) for leg in initial["legs"]) > sum(
        Decimal(leg["quantity"]) for leg in call["legs"]
    )
    liquid = await sized(trader, case["id"], policy="MOST_LIQUID_FIRST", maxAdvShare="0.1")
    assert set(liquid["volumeUnknown"]) == {"700.HK", "AAPL.US", "TSLA.US"}


async def test_knobs_that_make_no_sense_are_errors_and_a_wide_band_is_refused(world: World) -> None:
    _, trader, case = await called(world)
    for knobs in (
        {"maxAdvShare": "1.5"},
        {"maxAdvShare": "0"},
        {"maxSliceNotional": "-1"},
        {"priceBand": "-1"},
    ):
        assert (await trader.answer(SIZED, input={"caseId": case["id"], **knobs})).codes == ["BAD_USER_INPUT"]
    refused = await sized(trader, case["id"], priceBand="0.06")
    assert refused["refusal"]["code"] == "PRICE_OUTSIDE_BAND"


async def test_the_desks_own_cap_holds_for_every_order(world: World) -> None:
    desk = await world.desk(a_book(a_client("C1", owing("M1"))), order_notional_max={"HKD": "20000"})
    await world.market.says(*quotes(world.clock()))

    async def opened() -> bool:
        return len(await cases(desk.caller())) == 1

    await desk.until(opened, "the call")
    (case,) = await cases(desk.caller())
    shown = await sized(desk.caller(), case["id"], maxSliceNotional="90000")
    assert {leg["instrument"]["symbol"]: leg["quantity"] for leg in shown["legs"]} == {
        BANK: "200",
        RAIL: "200",
    }


async def test_a_deposit_shrinks_the_plan_and_stays_in_the_history_of_the_case(world: World) -> None:
    desk = await world.desk(a_book(a_client("C1", owing("M1"))))
    await world.market.says(*quotes(world.clock()))
    trader = desk.caller()

    async def amount_is(amount: str) -> bool:
        return [case["amount"] for case in await cases(trader)] == [amount]

    await desk.until(lambda: amount_is("20000"), "the call")
    (case,) = await cases(trader)
    before = await preview(trader, case["id"])
    world.clock.advance(seconds=1)
    await world.market.says(CashStated("M1", HKD, Decimal(-138_000), world.clock()))
    await desk.until(lambda: amount_is("8000"), "the deposit to count")
    after = await preview(trader, case["id"])
    assert Decimal(after["notional"]) < Decimal(before["notional"])
    assert (before["estimatedReduction"], after["estimatedReduction"]) == ("20000", "8000")
    history = (await trader.ask(HISTORY, id=case["id"]))["case"]["followUps"]["nodes"]
    assert history == [
        {
            "code": "CASH_ROSE",
            "text": "Cash rose by 12000 HKD. The amount to collect fell from 20000 to 8000 HKD.",
            "byDesk": True,
        }
    ]
    world.clock.advance(seconds=1)
    await world.market.says(CashStated("M1", HKD, Decimal(-139_000), world.clock()))
    await desk.until(lambda: amount_is("9000"), "the withdrawal to count")
    history = (await trader.ask(HISTORY, id=case["id"]))["case"]["followUps"]["nodes"]
    assert len(history) == 1


async def test_the_clients_own_orders_are_cancelled_before_the_account_is_sold(world: World) -> None:
    desk, trader, case = await called(world)
    for account in ("M1", "M2"):
        desk.venue.place_client_order(account, new_order("own-1"))
        desk.venue.place_client_order(account, new_order("own-2"))
    assert (await trader.ask(CLOSE_ONLY, id=case["id"]))["case"]["account"]["closeOnly"]
    await liquidate(trader, case["id"])

    async def sent() -> bool:
        return {order["status"] for order in await orders(trader)} == {"FILLED"}

    await desk.until(sent, "the order to fill")
    assert desk.venue.client_orders("M1") == ()
    assert len(desk.venue.client_orders("M2")) == 2
    (row,) = await desk.rows("SELECT detail FROM audit WHERE action = 'cancelClientOrders'")
    assert '"orders":2' in row["detail"].replace(" ", "")


async def test_a_desk_may_leave_the_clients_orders_alone(world: World) -> None:
    desk = await world.desk(of_the_worked_example(), cancel_client_orders=False)
    await world.market.says(*worked_quotes(world.clock()))
    trader = desk.caller()

    async def opened() -> bool:
        return len(await cases(trader)) == 1

    await desk.until(opened, "the call")
    desk.venue.place_client_order("M1", new_order("own-1"))
    (case,) = await cases(trader)
    await liquidate(trader, case["id"])

    async def sent() -> bool:
        return {order["status"] for order in await orders(trader)} == {"FILLED"}

    await desk.until(sent, "the order to fill")
    assert len(desk.venue.client_orders("M1")) == 1


EVIDENCE = """query ($input: LiquidationPreviewInput!) { liquidationPreview(input: $input) {
  asOf amountBefore amountAfter inFlightRelief cures refusal { code }
  figuresAfter { amount liquidNetAssets marginCallMargin } oneLotLess { symbol quantity amountAfter }
  legs { instrument { symbol lotSize } quantity }
} }"""


async def test_the_preview_proves_that_it_sells_no_more_than_needed(world: World) -> None:
    """Of the worked example: 219 shares end the call, with 218 something is left."""
    desk, trader, case = await called(world)

    async def shown(**knobs: object) -> Any:
        asked = {"caseId": case["id"], **knobs}
        return (await trader.ask(EVIDENCE, input=asked))["liquidationPreview"]

    alone = await shown(legs=[{"symbol": APPLE}])
    assert (alone["amountBefore"], alone["amountAfter"], alone["inFlightRelief"]) == ("152800", "0", "0")
    assert [leg["quantity"] for leg in alone["legs"]] == ["219"]
    after, less = alone["figuresAfter"], alone["oneLotLess"]
    assert after["amount"] == "0"
    assert Decimal(after["liquidNetAssets"]) >= Decimal(after["marginCallMargin"])
    assert (less["symbol"], less["quantity"]) == (APPLE, "218")
    assert Decimal(less["amountAfter"]) > 0
    again = await shown(legs=[{"symbol": APPLE, "quantity": "218"}])
    assert again["amountAfter"] == again["figuresAfter"]["amount"] == less["amountAfter"]
    assert alone["asOf"].startswith(f"{desk.clock():%Y-%m-%dT%H:%M}")
    one = await shown(legs=[{"symbol": APPLE, "quantity": "1"}])
    assert one["oneLotLess"]["quantity"] == "0"
    assert one["oneLotLess"]["amountAfter"] == "152800"
    await liquidate(trader, case["id"], legs=[{"symbol": APPLE, "quantity": "100"}])
    rest = await shown(legs=[{"symbol": APPLE}])
    assert [leg["quantity"] for leg in rest["legs"]] == ["119"]
    assert rest["figuresAfter"]["amount"] == "0"
    assert Decimal(rest["oneLotLess"]["amountAfter"]) > 0


async def test_without_a_plan_there_is_no_evidence(world: World) -> None:
    _, trader, case = await called(world)
    for asked in (
        {"caseId": case["id"], "legs": [{"symbol": BANK}]},
        {"caseId": global_id("Case", "0" * 32)},
    ):
        shown = (await trader.ask(EVIDENCE, input=asked))["liquidationPreview"]
        assert shown["refusal"]["code"] == "NOT_FOUND"
        assert (shown["figuresAfter"], shown["oneLotLess"], shown["inFlightRelief"]) == (None, None, None)
        assert shown["asOf"]
