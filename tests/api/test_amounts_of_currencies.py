"""Calls in several currencies, compared by what they are worth: in lists, in totals, live."""

from decimal import Decimal
from typing import Any

import pytest

from domain.margin import AccountTerms, AccountType, CashBalance
from domain.market import FxRate
from domain.money import Currency
from feeds.book import BookAccount, BookFile, BookFx
from tests.kit.book_files import BANK, HKD, USD, a_client, an_instrument
from tests.kit.desk_client import Caller
from tests.kit.desk_server import Desk, World

pytestmark = pytest.mark.both_stacks

JPY, CHF = Currency("JPY"), Currency("CHF")
OWED = {"M1": (JPY, "1000000"), "M2": (USD, "100000"), "M3": (HKD, "60000"), "M4": (CHF, "5")}
WORTH = {"M1": "52000", "M2": "780000", "M3": "60000", "M4": None}
CASES = """query ($filter: CaseFilter, $after: String, $direction: OrderDirection! = DESC) {
  cases(first: 1, after: $after, filter: $filter, orderBy: {field: AMOUNT, direction: $direction}) {
    totalCount nodes { reportingAmount { amount currency } account { accountNo } }
    pageInfo { hasNextPage endCursor } } }"""
STREAM_CURSOR = "query ($filter: CaseFilter) { cases(filter: $filter) { streamCursor nodes { id } } }"
EVENTS = """subscription ($filter: CaseFilter, $snapshot: Boolean! = false, $after: String) {
  caseEvents(filter: $filter, snapshot: $snapshot, after: $after) {
    kind case { reportingAmount { amount currency } account { accountNo } } } }"""
SUMMARY = "query ($filter: CaseFilter) { caseSummary(filter: $filter) { openCases totalAmount currency } }"


def a_debtor(account_no: str) -> BookAccount:
    """Nothing but a debt: all of it is to be collected."""
    currency, owed = OWED[account_no]
    terms = AccountTerms(AccountType.MARGIN, currency, financing_limit=Decimal(10**9))
    return BookAccount(account_no, terms, (CashBalance(currency, -Decimal(owed), Decimal(0)),), ())


@pytest.fixture
async def desk(world: World) -> Desk:
    """Four accounts owe in four currencies; no rate of the franc is known."""
    rates = (BookFx(USD, HKD, Decimal("7.8")), BookFx(JPY, HKD, Decimal("0.052")))
    client = a_client("C1", *(a_debtor(account_no) for account_no in OWED))
    desk = await world.desk(BookFile((an_instrument(BANK),), rates, (client,)))

    async def all_are_called() -> bool:
        return (await listed(desk.caller()))[0] == len(OWED)

    await desk.until(all_are_called, "every debtor to be called")
    return desk


async def listed(caller: Caller, direction: str = "DESC", **wanted: Any) -> tuple[int, dict[str, Any]]:
    """How many there are, and each account with what its call is worth, page by page, in the list's order."""
    after, found = None, dict[str, Any]()
    while True:
        page = (await caller.ask(CASES, filter=wanted, after=after, direction=direction))["cases"]
        found |= {each["account"]["accountNo"]: worth(each["reportingAmount"]) for each in page["nodes"]}
        if not page["pageInfo"]["hasNextPage"]:
            return page["totalCount"], found
        after = page["pageInfo"]["endCursor"]


def worth(shown: Any) -> str | None:
    """The amount, which is in the reporting currency."""
    assert shown is None or shown["currency"] == "HKD"
    return None if shown is None else str(shown["amount"])


async def test_a_list_by_amount_goes_by_the_reporting_currency(desk: Desk) -> None:
    trader = desk.caller()
    count, found = await listed(trader)
    assert (count, list(found), found) == (4, ["M2", "M3", "M1", "M4"], WORTH)
    assert list((await listed(trader, "ASC"))[1]) == ["M1", "M3", "M2", "M4"], "the unknown is last"


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [
        ({"amountAtLeast": "60000"}, "M2 M3 M4"),
        ({"amountAtLeast": "60000.01"}, "M2 M4"),
        ({"amountAtLeast": "60000", "amountCurrency": "HKD"}, "M2 M3 M4"),
        ({"amountAtLeast": "1000000", "amountCurrency": "JPY"}, "M1 M2 M3 M4"),
        ({"amountAtLeast": "1000001", "amountCurrency": "JPY"}, "M2 M3 M4"),
        ({"amountAtLeast": "100000", "amountCurrency": "USD"}, "M2 M4"),
        ({"amountAtLeast": "100001", "amountCurrency": "USD"}, "M4"),
        ({"amountCurrency": "USD"}, "M1 M2 M3 M4"),
    ],
    ids=str,
)
async def test_a_threshold_has_a_currency(desk: Desk, wanted: dict[str, str], kept: str) -> None:
    trader = desk.caller()
    count, found = await listed(trader, **wanted)
    assert (set(found), count) == (set(kept.split()), len(kept.split()))
    summary = (await trader.ask(SUMMARY, filter=wanted))["caseSummary"]
    total = sum(Decimal(WORTH[account_no] or 0) for account_no in kept.split())
    assert (summary["openCases"], Decimal(summary["totalAmount"])) == (len(kept.split()), total)


@pytest.mark.parametrize("currency", ["CHF", "XXY", "", "usd"])
async def test_a_currency_that_cannot_be_compared_is_refused(desk: Desk, currency: str) -> None:
    trader, wanted = desk.caller(), {"amountAtLeast": "1", "amountCurrency": currency}
    answer = await trader.answer(CASES, filter=wanted)
    assert answer.codes == ["BAD_USER_INPUT"]
    assert "amountCurrency" in answer.body["errors"][0]["message"]


async def test_a_subscription_compares_in_the_reporting_currency_alone(desk: Desk) -> None:
    trader = desk.caller()
    wanted = {"amountAtLeast": "100000", "amountCurrency": "USD"}
    operation = await trader.subscribe(EVENTS, filter=wanted)
    refused = await operation.message()
    (error,) = refused["payload"]
    assert (refused["type"], error["extensions"]["code"]) == ("error", "BAD_USER_INPUT")
    assert "HKD" in error["message"]


@pytest.mark.parametrize("threshold", [{}, {"amountAtLeast": "60000"}], ids=str)
async def test_a_list_in_another_currency_has_no_cursor_of_the_stream(
    world: World, desk: Desk, threshold: dict[str, str]
) -> None:
    trader = desk.caller()
    for refused in ("USD", "JPY"):
        wanted = {**threshold, "amountCurrency": refused}
        assert (await trader.ask(STREAM_CURSOR, filter=wanted))["cases"]["streamCursor"] is None
    reporting = {**threshold, "amountCurrency": "HKD"}
    cursor = (await trader.ask(STREAM_CURSOR, filter=reporting))["cases"]["streamCursor"]
    events = await trader.subscribe(EVENTS, filter=reporting, after=cursor)
    world.clock.advance(seconds=1)
    await world.market.says(FxRate(USD, HKD, Decimal("8.8"), world.clock()))
    await events.until(lambda event: event["case"]["account"]["accountNo"] == "M2")


async def test_a_rate_that_moves_far_enough_moves_the_case_live(world: World, desk: Desk) -> None:
    events = await desk.caller().subscribe(EVENTS, filter={"amountAtLeast": "60000"}, snapshot=True)
    first = [await events.next() for _ in range(3)]
    assert {each["case"]["account"]["accountNo"] for each in first} == {"M2", "M3", "M4"}
    # By 0.4 %: not told. Then by a fifth: the yen's case comes, and goes again.
    for rate, kind in (("0.0522", None), ("0.0624", "UPDATED"), ("0.0622", None), ("0.05", "REMOVED")):
        world.clock.advance(seconds=1)
        await world.market.says(FxRate(JPY, HKD, Decimal(rate), world.clock()))
        if kind is None:
            continue
        told = await events.next()
        assert (told["kind"], told["case"]["account"]["accountNo"]) == (kind, "M1")
        assert Decimal(told["case"]["reportingAmount"]["amount"]) == Decimal(rate) * 1000000
