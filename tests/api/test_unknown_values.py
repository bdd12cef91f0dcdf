"""Accounts with an unknown value, a worthless position or an expired option: called if certain, or listed."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from operator import itemgetter
from typing import Any

import pytest
import pytest_asyncio

from domain.book_changes import CashStated
from domain.doubt import DoubtReason
from domain.ids import Symbol
from domain.margin import AccountType, CashBalance
from domain.market import InstrumentKind, OptionRight, OptionTerms, Quote, TradeStatus
from domain.money import Currency
from feeds.book import BookAccount, BookInstrument
from tests.api.doubts import noted, unwatched
from tests.api.trading import cases, liquidate, preview
from tests.kit.book_files import BANK, a_book, a_client, a_quote, an_account, an_instrument
from tests.kit.desk_client import Caller
from tests.kit.desk_server import Desk, World
from tests.kit.outside import MORNING

pytestmark = pytest.mark.asyncio(loop_scope="module")

GONE, NEW, FULL, MARKED, EMPTY = (Symbol(f"{name}.HK") for name in ("GONE", "NEW", "FULL", "MARKED", "EMPTY"))
OLD, OUT, IN = (Symbol(f"{name}.HK") for name in ("OLD", "OUT", "IN"))
CHF = Currency("CHF")
F = ".5 .3 .4 .2"
FIGURES = "figures { amount stale unvalued longMarketValue shortMarketValue liquidNetAssets }"
ALL = f"""{{ clients(first: 100) {{ nodes {{ accounts {{
  accountNo {FIGURES} positions(first: 5) {{ nodes {{ mark }} }} }} }} }} }}"""
ACCEPT = """mutation ($input: AcceptIncompleteInput!) {
  acceptIncomplete(input: $input) { result { __typename } } }"""
SUMMARY = "{ caseSummary { openCases totalAmount unconverted { currency amount } } }"


def an_option(symbol: Symbol, right: OptionRight, strike: int, days: int) -> BookInstrument:
    """On the bank; its last day is so many days after this Monday."""
    expiry = (MORNING + timedelta(days=days)).date()
    known = an_instrument(symbol, F)
    option = OptionTerms(BANK, right, Decimal(strike), expiry)
    instrument = replace(known.instrument, kind=InstrumentKind.OPTION, multiplier=Decimal(100), option=option)
    return replace(known, instrument=instrument)


def cash_account(account_no: str, cash: str, interest: str) -> BookAccount:
    return an_account(account_no, cash, {BANK: 200}, interest=interest, account_type=AccountType.CASH)


def swiss(account_no: str) -> BookAccount:
    """An account in francs, of which no rate is known; it owes 100."""
    account = an_account(account_no, "0", {})
    cash = (CashBalance(CHF, Decimal(-100)),)
    return replace(account, terms=replace(account.terms, base_currency=CHF), cash=cash)


BANK_BACKED = "-8500"
"""Beside 100 of the bank at 100: 2,500 to collect, and below the force-close margin."""
ACCOUNTS = (
    an_account("DEAD", BANK_BACKED, {BANK: 100, GONE: 100}),
    an_account("NOTHING", BANK_BACKED, {BANK: 100}),
    an_account("UNPRICED", BANK_BACKED, {BANK: 100, NEW: 1}),
    an_account("FRANCS", BANK_BACKED, {BANK: 100}),
    an_account("DEBIT", BANK_BACKED, {BANK: 100}),
    an_account("BACKS", BANK_BACKED, {BANK: 100, FULL: 1}),
    an_account("EXPIRED", "-40000", {OLD: 100}),
    an_account("WRITTEN", "0", {BANK: 100, OLD: -100}),
    an_account("TONIGHT", "-10000", {OUT: 100, BANK: 100}),
    an_account("EXERCISED", "-10000", {IN: 20, BANK: 100}),
    cash_account("CREDIT", "500000", "25"),
    cash_account("CASHDEBT", "-12345.67", "10.01"),
    an_account("MARK", "-3000", {MARKED: 100}),
    an_account("SPINOFF", "-50", {EMPTY: 100}),
    an_account("INCOMPLETE", "-6999", {BANK: 100}),
    swiss("SWISS"),
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(shared_world: World) -> Desk:
    """Prices of the bank are known, and of what only the bid and ask are there of."""
    instruments = (
        an_instrument(BANK, F, lot=100),
        an_instrument(GONE, F, status=TradeStatus.DELISTED),
        an_instrument(NEW, F),
        an_instrument(FULL, "1 1 1 1"),
        an_instrument(MARKED, F),
        an_instrument(EMPTY, F),
        an_option(OLD, OptionRight.CALL, 90, -8),
        an_option(OUT, OptionRight.CALL, 110, 0),
        an_option(IN, OptionRight.CALL, 90, 0),
    )
    clients = [a_client(f"C-{account.account_no}", account) for account in ACCOUNTS]
    desk = await shared_world.desk(a_book(*clients, instruments=instruments))
    at = desk.clock()
    francs = {"NOTHING": "0", "FRANCS": "0.01", "DEBIT": "-0.01"}
    await desk.market.says(
        *(CashStated(no, CHF, Decimal(balance), at) for no, balance in francs.items()),
        a_quote(BANK, at, "100"),
        a_quote(OLD, at, "6"),
        a_quote(OUT, at, "3"),
        a_quote(IN, at, "12"),
        Quote(MARKED, at, Decimal("49.90"), Decimal("50.10"), previous_close=Decimal(200)),
        Quote(EMPTY, at, Decimal(0), Decimal("0.02"), Decimal("0.01")),
    )

    async def settled() -> bool:
        return await called(desk.caller()) == EXPECTED and len(await unwatched(desk.caller())) == 2

    await desk.until(settled, "the calls that are certain, and the list of the accounts that are not")
    return desk


EXPECTED = {
    "DEAD": "2500",
    "NOTHING": "2500",
    "DEBIT": "2500",
    "BACKS": "2500",
    "EXPIRED": "40000",
    "CASHDEBT": "12355.68",
    "SPINOFF": "49.4",
    "SWISS": "100",
}


async def called(caller: Caller) -> dict[str, str]:
    found = (await caller.ask("{ cases { nodes { amount account { accountNo } } } }"))["cases"]["nodes"]
    return {case["account"]["accountNo"]: case["amount"] for case in found}


async def accounts_of(caller: Caller) -> dict[str, Any]:
    nodes = (await caller.ask(ALL))["clients"]["nodes"]
    return {account["accountNo"]: account for node in nodes for account in node["accounts"]}


async def test_an_irrelevant_missing_price_stops_no_call_and_a_certain_call_opens(desk: Desk) -> None:
    assert await called(desk.caller()) == EXPECTED
    forced = {case["id"] for case in await cases(desk.caller()) if case["forceEligible"]}
    assert len(forced) == len(EXPECTED) - len({"CASHDEBT"})
    known = await accounts_of(desk.caller())
    for certain in ("DEAD", "NOTHING", "EXPIRED"):
        assert known[certain]["figures"]["stale"] is False, certain
        assert known[certain]["figures"]["unvalued"] == [], certain
    assert known["BACKS"]["figures"]["unvalued"] == [FULL]
    assert known["DEBIT"]["figures"]["unvalued"] == [CHF]


async def test_an_unknown_price_that_decides_is_listed(desk: Desk) -> None:
    assert await unwatched(desk.caller()) == {
        "UNPRICED": [("NO_PRICE", NEW)],
        "FRANCS": [("NO_FX_RATE", CHF)],
    }


UNDECIDED = "undecidedCalls undecidedReasons { reason subject detail }"
AHEAD = f"""{{ clients(first: 100) {{ nodes {{ accounts {{ id accountNo doubts {{ reason subject detail }}
  lookAhead {{ calls {UNDECIDED} }} }} }} }} }}"""
WHAT_IF = f"query ($input: WhatIfInput!) {{ whatIf(input: $input) {{ calls {UNDECIDED} }} }}"
BOOK_WHAT_IF = """{ bookWhatIf(input: {prices: [{factor: "-0.01"}]}) { unpriced undecided {
  account { accountNo } calls reasons { reason subject } } } }"""


async def test_undecided_calls_are_listed_and_not_left_out_silently(desk: Desk) -> None:
    """In the same answer as the calls: which call is undecided, and for which reasons, all of them."""
    trader = desk.caller()
    account_id = await noted(desk, "UNPRICED", DoubtReason.INCOMPLETE, "NEWS.HK")
    await desk.market.says(a_quote(BANK, desk.clock(), "101"))

    async def looked() -> bool:
        return (await called(trader)).get("DEAD") == "2440"

    await desk.until(looked, "the rise to reach every account")
    everything = {("NO_PRICE", NEW), ("INCOMPLETE", "NEWS.HK")}
    assert set((await unwatched(trader))["UNPRICED"]) == everything
    nodes = (await trader.ask(AHEAD))["clients"]["nodes"]
    known = {account["accountNo"]: account for node in nodes for account in node["accounts"]}
    for account_no in ("UNPRICED", "FRANCS", "DEAD", "CREDIT"):
        account = known[account_no]
        asked = {"accountId": account["id"], "scenario": {"prices": [{"factor": "-0.01"}]}}
        scenario = (await trader.ask(WHAT_IF, input=asked))["whatIf"]
        assert scenario == account["lookAhead"], account_no
        open_ = account_no in ("UNPRICED", "FRANCS")
        assert scenario["calls"] == (["MAINTENANCE"] if account_no == "DEAD" else [])
        assert scenario["undecidedCalls"] == (["MAINTENANCE"] if open_ else [])
        key = itemgetter("reason")
        assert sorted(scenario["undecidedReasons"], key=key) == sorted(account["doubts"], key=key)
    whole = (await trader.ask(BOOK_WHAT_IF))["bookWhatIf"]
    found = {
        each["account"]["accountNo"]: {(why["reason"], why["subject"]) for why in each["reasons"]}
        for each in whole["undecided"]
    }
    assert found == {"UNPRICED": everything, "FRANCS": {("NO_FX_RATE", CHF)}}
    assert whole["unpriced"] == 2
    asked = {"accountId": account_id, "subjects": ["NEWS.HK"], "reason": "worthless", "idempotencyKey": "u"}
    await trader.ask(ACCEPT, input=asked)
    await desk.market.says(a_quote(BANK, desk.clock(), "100"))

    async def as_before() -> bool:
        return (await called(trader)).get("DEAD") == "2500"

    await desk.until(as_before, "the fall to reach every account")


async def test_an_expired_option_is_worth_nothing_asks_for_nothing_and_is_not_sold(desk: Desk) -> None:
    trader = desk.caller()
    known = await accounts_of(trader)
    assert known["EXPIRED"]["figures"]["longMarketValue"] == "0"
    assert known["WRITTEN"]["figures"] | {"unvalued": []} == {
        "amount": "0",
        "stale": False,
        "unvalued": [],
        "longMarketValue": "10000",
        "shortMarketValue": "0",
        "liquidNetAssets": "10000",
    }
    (case,) = await cases(trader, accountNo="EXPIRED")
    document = """query ($id: ID!) {
      liquidationPreview(input: {caseId: $id}) { refusal { code message } } }"""
    refusal = (await trader.ask(document, id=case["id"]))["liquidationPreview"]["refusal"]
    assert refusal["code"] == "NOTHING_SELLABLE"
    assert "INSTRUMENT_EXPIRED" in refusal["message"]


async def test_a_mark_lies_within_bid_and_ask_and_no_bid_loses_no_price(desk: Desk) -> None:
    known = await accounts_of(desk.caller())
    assert [each["mark"] for each in known["MARK"]["positions"]["nodes"]] == ["50.1"]
    assert [each["mark"] for each in known["SPINOFF"]["positions"]["nodes"]] == ["0.01"]


async def test_a_quote_below_zero_is_refused_where_prices_do_not_fall_that_far(desk: Desk) -> None:
    await desk.market.says(Quote(BANK, desk.clock(), last=Decimal("-1")))
    rejected, why = desk.market.rejected[-1]
    assert isinstance(rejected, Quote)
    assert "cannot be negative" in why


async def test_one_currency_without_a_rate_does_not_end_the_totals(desk: Desk) -> None:
    summary = (await desk.caller().ask(SUMMARY))["caseSummary"]
    certain = sum(Decimal(amount) for no, amount in EXPECTED.items() if no != "SWISS")
    assert Decimal(summary["totalAmount"]) == certain
    assert summary["unconverted"] == [{"currency": "CHF", "amount": "100"}]
    document = "{ bookWhatIf(input: {}) { totalBefore totalAfter unconverted unpriced } }"
    whole = await desk.caller().ask(document)
    assert whole["bookWhatIf"]["unconverted"] == ["CHF"]
    assert Decimal(whole["bookWhatIf"]["totalAfter"]) == certain
    assert whole["bookWhatIf"]["unpriced"] == 2


async def test_a_plan_that_cures_a_cash_account_leaves_nothing_owed(desk: Desk) -> None:
    trader = desk.caller()
    (case,) = await cases(trader, accountNo="CASHDEBT")
    shown = await preview(trader, case["id"])
    assert shown["amountAfter"] == "0"
    await liquidate(trader, case["id"])

    async def paid() -> bool:
        figures = (await accounts_of(trader))["CASHDEBT"]["figures"]
        return Decimal(figures["amount"]) == 0

    await desk.until(paid, "the sale to pay debt and interest")


async def test_an_incomplete_account_is_left_alone_until_a_person_accepts_it(desk: Desk) -> None:
    trader = desk.caller()
    account_id = await noted(desk, "INCOMPLETE", DoubtReason.INCOMPLETE, "NEWS.HK")
    assert (await accounts_of(trader))["INCOMPLETE"]["figures"]["stale"] is True
    await desk.market.says(a_quote(BANK, desk.clock(), "99"))

    async def others() -> bool:
        return (await called(trader)).get("DEAD") == "2560"

    await desk.until(others, "the fall to reach other accounts")
    assert "INCOMPLETE" not in await called(trader)
    asked = {"accountId": account_id, "subjects": ["NEWS.HK"], "reason": "worthless", "idempotencyKey": "k"}
    await trader.ask(ACCEPT, input=asked)

    async def judged() -> bool:
        return "INCOMPLETE" in await called(trader)

    await desk.until(judged, "the call of an account that was accepted")
    await desk.market.says(a_quote(BANK, desk.clock(), "100"))


async def test_a_price_ends_the_doubt_and_the_call_opens(desk: Desk) -> None:
    trader = desk.caller()
    await desk.market.says(Quote(NEW, desk.clock(), last=Decimal(0)))

    async def judged() -> bool:
        return "UNPRICED" in await called(trader) and "UNPRICED" not in await unwatched(trader)

    await desk.until(judged, "the call of the account whose share is worth nothing")


async def test_an_option_expires_at_midnight_of_its_market_although_no_price_comes(desk: Desk) -> None:
    """Last of all, since the clock is moved. In the money it is worth what the exercise brings."""
    trader = desk.caller()
    before = await accounts_of(trader)
    assert before["TONIGHT"]["figures"]["longMarketValue"] == "40000"
    assert "TONIGHT" not in await called(trader)
    midnight = MORNING.replace(hour=16)
    desk.clock.advance(seconds=(midnight - desk.clock()).total_seconds())

    trader = desk.caller()

    async def expired() -> bool:
        return "TONIGHT" in await called(trader)

    await desk.until(expired, "time alone to open the call")
    after = await accounts_of(trader)
    assert after["TONIGHT"]["figures"]["longMarketValue"] == "10000"
    assert after["EXERCISED"]["figures"]["longMarketValue"] == "30000"
    assert "EXERCISED" not in await called(trader)
    desk.clock.advance(days=5)

    async def settled() -> bool:
        return "EXERCISED" in await called(desk.caller())

    await desk.until(settled, "the end of the settlement to end the value")
