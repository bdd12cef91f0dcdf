"""What clients show of the desk itself: who they are, its limits, its markets and its instruments."""

from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from domain.ids import Symbol
from domain.principal import CAPABILITIES, Permission
from feeds.book import BookInstrument
from gateway.version import VERSION
from tests.kit.book_files import BANK, RAIL, a_book, a_client, an_instrument, owing
from tests.kit.desk_server import Desk, World

pytestmark = pytest.mark.asyncio(loop_scope="module")

INSTRUMENTS = """query ($search: String, $first: Int, $after: String, $last: Int, $before: String) {
  instruments(search: $search, first: $first, after: $after, last: $last, before: $before) {
    totalCount nodes { symbol name market } pageInfo { hasNextPage endCursor } } }"""
SYMBOLS = ["5.HK", "66.HK", "700.HK", "AAPL.US"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(shared_world: World) -> Desk:
    instruments = (
        an_instrument(BANK, lot=100),
        an_instrument(RAIL, lot=100),
        named("700.HK", "TENCENT HOLDINGS"),
        named("AAPL.US", "\uff21pple 100% Inc"),
    )
    book = a_book(a_client("C1", owing("M1")), instruments=instruments)
    return await shared_world.desk(
        book, message_sms_url="json://127.0.0.1:9/{to}", max_price_age_s=1.5, case_claim_minutes=20
    )


def named(symbol: str, name: str) -> BookInstrument:
    stated = an_instrument(Symbol(symbol))
    return replace(stated, instrument=replace(stated.instrument, name=name))


async def found(desk: Desk, **variables: Any) -> list[str]:
    page = (await desk.caller().ask(INSTRUMENTS, **variables))["instruments"]
    return [node["symbol"] for node in page["nodes"]]


@pytest.mark.parametrize("role", Permission)
async def test_the_viewer_has_the_rights_of_the_permissions(desk: Desk, role: Permission) -> None:
    viewer = (await desk.caller(role).ask("{ viewer { permissions capabilities } }"))["viewer"]
    assert viewer["permissions"] == [role]
    assert set(viewer["capabilities"]) == {str(each) for each in CAPABILITIES[role]}
    assert len(viewer["capabilities"]) == len(CAPABILITIES[role])


async def test_several_permissions_grant_their_rights_together_and_each_once(desk: Desk) -> None:
    viewer = (await desk.caller(*Permission).ask("{ viewer { capabilities } }"))["viewer"]
    assert len(viewer["capabilities"]) == len(frozenset().union(*CAPABILITIES.values()))


async def test_the_desk_states_its_clock_and_its_limits(desk: Desk) -> None:
    document = """{ desk {
        now version reportingCurrency maxPriceAgeS claimMinutes channels
        limits { pageSize snapshotRows liquidateCases legs cancelOrders recallAccounts
            approvalRequests } } }"""
    shown = (await desk.caller().ask(document))["desk"]
    assert shown["now"].startswith(f"{desk.clock():%Y-%m-%dT%H}")
    del shown["now"]
    settings = desk.settings
    assert shown == {
        "version": VERSION,
        "reportingCurrency": settings.reporting_currency,
        "maxPriceAgeS": 2,
        "claimMinutes": 20,
        "channels": ["SMS"],
        "limits": {
            "pageSize": settings.page_size_max,
            "snapshotRows": 5_000,
            "liquidateCases": settings.liquidate_max_cases,
            "legs": settings.max_legs,
            "cancelOrders": settings.cancel_max_orders,
            "recallAccounts": settings.recall_max_accounts,
            "approvalRequests": settings.approve_max_requests,
        },
    }


async def test_a_market_states_its_current_or_next_session(desk: Desk) -> None:
    document = "{ markets { code timeZone inSession opensAt closesAt } }"
    markets = (await desk.caller().ask(document))["markets"]
    assert [each["code"] for each in markets] == ["XHKG", "XNYS"]
    assert [each["timeZone"] for each in markets] == ["Asia/Hong_Kong", "America/New_York"]
    now = desk.clock().isoformat()
    for each in markets:
        assert each["inSession"] == (each["opensAt"] <= now < each["closesAt"])
        assert now < each["closesAt"]


@pytest.mark.parametrize(
    ("search", "symbols"),
    [
        (None, SYMBOLS),
        ("", SYMBOLS),
        ("tencent", ["700.HK"]),
        ("\uff41PPLE", ["AAPL.US"]),
        (".hk", SYMBOLS[:3]),
        ("0%", ["AAPL.US"]),
        ("_", []),
        ("nothing", []),
    ],
)
async def test_instruments_are_found_by_symbol_and_name(
    desk: Desk, search: str | None, symbols: list[str]
) -> None:
    assert await found(desk, search=search) == symbols


async def test_instruments_are_read_page_by_page_from_both_ends(desk: Desk) -> None:
    first = (await desk.caller().ask(INSTRUMENTS, first=2))["instruments"]
    assert first["totalCount"] == 4
    assert first["pageInfo"]["hasNextPage"]
    assert await found(desk, first=2, after=first["pageInfo"]["endCursor"]) == SYMBOLS[2:]
    assert await found(desk, last=1, before=first["pageInfo"]["endCursor"]) == SYMBOLS[:1]
