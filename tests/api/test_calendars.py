"""Calendars that end, or that do not exist: they stop no case, and their accounts are listed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from structlog.testing import capture_logs

from domain.ids import Symbol
from domain.margin import AccountTerms, AccountType, CashBalance
from domain.money import Currency
from feeds.book import BookAccount, BookPosition
from gateway.startup.preparation import CannotStart, check_calendars
from gateway.watch.calendars import Calendars
from tests.api.case_work import records, set_auto, set_market_day, work
from tests.api.doubts import unwatched
from tests.api.trading import cases
from tests.kit.book_files import BANK, RAIL, a_book, a_client, a_quote, an_instrument, owing, quotes
from tests.kit.desk_client import Caller
from tests.kit.desk_server import Desk, World

SGD = Currency("SGD")
DBS = Symbol("D05.SI")
LAST_DAYS_OF_2026 = datetime(2026, 12, 30, 2, 0, tzinfo=UTC)
"""A Wednesday, 10:00 in Singapore and Hong Kong. The holidays of Singapore are known for 2026 only."""
SINGAPORE: dict[str, Any] = {"deadline_markets": {"SGD": "XSES", "HKD": "XHKG"}}
QUICK: dict[str, Any] = {"auto_liquidation_poll_s": 0.05, "auto_liquidation_retry_s": 1}


def owing_sgd(account_no: str) -> BookAccount:
    """1,000 shares at 100 each and 80,000 of debt."""
    return BookAccount(
        account_no,
        AccountTerms(AccountType.MARGIN, SGD, financing_limit=Decimal(10**9)),
        (CashBalance(SGD, Decimal(-80_000)),),
        (BookPosition(DBS, Decimal(1000), None),),
    )


async def singapore(world: World, **settings: Any) -> Desk:
    """S1 in SGD and M1 in HKD both owe."""
    world.clock.now = LAST_DAYS_OF_2026
    listed = an_instrument(DBS, lot=100)
    dbs = replace(listed, instrument=replace(listed.instrument, market="XSES", currency=SGD))
    book = a_book(
        a_client("C1", owing_sgd("S1")),
        a_client("C2", owing("M1")),
        instruments=(dbs, an_instrument(BANK, lot=100), an_instrument(RAIL, lot=100)),
    )
    desk = await world.desk(book, **(SINGAPORE | settings))
    await world.market.says(a_quote(DBS, world.clock(), "100"), *quotes(world.clock()))
    trader = desk.caller()

    async def both_are_called() -> bool:
        return len(await cases(trader)) == 2

    await desk.until(both_are_called, "both calls")
    return desk


async def deadlines_of(caller: Caller) -> dict[str, str]:
    """By account number."""
    nodes = (await caller.ask("query { cases(first: 9) { nodes { deadline account { accountNo } } } }"))[
        "cases"
    ]
    return {each["account"]["accountNo"]: each["deadline"] for each in nodes["nodes"]}


async def until_listed(desk: Desk, trader: Caller, wanted: dict[str, list[tuple[str, str]]]) -> None:
    async def are_listed() -> bool:
        return await unwatched(trader) == wanted

    await desk.until(are_listed, f"{wanted} to be listed")


async def test_a_calendar_that_ends_stops_no_case_and_a_deadline_after_it_is_flagged(
    world: World,
) -> None:
    desk = await singapore(world)
    trader = desk.caller()
    deadlines = await deadlines_of(trader)
    # Wednesday, Thursday, and Friday, 1 January, by the usual weekdays: a holiday that is not known yet.
    assert deadlines["S1"] == "2027-01-01T06:00:00Z"
    assert deadlines["M1"] == "2027-01-04T06:00:00Z"
    await until_listed(desk, trader, {"S1": [("UNKNOWN_CALENDAR", "XSES")]})


async def test_a_holiday_entered_by_hand_moves_an_assumed_deadline(world: World) -> None:
    desk = await singapore(world, market_day_poll_interval_s=0.05)
    trader = desk.caller()
    put_in = await set_market_day(trader, "XSES", "2027-01-01", "CLOSED")
    assert put_in["__typename"] == "MarketDaySet"

    async def is_moved() -> bool:
        return (await deadlines_of(trader))["S1"] == "2027-01-04T06:00:00Z"

    await desk.until(is_moved, "the deadline to move")


async def test_the_doubt_ends_with_the_case(world: World) -> None:
    desk = await singapore(world, market_day_recheck_s=0.05)
    trader = desk.caller()
    await until_listed(desk, trader, {"S1": [("UNKNOWN_CALENDAR", "XSES")]})

    async def is_over() -> bool:
        world.clock.advance(seconds=6)
        await world.market.says(a_quote(DBS, world.clock(), "200"), *quotes(world.clock()))
        return await unwatched(trader) == {}

    await desk.until(is_over, "the case and its doubt to end")


async def test_a_currency_without_a_market_of_its_own_is_named_in_the_log(world: World) -> None:
    with capture_logs() as logs:
        await singapore(world, deadline_markets={"HKD": "XHKG"}, market_day_recheck_s=0.05)
    named = [each for each in logs if each["event"].startswith("no market is configured for a currency")]
    assert [(each["currency"], each["market"]) for each in named] == [("SGD", "XNYS")]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"deadline_default_market": "XTAE"}, "GATEWAY_DEADLINE_DEFAULT_MARKET=XTAE cannot be used"),
        ({"deadline_markets": {"USD": "CMES"}}, "extend past midnight"),
        ({"deadline_markets": {"ILS": "XTAE"}}, "GATEWAY_DEADLINE_MARKETS=ILS=XTAE cannot be used"),
    ],
)
async def test_a_calendar_that_cannot_be_built_is_refused_by_name_at_the_start(
    world: World, settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(CannotStart, match=words):
        check_calendars(world.settings(**settings), world.clock())


async def test_an_automatic_liquidation_in_an_unknown_market_says_so_once_and_is_listed(
    world: World,
) -> None:
    desk = await world.desk(a_book(a_client("C1", owing("M1")), a_client("C2", owing("M2"))), **QUICK)
    trader = desk.caller(minutes=10 * 24 * 60)
    await desk.rows("UPDATE instrument SET market = 'NOPE' RETURNING 1")
    await world.market.says(*quotes(world.clock()))

    async def are_called() -> bool:
        return len(await cases(trader)) == 2

    await desk.until(are_called, "the calls")
    (found,) = [each["id"] for each in await cases(trader, accountNo="M1")]
    due = world.clock() + timedelta(minutes=5)
    await set_auto(trader, [found], at=due.isoformat().replace("+00:00", "Z"))
    await world.market.says(*quotes(due))
    world.clock.now = due

    async def is_held() -> bool:
        return bool((await work(trader, found))["autoLiquidation"]["held"] == "UNKNOWN_MARKET")

    await desk.until(is_held, "the automatic liquidation to be held")
    for _ in range(2):
        world.clock.advance(days=1, seconds=1)
        await world.market.says(*quotes(world.clock()))
        (before,) = await desk.rows(
            "SELECT auto_liquidate_held_until AS until FROM margin_case WHERE account_id ="
            " (SELECT id FROM account WHERE account_no = 'M1')"
        )

        async def is_held_again(seen: Any = before["until"]) -> bool:
            (now_is,) = await desk.rows(
                "SELECT auto_liquidate_held_until AS until FROM margin_case WHERE account_id ="
                " (SELECT id FROM account WHERE account_no = 'M1')"
            )
            return bool(now_is["until"] != seen)

        await desk.until(is_held_again, "another try")
    (note,) = (await records(trader, found))["followUps"]["nodes"]
    assert note["code"] == "AUTO_LIQUIDATION_WAITS"
    assert note["text"].endswith("without a known calendar: NOPE.")
    assert (await unwatched(trader))["M1"] == [("UNKNOWN_CALENDAR", "NOPE")]


def test_every_calendar_continues_after_its_last_known_day() -> None:
    calendars = Calendars(2025, 2028)
    for market in ("XSES", "XSHG", "XBOM", "XHKG", "XNYS"):
        calendar = calendars.of(market)
        behind = calendar.last_known_day + timedelta(days=30)
        following = calendar.next_trading_day(behind)
        assert behind < following <= behind + timedelta(days=4)
        assert calendar.sessions(following)
