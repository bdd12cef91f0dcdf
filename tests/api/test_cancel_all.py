"""All open orders of a case, an account, a client or an instrument are cancelled with one command."""

import asyncio
from typing import Any

import pytest

from domain.principal import Permission
from tests.api.trading import CANCEL_ALL, cancel_all, cases, liquidate, orders
from tests.kit.book_files import BANK, RAIL, a_book, a_client, owing, quotes
from tests.kit.desk_client import Caller
from tests.kit.desk_server import Desk, World
from venues.paper import CancelAnswer, PaperBehaviour

SELL_BOTH = [{"symbol": BANK, "quantity": "100"}, {"symbol": RAIL, "quantity": "100"}]


async def _a_desk(world: World, **settings: Any) -> Desk:
    """M1 and M2 of one client and M3 of another, each with an order in the bank and one in the railway."""
    book = a_book(a_client("C1", owing("M1"), owing("M2")), a_client("C2", owing("M3")))
    desk = await world.desk(book, **settings)
    await desk.market.says(*quotes(desk.clock(), size=0))
    trader = desk.caller()

    async def all_called() -> bool:
        return len(await cases(trader)) == 3

    await desk.until(all_called, "three calls")
    for case in await cases(trader):
        await liquidate(trader, case["id"], legs=SELL_BOTH)
    await _until_all(desk, trader, 6, "NEW")
    return desk


async def _until_all(desk: Desk, trader: Caller, count: int, status: str) -> None:
    async def so() -> bool:
        return len(await orders(trader, status=[status])) == count

    await desk.until(so, f"{count} orders that are {status}")


async def _working(trader: Caller) -> set[tuple[str, str]]:
    """Account and symbol of every order without a requested cancel."""
    document = "{ orders(filter: {status: [NEW]}) { nodes { account { accountNo } instrument { symbol } } } }"
    nodes = (await trader.ask(document))["orders"]["nodes"]
    return {(node["account"]["accountNo"], node["instrument"]["symbol"]) for node in nodes}


def _sorts(result: Any) -> list[tuple[str, bool | None]]:
    assert result["__typename"] == "CancelsRequested", result
    return [(each["__typename"], each.get("alreadyPending")) for each in result["results"]]


async def test_of_an_account_a_client_an_instrument_or_a_case(world: World) -> None:
    desk = await _a_desk(world)
    trader = desk.caller(Permission.RISK_WARNING_OPERATOR)
    everything = {(account, symbol) for account in ("M1", "M2", "M3") for symbol in (BANK, RAIL)}

    of_account = await cancel_all(trader, accountNo="M1")
    assert (_sorts(of_account), of_account["remaining"]) == ([("CancelRequested", False)] * 2, 0)
    await _until_all(desk, trader, 2, "CANCELED")
    assert await _working(trader) == everything - {("M1", BANK), ("M1", RAIL)}
    assert {order["reason"] for order in await orders(trader, status=["CANCELED"])} == {"test"}

    (m2,) = await cases(trader, accountNo="M2")
    assert len(_sorts(await cancel_all(trader, caseId=m2["id"], symbol=RAIL))) == 1
    await _until_all(desk, trader, 3, "CANCELED")
    assert len(_sorts(await cancel_all(trader, symbol=BANK))) == 2
    await _until_all(desk, trader, 5, "CANCELED")
    assert await _working(trader) == {("M3", RAIL)}
    (client,) = (await trader.ask('{ clients(filter: {search: "C2"}) { nodes { id } } }'))["clients"]["nodes"]
    assert len(_sorts(await cancel_all(trader, clientId=client["id"]))) == 1
    await _until_all(desk, trader, 6, "CANCELED")
    assert _sorts(await cancel_all(trader, clientId=client["id"])) == []


async def test_the_same_command_again_speaks_of_the_same_orders(world: World) -> None:
    desk = await _a_desk(world)
    trader = desk.caller()
    answers = await asyncio.gather(*(cancel_all(trader, "k", accountNo="M1") for _ in range(10)))
    assert all(_sorts(answer) == [("CancelRequested", False)] * 2 for answer in answers)
    assert all(_ids(answer) == _ids(answers[0]) for answer in answers)
    await _until_all(desk, trader, 2, "CANCELED")
    (case,) = await cases(trader, accountNo="M1")
    await liquidate(trader, case["id"], legs=SELL_BOTH)
    await _until_all(desk, trader, 6, "NEW")

    again = await cancel_all(trader, "k", accountNo="M1")
    assert _ids(again) == _ids(answers[0])
    assert len(await orders(trader, status=["NEW"])) == 6, "a new order was not meant"
    assert (await cancel_all(trader, "k", accountNo="M2"))["code"] == "IDEMPOTENCY_KEY_REUSED"


def _ids(result: Any) -> list[str]:
    return [each["order"]["id"] for each in result["results"]]


async def test_one_command_cancels_no_more_than_its_limit_and_counts_the_rest(world: World) -> None:
    desk = await _a_desk(world, cancel_max_orders=4)
    trader = desk.caller()
    desk.venue.behave(PaperBehaviour(cancel=CancelAnswer.AFTER_NEXT_QUOTE))
    both = {"search": "M", "symbol": BANK}
    first = await cancel_all(trader, **both)
    assert (len(first["results"]), first["remaining"]) == (3, 0)

    second = await cancel_all(trader, search="M", clientId=await _client(trader, "C1"))
    # The two in the railway are new; those in the bank wait for the venue already.
    assert _sorts(second) == [("CancelRequested", False)] * 2 + [("CancelRequested", True)] * 2
    assert second["remaining"] == 0
    await _until_all(desk, trader, 5, "PENDING_CANCEL")


async def test_orders_beyond_the_limit_of_one_command_are_cancelled_by_the_next(world: World) -> None:
    desk = await _a_desk(world, cancel_max_orders=2)
    trader = desk.caller()
    desk.venue.behave(PaperBehaviour(cancel=CancelAnswer.AFTER_NEXT_QUOTE))
    first = await cancel_all(trader, symbol=BANK)
    second = await cancel_all(trader, symbol=BANK)
    assert (_sorts(first), first["remaining"]) == ([("CancelRequested", False)] * 2, 1)
    assert (_sorts(second), second["remaining"]) == (
        [("CancelRequested", False), ("CancelRequested", True)],
        0,
    )
    assert await _working(trader) == {(account, RAIL) for account in ("M1", "M2", "M3")}


async def test_a_scope_ends_where_it_ends(world: World) -> None:
    desk = await _a_desk(world)
    only_m2 = desk.caller(Permission.RISK_WARNING_FULL, accounts=["M2"])
    assert len(_sorts(await cancel_all(only_m2, symbol=BANK))) == 1
    assert _sorts(await cancel_all(only_m2, accountNo="M1")) == []
    assert ("M1", BANK) in await _working(desk.caller())


@pytest.mark.parametrize("wanted", [{}, {"status": ["NEW"]}, {"search": "M1"}])
async def test_a_filter_that_names_no_selection_is_refused(world: World, wanted: dict[str, Any]) -> None:
    desk = await world.desk(a_book(a_client("C1", owing("M1"))))
    asked = {"idempotencyKey": "k", "filter": wanted}
    assert (await desk.caller().answer(CANCEL_ALL, input=asked)).codes == ["BAD_USER_INPUT"]


async def _client(trader: Caller, client_no: str) -> str:
    document = "query ($of: String!) { clients(filter: {search: $of}) { nodes { id } } }"
    (client,) = (await trader.ask(document, of=client_no))["clients"]["nodes"]
    id_: str = client["id"]
    return id_
