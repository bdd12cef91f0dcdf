"""The desk sells by itself: at its time, once, in session, and never against what people have decided."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from domain.margin import AccountType
from domain.market import FxRate
from domain.phrase import DetailCode, FollowUpCode, Phrase, phrase
from domain.phrase_texts import english
from domain.principal import Permission
from resolvers.kit.node import global_id
from tests.api.case_work import WORK_EVENTS, command, records, set_auto, set_market_day, work
from tests.api.moments import time_comes
from tests.api.risk_desk import put_in_force
from tests.api.trading import cancel, cases, freeze, liquidate, orders
from tests.kit.book_files import (
    APPLE,
    BANK,
    HKD,
    RAIL,
    TENCENT,
    USD,
    USD_IN_HKD,
    a_book,
    a_client,
    a_quote,
    an_account,
    an_instrument,
    owing,
    quotes,
)
from tests.kit.desk_client import Caller
from tests.kit.desk_server import Desk, World
from tests.kit.venue_harness import new_order
from venues.paper import CancelAnswer, PaperBehaviour

LIQUID = 1_000_000
QUICK: dict[str, Any] = {
    "auto_liquidation_poll_s": 0.05,
    "auto_liquidation_retry_s": 1,
    "market_day_poll_interval_s": 0.05,
}


async def owing_desk(world: World, **settings: Any) -> Desk:
    """M1 and M2 owe; nothing trades. It is Monday, 10:00 in Hong Kong."""
    book = a_book(a_client("C1", owing("M1")), a_client("C2", owing("M2")))
    desk = await world.desk(book, **(QUICK | settings))
    events = await desk.caller().subscribe(WORK_EVENTS)
    await world.market.says(*quotes(world.clock(), size=0))
    await events.next()
    await events.next()
    return desk


async def ids(caller: Caller) -> list[str]:
    return [each["id"] for each in await cases(caller)]


async def desk_records(caller: Caller, case_id: str) -> list[str]:
    """What the desk noted by itself, newest first."""
    nodes = (await records(caller, case_id))["followUps"]["nodes"]
    assert all(node["byDesk"] and node["by"] == "system" for node in nodes)
    return [node["text"] for node in nodes]


def placed(orders: int, remains: str, *more: Phrase) -> str:
    """The record of placed orders, with what remains to be collected in HKD."""
    remaining = phrase(DetailCode.REMAINS_TO_COLLECT, amount=Decimal(remains), currency="HKD")
    said = phrase(FollowUpCode.AUTO_LIQUIDATION_PLACED, orders=orders, more=(remaining, *more))
    return english(said)


def off(reason: DetailCode) -> str:
    """The record that the automatic liquidation is off, for a reason without parameters."""
    return english(phrase(FollowUpCode.AUTO_LIQUIDATION_OFF, reason=phrase(reason)))


NEXT_SLICE = phrase(DetailCode.NEXT_SLICE_FOLLOWS)


async def test_a_selection_is_sold_once_at_its_time_and_sends_events(world: World) -> None:
    desk = await owing_desk(world)
    trader = desk.caller()
    first, second = await ids(trader)
    results = await set_auto(trader, [first, second, "nonsense"], at="2020-03-16T02:05:00Z")
    assert [result.get("code") for result in results] == [None, None, "NOT_FOUND"]
    assert results[0]["case"]["autoLiquidation"]["trigger"] == "FIXED_TIME"
    cleared = await set_auto(trader, [second], clear=True)
    assert cleared[0]["case"]["autoLiquidation"] is None
    events = await trader.subscribe(WORK_EVENTS)
    await time_comes(world, minutes=5)
    seen = await events.until(lambda event: event["case"]["status"] == "LIQUIDATING")
    assert (seen[-1]["case"]["id"], seen[-1]["case"]["autoLiquidation"]) == (first, None)
    (order,) = await orders(trader)
    (row,) = await desk.rows("SELECT placed_by FROM liquidation_order")
    assert (row["placed_by"], order["side"]) == ("system", "SELL")
    (note,) = await desk_records(trader, first)
    assert note == placed(1, "0")
    assert (await work(trader, second))["status"] == "OPEN"


async def _sliced(world: World) -> tuple[Desk, Caller, str]:
    """One order may trade HKD 20,000: a first slice of 200 of each stock works, 6,000 are left after it."""
    desk = await owing_desk(world, order_notional_max={"HKD": "20000"})
    trader = desk.caller()
    case_id = (await ids(trader))[0]
    await set_auto(trader, [case_id], at="2020-03-16T02:05:00Z")
    await time_comes(world, minutes=5)
    await desk.until(lambda: _working(trader, 2), "the first slice")
    return desk, trader, case_id


async def _working(caller: Caller, count: int) -> bool:
    return len(await orders(caller, status=["NEW"])) == count


async def _ended(caller: Caller, status: str) -> bool:
    return len(await orders(caller, status=[status])) == 1


async def _time_passes(world: World, size: int) -> None:
    """More than the pause between two tries."""
    world.clock.advance(seconds=2)
    await world.market.says(*quotes(world.clock(), size=size))


async def _until_off(world: World, desk: Desk, trader: Caller, case_id: str, size: int) -> None:
    """The automatic liquidation is no longer set."""

    async def off() -> bool:
        await _time_passes(world, size)
        return (await work(trader, case_id))["autoLiquidation"] is None

    await desk.until(off, "the desk to stop")


async def test_where_one_order_is_capped_slice_follows_slice_until_nothing_is_left(world: World) -> None:
    desk, trader, case_id = await _sliced(world)
    seen = await work(trader, case_id)
    assert (seen["status"], seen["autoLiquidation"]["held"]) == ("LIQUIDATING", "CAPPED")
    (case,) = [each for each in await cases(trader) if each["id"] == case_id]
    assert (case["amount"], case["uncoveredAmount"]) == ("20000", "6000")
    assert (await desk_records(trader, case_id))[0] == placed(2, "6000", NEXT_SLICE)
    await _time_passes(world, size=0)
    await desk.until(lambda: _held_until(trader, case_id, world.clock()), "another look")
    assert len(await orders(trader)) == 2, "the slice before is still open"

    # Not yet time for another look: so the next slice waits while this is checked.
    world.clock.advance(seconds=0.1)
    await world.market.says(*quotes(world.clock(), size=1000))
    await desk.until(lambda: _has(trader, case_id, "status", "OPEN"), "the end of the slice")
    (case,) = [each for each in await cases(trader) if each["id"] == case_id]
    assert (case["amount"], case["uncoveredAmount"]) == ("6000", "6000")
    assert (await work(trader, case_id))["autoLiquidation"]["held"] == "CAPPED"

    async def sold() -> bool:
        await _time_passes(world, size=1000)
        return len(await orders(trader, status=["FILLED"])) == 3

    await desk.until(sold, "the second slice, which is the last")
    assert sorted(order["quantity"] for order in await orders(trader)) == ["200"] * 3
    assert (await work(trader, case_id))["autoLiquidation"] is None
    assert (await desk_records(trader, case_id))[0] == placed(1, "0")


async def _held_until(caller: Caller, case_id: str, after: datetime) -> bool:
    auto = (await work(caller, case_id))["autoLiquidation"]
    return datetime.fromisoformat(auto["heldUntil"]) > after


async def test_a_slice_that_an_operator_cancels_is_the_last_one(world: World) -> None:
    desk, trader, case_id = await _sliced(world)
    await cancel(trader, (await orders(trader))[0]["id"])
    await desk.until(lambda: _ended(trader, "CANCELED"), "the venue's word")

    await _until_off(world, desk, trader, case_id, size=1000)
    assert (await desk_records(trader, case_id))[0] == off(DetailCode.SLICE_CANCELLED)
    assert len(await orders(trader)) == 2


async def test_a_slice_that_fills_before_its_cancel_arrives_is_the_last_one_too(world: World) -> None:
    desk, trader, case_id = await _sliced(world)
    desk.venue.behave(PaperBehaviour(cancel=CancelAnswer.AFTER_NEXT_QUOTE))
    await cancel(trader, (await orders(trader))[0]["id"])

    await _until_off(world, desk, trader, case_id, size=1000)
    assert {order["status"] for order in await orders(trader)} == {"FILLED"}
    assert (await desk_records(trader, case_id))[0] == off(DetailCode.SLICE_CANCEL_REQUESTED)
    assert len(await orders(trader)) == 2


async def test_a_kill_switch_ends_slices_while_one_is_open_at_the_venue(world: World) -> None:
    desk, trader, case_id = await _sliced(world)
    await freeze(trader)

    await _until_off(world, desk, trader, case_id, size=0)
    newest = (await records(trader, case_id))["followUps"]["nodes"][0]
    assert newest["code"] == "AUTO_LIQUIDATION_OFF"
    assert "The kill switch (DESK) is on since" in newest["text"]
    assert len(await orders(trader, status=["NEW"])) == 2, "what the venue has stays"


async def _calls_off(desk: Desk, trader: Caller, count: int = 2) -> None:
    """Prices rise until nothing is left to collect; the case is not closed yet."""
    await desk.market.says(*quotes(desk.clock(), "200", size=0))

    async def called_off() -> bool:
        return len(await orders(trader, status=["CANCELED"])) == count

    await desk.until(called_off, "the slice to be called off")


async def _falls_back(desk: Desk, trader: Caller, case_id: str) -> None:
    await desk.market.says(*quotes(desk.clock(), size=0))

    async def owes() -> bool:
        (case,) = [each for each in await cases(trader) if each["id"] == case_id]
        return (case["status"], case["uncoveredAmount"]) == ("OPEN", "20000")

    await desk.until(owes, "the shortfall to be back")


CAME_BACK = placed(2, "6000", phrase(DetailCode.SHORTFALL_RETURNED), NEXT_SLICE)


async def test_a_cure_that_does_not_last_calls_a_slice_off_and_the_next_one_follows(world: World) -> None:
    desk, trader, case_id = await _sliced(world)
    await _calls_off(desk, trader)
    await _falls_back(desk, trader, case_id)
    await _time_passes(world, size=0)
    await desk.until(lambda: _working(trader, 2), "the next slice, planned anew")
    assert (await desk_records(trader, case_id))[0] == CAME_BACK
    rows = await desk.rows("SELECT detail FROM audit WHERE action = 'liquidate' ORDER BY id")
    assert ["after a cure" in row["detail"] for row in rows] == [False, True]


async def test_orders_cancelled_by_a_cure_that_does_not_last_are_placed_again(world: World) -> None:
    """One run was to sell everything, so that nothing was left of the setting."""
    desk = await owing_desk(world)
    trader = desk.caller()
    case_id = (await ids(trader))[0]
    await set_auto(trader, [case_id], at="2020-03-16T02:05:00Z")
    await time_comes(world, minutes=5)
    await desk.until(lambda: _working(trader, 1), "the liquidation")
    assert (await work(trader, case_id))["autoLiquidation"] is None
    await _calls_off(desk, trader, count=1)
    auto = (await work(trader, case_id))["autoLiquidation"]
    assert (auto["held"], auto["trigger"]) == ("NOTHING_TO_COLLECT", "FIXED_TIME")
    kept = phrase(FollowUpCode.AUTO_LIQUIDATION_KEPT_AFTER_CURE)
    assert (await desk_records(trader, case_id))[0] == english(kept)
    await _falls_back(desk, trader, case_id)
    await _time_passes(world, size=0)
    await desk.until(lambda: _working(trader, 1), "the liquidation, planned anew")
    assert english(phrase(DetailCode.SHORTFALL_RETURNED)) in (await desk_records(trader, case_id))[0]
    assert (await work(trader, case_id))["autoLiquidation"] is None


async def test_a_run_that_an_operator_cancels_during_the_desks_cancel_is_over(world: World) -> None:
    desk = await owing_desk(world)
    trader = desk.caller()
    case_id = (await ids(trader))[0]
    await set_auto(trader, [case_id], at="2020-03-16T02:05:00Z")
    await time_comes(world, minutes=5)
    await desk.until(lambda: _working(trader, 1), "the liquidation")
    desk.venue.behave(PaperBehaviour(cancel=CancelAnswer.AFTER_NEXT_QUOTE))
    await world.market.says(*quotes(world.clock(), "200", size=0))
    await desk.until(lambda: _held(trader, case_id, "NOTHING_TO_COLLECT"), "it to be called off")
    await cancel(trader, (await orders(trader))[0]["id"])

    await _until_off(world, desk, trader, case_id, size=0)
    slice_ended = [off(DetailCode.SLICE_CANCELLED), off(DetailCode.SLICE_CANCEL_REQUESTED)]
    assert (await desk_records(trader, case_id))[0] in slice_ended
    assert len(await orders(trader)) == 1


async def test_automatic_liquidation_waits_while_a_cure_lasts_and_continues_if_it_ends(
    world: World,
) -> None:
    desk, trader, case_id = await _sliced(world)
    await _calls_off(desk, trader)
    desk.clock.advance(seconds=2)
    await desk.until(lambda: _held(trader, case_id, "NOTHING_TO_COLLECT"), "the hold")
    assert (await desk_records(trader, case_id))[0].endswith(english(phrase(DetailCode.SHORTFALL_CURED)))
    await _falls_back(desk, trader, case_id)
    await _time_passes(world, size=0)
    await desk.until(lambda: _working(trader, 2), "the next slice")
    assert (await desk_records(trader, case_id))[0] == CAME_BACK


async def test_an_operator_who_cancels_an_order_that_the_desk_is_cancelling_ends_it(world: World) -> None:
    desk, trader, case_id = await _sliced(world)
    desk.venue.behave(PaperBehaviour(cancel=CancelAnswer.AFTER_NEXT_QUOTE))
    await world.market.says(*quotes(world.clock(), "200", size=0))

    async def asked() -> bool:
        return len(await orders(trader, status=["PENDING_CANCEL"])) == 2

    await desk.until(asked, "the slice to be called off")
    (result,) = await cancel(trader, (await orders(trader))[0]["id"])
    assert (result["__typename"], result["alreadyPending"]) == ("CancelRequested", True)

    await _until_off(world, desk, trader, case_id, size=0)
    slice_ended = [off(DetailCode.SLICE_CANCELLED), off(DetailCode.SLICE_CANCEL_REQUESTED)]
    assert (await desk_records(trader, case_id))[0] in slice_ended
    assert len(await orders(trader)) == 2


async def test_at_the_deadline_it_follows_the_deadline(world: World) -> None:
    desk = await owing_desk(world)
    trader = desk.caller()
    case_id = (await ids(trader))[0]
    await set_auto(trader, [case_id], atDeadline=True)
    moved = await command(
        trader, "adjustDeadline", await work(trader, case_id), deadline="2020-03-16T03:00:00Z", reason="soon"
    )
    assert moved["case"]["autoLiquidation"] == {
        "at": "2020-03-16T03:00:00Z", "trigger": "DEADLINE", "held": None, "heldUntil": None
    }  # fmt: skip
    await time_comes(world, hours=1)
    await desk.until(lambda: _has(trader, case_id, "status", "LIQUIDATING"), "the liquidation")


async def _has(caller: Caller, case_id: str, name: str, value: object) -> bool:
    return bool((await work(caller, case_id))[name] == value)


async def _held(caller: Caller, case_id: str, why: str) -> bool:
    auto = (await work(caller, case_id))["autoLiquidation"]
    return auto is not None and auto["held"] == why


async def test_an_old_price_holds_it_and_a_fresh_one_lets_it_run(world: World) -> None:
    desk = await owing_desk(world)
    trader = desk.caller()
    case_id = (await ids(trader))[0]
    await set_auto(trader, [case_id], at="2020-03-16T02:05:00Z")
    desk.clock.advance(minutes=5)
    await desk.until(lambda: _held(trader, case_id, "STALE_QUOTE"), "the hold")
    assert not await orders(trader)
    await time_comes(world, seconds=5)
    await desk.until(lambda: _has(trader, case_id, "status", "LIQUIDATING"), "the liquidation")
    assert len(await desk_records(trader, case_id)) == 2, "held is said once, however often it was tried"


async def test_a_case_in_exception_is_not_sold_and_the_setting_ends(world: World) -> None:
    desk = await owing_desk(world)
    trader = desk.caller()
    case_id = (await ids(trader))[0]
    await set_auto(trader, [case_id], at="2020-03-16T02:05:00Z")
    await command(trader, "markException", await work(trader, case_id), reason="lawyers")
    await time_comes(world, minutes=5)
    await desk.until(lambda: _has(trader, case_id, "autoLiquidation", None), "the refusal")
    assert not await orders(trader)
    newest = (await records(trader, case_id))["followUps"]["nodes"][0]
    assert (newest["byDesk"], newest["code"]) == (True, "AUTO_LIQUIDATION_OFF")
    assert newest["text"] == off(DetailCode.CASE_IN_EXCEPTION)


async def test_while_the_automatic_switch_is_off_nothing_is_sold_and_a_record_says_so(world: World) -> None:
    desk = await owing_desk(world)
    trader = desk.caller()
    case_id, other = await ids(trader)
    switch = {"tradeType": "MARGIN", "forceType": "AUTOMATIC", "on": False}
    await put_in_force(desk, {"liquidationSwitch": switch})
    await set_auto(trader, [case_id], at="2020-03-16T02:00:10Z")
    await time_comes(world, seconds=10)
    await desk.until(lambda: _has(trader, case_id, "autoLiquidation", None), "the end of it")
    switched_off = phrase(DetailCode.SWITCH_OFF, accounts="MARGIN")
    expected = phrase(FollowUpCode.AUTO_LIQUIDATION_OFF, reason=switched_off)
    assert (await desk_records(trader, case_id))[0] == english(expected)
    assert not await orders(trader)
    assert (await liquidate(trader, other))["__typename"] == "LiquidationStarted", "by hand all the same"


async def test_the_desk_does_not_sell_automatically_beyond_the_limits_of_one_person(world: World) -> None:
    """600 at 100 would be needed, which is above the limit, independent of who set it and when."""
    desk = await owing_desk(world, approval_notional=59_999)
    trader = desk.caller()
    case_id = (await ids(trader))[0]
    await set_auto(desk.caller(Permission.RISK_WARNING_OPERATOR), [case_id], at="2020-03-16T02:00:01Z")
    desk.clock.advance(seconds=1)
    await desk.until(lambda: _has(trader, case_id, "autoLiquidation", None), "the refusal")
    assert not await orders(trader)
    (note,) = await desk_records(trader, case_id)
    above = phrase(DetailCode.NOTIONAL_ABOVE, most=Decimal(59_999), currency="HKD")
    second = phrase(DetailCode.SECOND_PERSON, why=above)
    assert note == english(phrase(FollowUpCode.AUTO_LIQUIDATION_OFF, reason=second))
    refused = await liquidate(trader, case_id)
    assert refused["code"] == "APPROVAL_REQUIRED", "it can be asked for as it says"


async def test_while_the_market_is_shut_it_waits_for_the_session(world: World) -> None:
    desk = await owing_desk(world)
    trader = desk.caller()
    case_id = (await ids(trader))[0]
    await set_auto(trader, [case_id], at="2020-03-16T04:30:00Z")
    await time_comes(world, hours=2, minutes=30)
    await desk.until(lambda: _held(trader, case_id, "MARKET_CLOSED"), "the hold over noon")
    assert (await work(trader, case_id))["autoLiquidation"]["heldUntil"] == "2020-03-16T05:00:00Z"
    await time_comes(world, minutes=30)
    await desk.until(lambda: _has(trader, case_id, "status", "LIQUIDATING"), "the liquidation")


async def test_a_typhoon_day_holds_it_until_the_next_trading_day(world: World) -> None:
    desk = await owing_desk(world)
    trader = desk.caller()
    case_id = (await ids(trader))[0]
    await set_auto(trader, [case_id], at="2020-03-17T02:00:00Z")
    await set_market_day(trader, "XHKG", "2020-03-17", "CLOSED")
    await desk.until(lambda: _has(trader, case_id, "deadline", "2020-03-19T06:00:00Z"), "the new calendar")
    desk.clock.advance(days=1)
    again = desk.caller()
    await world.market.says(*quotes(world.clock(), size=0))
    await desk.until(lambda: _held(again, case_id, "MARKET_CLOSED"), "the hold")
    assert (await work(again, case_id))["autoLiquidation"]["heldUntil"] == "2020-03-18T01:30:00Z"


async def test_a_half_day_entered_late_shuts_the_market_and_moves_no_deadline_into_the_past(
    world: World,
) -> None:
    """Wednesday is the last day to cure, until 14:00; at 13:30 it is said that trading ended at noon."""
    desk = await owing_desk(world)
    first, second = await ids(desk.caller())
    desk.clock.advance(days=2, hours=3, minutes=29)
    trader = desk.caller()
    await set_auto(trader, [first], atDeadline=True)
    await set_auto(trader, [second], at="2020-03-18T05:30:00Z")
    await set_market_day(trader, "XHKG", "2020-03-18", "HALF", closesAt="12:00")
    for each in (first, second):
        await desk.until(partial(_has, trader, each, "deadline", "2020-03-19T06:00:00Z"), "the move")
    await time_comes(world, minutes=1)
    await desk.until(lambda: _held(trader, second, "MARKET_CLOSED"), "the hold")
    assert (await work(trader, second))["autoLiquidation"]["heldUntil"] == "2020-03-19T01:30:00Z"
    seen = await work(trader, first)
    assert (seen["overdue"], seen["autoLiquidation"]["at"]) == (False, "2020-03-19T06:00:00Z")
    assert not await orders(trader)


async def _first_part_sold(world: World) -> tuple[Desk, str, Callable[..., Awaitable[None]]]:
    """Of Hong Kong and US positions what is in session is at the venue, the rest waits. How time passes."""
    account = an_account("M1", "-1460000", {TENCENT: 1000, APPLE: 1000})
    instruments = (an_instrument(TENCENT, lot=100), an_instrument(APPLE))
    desk = await world.desk(a_book(a_client("C1", account), instruments=instruments), **QUICK)
    trader = desk.caller()
    events = await trader.subscribe(WORK_EVENTS)

    async def prices_in(**time: float) -> None:
        """Those of a moment are there when it comes."""
        at = world.clock() + timedelta(**time)
        await world.market.says(
            FxRate(USD, HKD, USD_IN_HKD, at),
            a_quote(TENCENT, at, "400", size=0),
            a_quote(APPLE, at, "200", size=0),
        )
        world.clock.advance(**time)

    await prices_in()
    case_id = (await events.next())["case"]["id"]
    await set_auto(trader, [case_id], at="2020-03-16T02:05:00Z")
    await prices_in(minutes=5)
    await desk.until(lambda: _has(trader, case_id, "status", "LIQUIDATING"), "the first part")
    return desk, case_id, prices_in


async def test_of_hong_kong_and_us_positions_those_in_session_are_sold_and_the_rest_waits(
    world: World,
) -> None:
    """New York has summer time since the week before: it opens at 13:30 UTC, not at 14:30."""
    desk, case_id, prices_in = await _first_part_sold(world)
    trader = desk.caller()
    (order,) = await orders(trader)
    assert (order["instrument"]["symbol"], order["quantity"]) == (TENCENT, "1000")
    rest = (await work(trader, case_id))["autoLiquidation"]
    assert (rest["held"], rest["heldUntil"]) == ("MARKET_CLOSED", "2020-03-16T13:30:00Z")
    await prices_in(hours=11, minutes=25)
    trader = desk.caller(minutes=24 * 60)
    await desk.until(lambda: _sold(trader, 2), "the second part")
    assert {each["instrument"]["symbol"] for each in await orders(trader)} == {TENCENT, APPLE}
    assert (await work(trader, case_id))["autoLiquidation"] is None
    assert len(await desk_records(trader, case_id)) == 2


async def _sold(caller: Caller, number: int) -> bool:
    return len(await orders(caller)) == number


async def test_the_rest_is_not_sold_if_an_operator_has_cancelled_the_first_part(world: World) -> None:
    desk, case_id, prices_in = await _first_part_sold(world)
    trader = desk.caller()
    await cancel(trader, (await orders(trader))[0]["id"])
    await desk.until(lambda: _ended(trader, "CANCELED"), "the venue's word")
    await prices_in(hours=11, minutes=25)
    trader = desk.caller(minutes=24 * 60)
    await desk.until(lambda: _has(trader, case_id, "autoLiquidation", None), "the end of it")
    assert len(await orders(trader)) == 1
    assert "Set the automatic liquidation again to continue" in (await desk_records(trader, case_id))[0]


async def test_a_restart_and_a_second_process_sell_nothing_twice(world: World) -> None:
    desk = await owing_desk(world)
    trader = desk.caller()
    case_id = (await ids(trader))[0]
    await set_auto(trader, [case_id], at="2020-03-16T02:05:00Z")
    await desk.stop()
    desk.clock.advance(minutes=5)
    again = await world.desk(**QUICK)
    if world.redis_url is not None:
        await world.desk(**QUICK)
    await world.market.says(*quotes(world.clock(), size=0))
    # If the desk looked before it heard these prices, it waits for a moment.
    desk.clock.advance(seconds=2)
    trader = again.caller()
    await again.until(lambda: _has(trader, case_id, "status", "LIQUIDATING"), "the liquidation")
    keys = await again.rows("SELECT idempotency_key FROM idempotency_item WHERE actor = 'system'")
    sold = [text for text in await desk_records(trader, case_id) if "waits" not in text]
    assert len(keys) == len(await orders(trader)) == len(sold) == 1


async def test_setting_it_without_the_permission_is_refused(world: World) -> None:
    desk = await owing_desk(world)
    case_ids = await ids(desk.caller())
    reader = desk.caller(Permission.RISK_WARNING_READ_ONLY)
    assert {each["code"] for each in await set_auto(reader, case_ids, clear=True)} == {"FORBIDDEN"}


async def test_intraday_accounts_are_flat_before_the_close(world: World) -> None:
    """150,000 of debt on 300,000 of shares: no call by margin, but nothing may be owed at the close."""
    safe = an_account("I1", "-90000", {BANK: 1000, RAIL: 1000}, account_type=AccountType.INTRADAY)
    other = an_account("M1", "-90000", {BANK: 1000, RAIL: 1000})
    desk = await world.desk(a_book(a_client("C1", safe), a_client("C2", other)), **QUICK)
    trader = desk.caller()
    await world.market.says(*quotes(world.clock()))
    await time_comes(world, size=LIQUID, hours=5, minutes=41)
    await desk.until(lambda: _close_only(desk, "I1"), "the last orders, at 15:41")
    assert not await cases(trader)
    await time_comes(world, size=LIQUID, minutes=4)
    await desk.until(lambda: _flat(desk, world, "I1"), "the account to be flat, from 15:45 on")
    assert {order["type"] for order in await orders(trader)} == {"MARKET"}
    assert {row["account_no"] for row in await desk.rows(ACCOUNTS_SOLD)} == {"I1"}
    (case,) = await cases(trader, status=["OPEN", "LIQUIDATING", "RESOLVED"])
    assert (case["alertType"], case["amountAtOpen"]) == ("INTRADAY", "90000")


async def test_shorts_of_intraday_accounts_are_covered_and_their_own_orders_cancelled(world: World) -> None:
    day_trader = an_account("I1", "500000", {BANK: -1000}, account_type=AccountType.INTRADAY)
    other = an_account("M1", "500000", {BANK: -1000})
    desk = await world.desk(a_book(a_client("C1", day_trader), a_client("C2", other)), **QUICK)
    trader = desk.caller()
    await world.market.says(*quotes(world.clock()))
    for account_no in ("I1", "M1"):
        desk.venue.place_client_order(account_no, new_order(f"own-{account_no}"))
    await time_comes(world, size=LIQUID, hours=5, minutes=45)
    await desk.until(lambda: _covered(desk, world, "I1"), "the short to be covered, from 15:45 on")
    assert desk.venue.client_orders("I1") == ()
    assert len(desk.venue.client_orders("M1")) == 1
    (order,) = await orders(trader)
    assert (order["type"], order["side"], order["quantity"]) == ("MARKET", "BUY", "1000")
    (case,) = await cases(trader, status=["OPEN", "LIQUIDATING", "RESOLVED"])
    assert case["alertType"] == "SHORT_RECALL"
    assert not await _covered(desk, world, "M1")


async def _covered(desk: Desk, world: World, account_no: str) -> bool:
    await world.market.says(*quotes(world.clock()))
    rows = await desk.rows(
        "SELECT p.quantity FROM position p JOIN account a ON a.id = p.account_id"
        f" WHERE a.account_no = '{account_no}'"
    )
    return all(float(row["quantity"]) >= 0 for row in rows)


ACCOUNTS_SOLD = "SELECT DISTINCT a.account_no FROM liquidation_order o JOIN account a ON a.id = o.account_id"


async def _close_only(desk: Desk, account_no: str) -> bool:
    rows = await desk.rows(f"SELECT close_only FROM account WHERE account_no = '{account_no}'")
    return bool(rows[0]["close_only"])


async def _flat(desk: Desk, world: World, account_no: str) -> bool:
    await world.market.says(*quotes(world.clock()))
    rows = await desk.rows(
        "SELECT c.balance FROM cash_balance c JOIN account a ON a.id = c.account_id"
        f" WHERE a.account_no = '{account_no}'"
    )
    return all(float(row["balance"]) >= 0 for row in rows)


async def test_a_call_of_an_intraday_account_is_sold_at_once_where_the_rules_say_so(world: World) -> None:
    account = owing("I1", AccountType.INTRADAY)
    desk = await world.desk(a_book(a_client("C1", account)), **QUICK, intraday_liquidate_at_once=True)
    await world.market.says(*quotes(world.clock(), size=0))
    trader = desk.caller()
    await desk.until(lambda: _sold(trader, 1), "the sale")
    (case,) = await cases(trader)
    refused = await liquidate(trader, case["id"])
    assert refused["code"] == "NOTHING_TO_COLLECT"


async def test_a_kill_switch_ends_liquidations_set_by_people_and_holds_those_of_the_rules(
    world: World,
) -> None:
    day_trader = owing("I1", AccountType.INTRADAY)
    book = a_book(a_client("C1", owing("M1"), day_trader))
    desk = await world.desk(book, **QUICK, intraday_liquidate_at_once=True)
    trader = desk.caller()
    for account_no in ("M1", "I1"):
        (row,) = await desk.rows(f"SELECT id FROM account WHERE account_no = '{account_no}'")
        await freeze(trader, accountId=global_id("Account", row["id"]))
    await world.market.says(*quotes(world.clock(), size=0))
    await desk.until(lambda: _cases(trader, 2), "two calls")
    by_kind = {each["alertType"]: each["id"] for each in await cases(trader)}
    await set_auto(trader, [by_kind["MAINTENANCE"]], at="2020-03-16T02:00:10Z")
    await time_comes(world, seconds=10)
    await desk.until(lambda: _has(trader, by_kind["MAINTENANCE"], "autoLiquidation", None), "the end of it")
    await desk.until(lambda: _held(trader, by_kind["INTRADAY"], "FROZEN"), "the hold")
    assert "is off" in (await desk_records(trader, by_kind["MAINTENANCE"]))[0]
    assert not await orders(trader)


async def _cases(caller: Caller, number: int) -> bool:
    return len(await cases(caller)) == number
