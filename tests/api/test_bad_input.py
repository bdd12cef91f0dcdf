"""Input that cannot be, in well-formed requests: each has its code, and no row changes."""

from typing import Any

import pytest
import pytest_asyncio

from resolvers.kit.node import global_id
from tests.api.a_busy_desk import CLOSED, ONE_SIDED, STALE, SUSPENDED, BusyDesk, a_busy_desk
from tests.api.trading import CANCEL, CASES, LIQUIDATE, ORDERS, PREVIEW
from tests.kit.book_files import BANK
from tests.kit.desk_server import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

NUL = "a\x00b"
LONG = "x" * 60_000
NO_DECIMALS: dict[str, Any] = {
    **{
        f"the text {text!r}": text
        for text in ("NaN", "sNaN", "Infinity", "-Infinity", "", " ", "ten", "1_0", "1e400")
    },
    **{f"the text {text!r}": text for text in ("1e-400", "0x10", "٣", "1,5", "9" * 21, "0.00000000001", NUL)},
    "a float": 1.5,
    "true": True,
    "an object": {},
    "a list": [1, 2],
    "an integer of 25 digits": 10**25,
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def busy(shared_world: World) -> BusyDesk:
    return await a_busy_desk(shared_world)


def _leg(symbol: str = BANK, **leg: Any) -> dict[str, Any]:
    return {"legs": [{"symbol": symbol, **leg}]}


REFUSED_LIQUIDATIONS: dict[str, tuple[dict[str, Any], str]] = {
    "a case that is not there": ({"caseId": "unknown"}, "NOT_FOUND"),
    "the id of an order": ({"caseId": "resting"}, "NOT_FOUND"),
    "the id of an account": ({"caseId": "account"}, "NOT_FOUND"),
    "garbage for an id": ({"caseId": "%%%"}, "NOT_FOUND"),
    "a long id": ({"caseId": LONG}, "NOT_FOUND"),
    "an empty id": ({"caseId": ""}, "NOT_FOUND"),
    "an id that hides a NUL": ({"caseId": global_id("Case", NUL)}, "NOT_FOUND"),
    "a closed case": ({"caseId": "M3"}, "CASE_CLOSED"),
    "another version": ({"expectedVersion": 99}, "VERSION_CONFLICT"),
    "a version below zero": ({"expectedVersion": -1}, "VERSION_CONFLICT"),
    "more than is held": (_leg(quantity="1100"), "QUANTITY_EXCEEDS_SELLABLE"),
    "more than open orders leave": ({"caseId": "M2", **_leg(quantity="800")}, "QUANTITY_EXCEEDS_SELLABLE"),
    "half a lot": (_leg(quantity="150"), "OFF_LOT"),
    "a fraction": (_leg(quantity="0.5"), "OFF_LOT"),
    "nothing": (_leg(quantity="0"), "OFF_LOT"),
    "a negative quantity": (_leg(quantity="-100"), "INCREASES_EXPOSURE"),
    "a symbol twice": ({"legs": [{"symbol": BANK, "quantity": "100"}] * 2}, "QUANTITY_EXCEEDS_SELLABLE"),
    "a symbol that is not held": (_leg("9988.HK"), "NOT_FOUND"),
    "a symbol with a NUL": (_leg(NUL), "NOT_FOUND"),
    "a symbol that is kept": ({**_leg(), "keep": [BANK]}, "NOTHING_SELLABLE"),
    "a price too low": (_leg(quantity="100", limitPrice="50"), "PRICE_COLLAR"),
    "a price between two steps": (_leg(quantity="100", limitPrice="99.99"), "OFF_TICK"),
    "a price of nothing": (_leg(quantity="100", limitPrice="0"), "PRICE_OUTSIDE_BAND"),
    "a negative price": (_leg(quantity="100", limitPrice="-100"), "PRICE_OUTSIDE_BAND"),
    "a price on a market order": ({**_leg(limitPrice="100"), "orderType": "MARKET"}, "PRICE_OUTSIDE_BAND"),
    "a market order at night": ({**_leg(), "orderType": "MARKET", "session": "ANY"}, "MARKET_CLOSED"),
    "a closed market": (_leg(CLOSED), "MARKET_CLOSED"),
    "a suspended stock": (_leg(SUSPENDED), "INSTRUMENT_SUSPENDED"),
    "a stock without a bid": (_leg(ONE_SIDED), "NO_QUOTE"),
    "an old quote": (_leg(STALE), "STALE_QUOTE"),
}


@pytest.mark.parametrize("name", REFUSED_LIQUIDATIONS)
async def test_a_liquidation_that_cannot_be_is_refused(busy: BusyDesk, name: str) -> None:
    changes, code = REFUSED_LIQUIDATIONS[name]
    item = {"caseId": "M1"} | changes
    item["caseId"] = busy.ids.get(item["caseId"], item["caseId"])
    answer = await busy.trader.ask(LIQUIDATE, input={"idempotencyKey": f"refused: {name}", "cases": [item]})
    (result,) = answer["liquidate"]["results"]
    assert (result["__typename"], result["code"]) == ("LiquidationRefused", code)
    assert result["caseId"] == item["caseId"]
    assert (result["current"] is None) is (code == "NOT_FOUND" and not name.startswith("a symbol"))
    assert await busy.state() == busy.at_first


@pytest.mark.parametrize(
    "name",
    [name for name in REFUSED_LIQUIDATIONS if "version" not in name and "night" not in name],
)
async def test_its_preview_tells_so_beforehand(busy: BusyDesk, name: str) -> None:
    changes, code = REFUSED_LIQUIDATIONS[name]
    item = {"caseId": "M1"} | changes
    item["caseId"] = busy.ids.get(item["caseId"], item["caseId"])
    plan = (await busy.trader.ask(PREVIEW, input=item))["liquidationPreview"]
    assert (plan["refusal"], plan["legs"]) == ({"code": code}, [])


REFUSED_CANCELS = {
    "an order that is not there": "unknown order",
    "the id of a case": "M1",
    "garbage for an id": "\U0001f4a5",
    "an id that hides a NUL": global_id("Order", NUL),
}


@pytest.mark.parametrize("name", REFUSED_CANCELS)
async def test_a_cancel_of_nothing_is_refused(busy: BusyDesk, name: str) -> None:
    id_ = busy.ids.get(REFUSED_CANCELS[name], REFUSED_CANCELS[name])
    asked = {"idempotencyKey": f"refused cancel: {name}", "orderIds": [id_]}
    answer = await busy.trader.ask(CANCEL, input=asked)
    (result,) = answer["cancel"]["results"]
    assert (result["code"], result["orderId"], result["current"]) == ("NOT_FOUND", id_, None)
    assert await busy.state() == busy.at_first


def _liquidation(key: str = "k", **changes: Any) -> dict[str, Any]:
    return {"input": {"idempotencyKey": key, "cases": [{"caseId": "M1"} | changes]}}


SENSELESS: dict[str, tuple[str, dict[str, Any]]] = {
    "an empty key": (LIQUIDATE, _liquidation("")),
    "a key of 201 characters": (LIQUIDATE, _liquidation("k" * 201)),
    "a key with a NUL": (LIQUIDATE, _liquidation(NUL)),
    "a key with a line break": (LIQUIDATE, _liquidation("a\nb")),
    "no cases": (LIQUIDATE, {"input": {"idempotencyKey": "k", "cases": []}}),
    "201 cases": (
        LIQUIDATE,
        {"input": {"idempotencyKey": "k", "cases": [{"caseId": str(n)} for n in range(201)]}},
    ),
    "a case twice": (LIQUIDATE, {"input": {"idempotencyKey": "k", "cases": [{"caseId": "M1"}] * 2}}),
    "a reason with a NUL": (LIQUIDATE, {"input": {**_liquidation()["input"], "reason": NUL}}),
    "a reason of 1,001 characters": (LIQUIDATE, {"input": {**_liquidation()["input"], "reason": "x" * 1001}}),
    "no legs": (LIQUIDATE, _liquidation(legs=[])),
    "101 legs": (LIQUIDATE, _liquidation(legs=[{"symbol": str(n)} for n in range(101)])),
    "a symbol to keep that nobody knows": (LIQUIDATE, _liquidation(keep=[BANK, "0005.HK"])),
    "101 symbols to keep": (LIQUIDATE, _liquidation(keep=[str(n) for n in range(101)])),
    "a version that is no integer": (LIQUIDATE, _liquidation(expectedVersion="1")),
    "a policy that is none": (LIQUIDATE, _liquidation(policy="NONE")),
    "a field that is none": (LIQUIDATE, _liquidation(side="BUY")),
    "no orders": (CANCEL, {"input": {"idempotencyKey": "k", "orderIds": []}}),
    "201 orders": (CANCEL, {"input": {"idempotencyKey": "k", "orderIds": [str(n) for n in range(201)]}}),
    "an order twice": (CANCEL, {"input": {"idempotencyKey": "k", "orderIds": ["x", "x"]}}),
    "a cancel's key with a NUL": (CANCEL, {"input": {"idempotencyKey": NUL, "orderIds": ["x"]}}),
    "a cancel's reason with a NUL": (
        CANCEL,
        {"input": {"idempotencyKey": "k", "orderIds": ["x"], "reason": NUL}},
    ),
    **{
        f"{name} for a quantity": (LIQUIDATE, _liquidation(**_leg(quantity=value)))
        for name, value in NO_DECIMALS.items()
    },
    **{
        f"{name} for a price": (PREVIEW, {"input": {"caseId": "M1", **_leg(limitPrice=value)}})
        for name, value in NO_DECIMALS.items()
    },
    **{
        f"{name} for an amount": (CASES, {"filter": {"amountAtLeast": value}})
        for name, value in NO_DECIMALS.items()
    },
    **{
        f"cases whose {field} has a NUL": (CASES, {"filter": {field: NUL}})
        for field in ("search", "symbol", "accountNo")
    },
    **{
        f"orders whose {field} has a NUL": (ORDERS, {"filter": {field: NUL}})
        for field in ("search", "symbol", "accountNo")
    },
    **{
        f"{field} {time!r}": (CASES, {"filter": {field: time}})
        for field in ("openedAfter", "openedBefore")
        for time in (
            "",
            "now",
            "2020-03-16",
            "2020-03-16T10:00:00",
            "0001-01-01T00:00:00+14:00",
            "9999-12-31T23:59:59-12:00",
            NUL,
        )
    },
    "cases with a long search": (CASES, {"filter": {"search": LONG}}),
    "orders with a long search": (ORDERS, {"filter": {"search": LONG}}),
    "clients with a long search": (
        "query ($s: String) { clients(filter: {search: $s}) { nodes { id } } }",
        {"s": LONG},
    ),
    "clients with a NUL": (
        "query ($s: String) { clients(filter: {search: $s}) { nodes { id } } }",
        {"s": NUL},
    ),
    "a group with a NUL": (
        "query ($s: String) { clients(filter: {group: $s}) { nodes { id } } }",
        {"s": NUL},
    ),
    "a quote of a NUL": ("query ($s: String!) { quote(symbol: $s) { mark } }", {"s": NUL}),
    "an instrument of a NUL": ("query ($s: String!) { instrument(symbol: $s) { name } }", {"s": NUL}),
    "a NUL in the document": ('{ quote(symbol: "\\u0000") { mark } }', {}),
    "a summary of a NUL": (
        "query ($s: String) { caseSummary(filter: {search: $s}) { openCases } }",
        {"s": NUL},
    ),
}


@pytest.mark.parametrize("name", SENSELESS)
async def test_invalid_input_is_an_error_of_the_caller(busy: BusyDesk, name: str) -> None:
    document, variables = SENSELESS[name]
    answer = await busy.trader.answer(document, **variables)
    assert (answer.status, set(answer.codes)) == (200, {"BAD_USER_INPUT"}), answer
    assert await busy.state() == busy.at_first
