"""When a case opens, stays, cures and calls its orders off: assessed on what the database says."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest

from desk.case_work.adjust_deadline import AdjustDeadline, adjust_deadline
from desk.case_work.case_command import CaseCommand
from desk.evidence.reports import margin_records
from desk.orders.dispatch_orders import Dispatcher
from desk.orders.record_execution import record_execution
from desk.outbound.standing import look_again
from desk.outcomes import Done
from desk.statements.apply_book import apply_statement
from domain.book_changes import CashStated, PositionStated
from domain.case import AlertType, Case, CaseCloseReason, CaseStatus
from domain.execution import ExecType
from domain.exemption import Exemption, ExemptionKind, ExemptionScope
from domain.ids import AccountId, Symbol
from domain.letter import FiguresAge
from domain.liquidation_plan import LegRequest
from domain.margin import AccountType, AmountRule
from domain.market import Instrument, InstrumentKind, OptionRight, OptionTerms, TradeStatus
from domain.message import MessageTemplate
from domain.money import Currency, total
from domain.order import Order, OrderStatus
from domain.phrase import DetailCode, FollowUpCode, Parameter, phrase
from domain.principal import EVERYTHING
from domain.risk_settings import RiskPolicy, SettingId, TradingLimitExpiry
from models.book import load_books
from models.case import live_cases_of
from models.holding import position_as_stored
from models.market import save_instrument, save_quotes
from models.report import Period
from models.risk_policy import RiskPolicyCache
from models.sql.codec import loads
from models.sql.database import Database, fetch, transaction
from models.sql.where import PageRequest
from tests.kit.desk_kit import (
    APPLE,
    BOEING,
    FACTORS,
    TRADER,
    USD,
    DeskKit,
    case,
    count,
    deliver_events,
    order,
    quoted,
    report,
)
from tests.kit.follow_ups import desk_phrases
from venues.paper import PaperVenue

GE = Symbol("GE.US")


async def only_case(account_id: AccountId) -> Case:
    (view,) = await live_cases_of([account_id])
    return view.case


async def prices(kit: DeskKit, price: str | int) -> None:
    for symbol in (APPLE, BOEING):
        await kit.quote(symbol, price)


async def closed_case(kit: DeskKit) -> Case:
    """Opened at a price of 100, cured at 300."""
    account_id = await kit.indebted_account()
    opened = await only_case(account_id)
    await prices(kit, 300)
    await kit.assess(account_id)
    return (await case(opened.id)).case


async def close_only(account_id: AccountId) -> bool:
    rows = await fetch("SELECT close_only FROM account WHERE id = $1", account_id)
    return bool(rows[0]["close_only"])


async def test_a_breach_opens_one_case_and_makes_the_account_close_only(kit: DeskKit) -> None:
    account_id = await kit.indebted_account()
    await kit.assess(account_id)
    opened = await only_case(account_id)
    assert (opened.alert_type, opened.status) == (AlertType.MAINTENANCE, CaseStatus.OPEN)
    assert opened.figures.amount == opened.uncovered_amount == 20_000
    assert await close_only(account_id)


async def test_a_cured_case_is_resolved_and_the_account_is_free_again(kit: DeskKit) -> None:
    cured = await closed_case(kit)
    assert (cured.status, cured.close_reason) == (CaseStatus.RESOLVED, CaseCloseReason.CURED)
    assert cured.closed_at == kit.clock()
    assert not await close_only(cured.account_id)


async def test_a_new_breach_opens_a_new_case_that_names_the_last(kit: DeskKit) -> None:
    cured = await closed_case(kit)
    await prices(kit, 100)
    await kit.assess(cured.account_id)
    again = await only_case(cured.account_id)
    assert again.id != cured.id
    assert again.reopened_from == cured.id
    assert await close_only(cured.account_id)


async def test_a_case_closes_only_when_nothing_was_owed_for_the_hold(database: Database) -> None:
    kit = DeskKit()
    kit.desk = replace(kit.desk, policy=replace(kit.desk.policy, close_hold=timedelta(seconds=10)))
    with database.active():
        account_id = await kit.indebted_account()
        for price, seconds, live in ((300, 9, True), (100, 1, True), (300, 0, True), (300, 10, False)):
            kit.clock.pass_(seconds=seconds)
            await prices(kit, price)
            await kit.assess(account_id)
            assert bool(await live_cases_of([account_id])) == live, f"at {price}"


async def an_order_with_the_venue(kit: DeskKit) -> Order:
    """Acknowledged, of a case with 20,000 to collect."""
    view = await kit.one_order()
    await Dispatcher(kit.desk, PaperVenue(kit.clock), batch=10).dispatch()
    await record_execution(kit.desk, report(view.order, ExecType.NEW, 1))
    return (await order(view.order.id)).order


async def test_a_cured_case_asks_for_the_cancel_of_its_orders_and_ends_with_them(kit: DeskKit) -> None:
    working = await an_order_with_the_venue(kit)
    await prices(kit, 300)
    await kit.assess(working.account_id)
    asked = (await order(working.id)).order
    assert asked.status is OrderStatus.PENDING_CANCEL
    assert (await case(working.case_id)).case.status is CaseStatus.LIQUIDATING
    await kit.assess(working.account_id)
    assert (await order(working.id)).order == asked, "it is asked for once"
    await record_execution(kit.desk, report(asked, ExecType.CANCELED, 2))
    assert (await case(working.case_id)).case.status is CaseStatus.RESOLVED


async def test_a_cured_case_cancels_an_order_that_was_not_sent_yet_without_the_venue(kit: DeskKit) -> None:
    queued = (await kit.one_order()).order
    await prices(kit, 300)
    await kit.assess(queued.account_id)
    assert (await order(queued.id)).order.status is OrderStatus.CANCELED
    await kit.assess(queued.account_id)
    assert (await case(queued.case_id)).case.status is CaseStatus.RESOLVED


async def test_orders_that_end_with_something_owed_lead_back_to_open(kit: DeskKit) -> None:
    working = await an_order_with_the_venue(kit)
    await record_execution(kit.desk, report(working, ExecType.TRADE, 2, 300))
    await record_execution(kit.desk, report(working, ExecType.CANCELED, 3))
    after = (await case(working.case_id)).case
    assert after.status is CaseStatus.OPEN
    assert (
        after.figures.amount == after.uncovered_amount == (await kit.figures(working.account_id)).amount > 0
    )


async def test_open_orders_cover_the_amount_and_it_stays_owed(kit: DeskKit) -> None:
    working = await an_order_with_the_venue(kit)
    liquidating = (await case(working.case_id)).case
    assert liquidating.status is CaseStatus.LIQUIDATING
    assert liquidating.figures.amount == 20_000
    assert liquidating.uncovered_amount == 0


async def test_a_breach_with_nothing_to_collect_opens_no_case(kit: DeskKit) -> None:
    """The trading limit covers it all: a case would be cured as it opens, and open again, for ever."""
    await kit.instrument(APPLE)
    await kit.quote(APPLE, 100)
    account_id = await kit.account("M1", -150_000, {APPLE: 2000}, trading_limit=20_000)
    await kit.assess(account_id)
    await kit.assess(account_id)
    assert await count("margin_case") == 0
    await kit.quote(APPLE, 99)
    await kit.assess(account_id)
    assert (await only_case(account_id)).figures.amount == 1_300


async def test_a_price_that_is_missing_opens_no_case(kit: DeskKit) -> None:
    await kit.instrument(GE)
    account_id = await kit.account("M2", -150_000, {GE: 10})
    await kit.assess(account_id)
    assert await live_cases_of([account_id]) == []


async def test_a_price_that_is_missing_closes_no_case_where_that_depends_on_it(kit: DeskKit) -> None:
    """The value of a short without a cost is unknown; a long is worth at least nothing."""
    account_id = await kit.indebted_account()
    await kit.instrument(GE)
    await apply_statement(kit.desk, PositionStated("M1", GE, Decimal(-10), kit.clock()))
    await apply_statement(kit.desk, CashStated("M1", USD, Decimal(0), kit.clock()))
    await kit.assess(account_id)
    kept = await only_case(account_id)
    assert kept.figures.stale
    assert kept.figures.amount == 20_000
    await apply_statement(kit.desk, PositionStated("M1", GE, Decimal(10), kit.clock()))
    await kit.assess(account_id)
    assert await live_cases_of([account_id]) == []


async def test_a_stale_price_closes_no_case(kit: DeskKit) -> None:
    account_id = await kit.indebted_account()
    await prices(kit, 300)
    kit.clock.pass_(seconds=61)
    await kit.assess(account_id)
    stale = await only_case(account_id)
    assert stale.figures.stale
    await prices(kit, 300)
    await kit.assess(account_id)
    assert await live_cases_of([account_id]) == []


async def test_a_stale_price_calls_no_order_off(kit: DeskKit) -> None:
    working = await an_order_with_the_venue(kit)
    await prices(kit, 300)
    kit.clock.pass_(seconds=61)
    await kit.assess(working.account_id)
    assert (await order(working.id)).order.status is OrderStatus.NEW


def _trigger_over_financing(kit: DeskKit) -> None:
    rule = AmountRule(over_financing_triggers=True)
    books = replace(
        kit.desk.policy.books, settings=RiskPolicyCache(RiskPolicy(dict.fromkeys(AccountType, rule)))
    )
    kit.desk = replace(kit.desk, policy=replace(kit.desk.policy, books=books))


async def test_over_financing_opens_a_case_of_its_own_where_the_rule_says_so(kit: DeskKit) -> None:
    await kit.instrument(APPLE)
    await kit.quote(APPLE, 100)
    account_id = await kit.account("M1", -50_000, {APPLE: 2000}, financing_limit=40_000)
    await kit.assess(account_id)
    assert await live_cases_of([account_id]) == []
    _trigger_over_financing(kit)
    await kit.assess(account_id)
    opened = await only_case(account_id)
    assert (opened.alert_type, opened.figures.amount) == (AlertType.OVER_FINANCING, Decimal(10_000))


async def test_both_kinds_of_breach_open_two_cases_with_the_same_figures(kit: DeskKit) -> None:
    _trigger_over_financing(kit)
    await kit.instrument(APPLE)
    await kit.quote(APPLE, 100)
    account_id = await kit.account("M1", -150_000, {APPLE: 2000}, financing_limit=40_000)
    await kit.assess(account_id)
    cases = [view.case for view in await live_cases_of([account_id])]
    assert {each.alert_type for each in cases} == {AlertType.MAINTENANCE, AlertType.OVER_FINANCING}
    assert {each.figures.amount for each in cases} == {Decimal(110_000)}


async def test_a_case_for_over_financing_asks_sells_and_ends_for_that_alone(kit: DeskKit) -> None:
    """Margin asks for 20,000 and the financing limit for 5,000 of it: the account lacks 20,000."""
    _trigger_over_financing(kit)
    await kit.instrument(APPLE)
    await kit.quote(APPLE, 100)
    account_id = await kit.account("M1", -150_000, {APPLE: 2000}, financing_limit=145_000)
    await kit.assess(account_id)
    cases = {view.case.alert_type: view.case for view in await live_cases_of([account_id])}
    over, margin = cases[AlertType.OVER_FINANCING], cases[AlertType.MAINTENANCE]
    assert [margin.figures.amount, over.figures.amount] == [20_000, 5000]
    period = Period(kit.clock(), kit.clock() + timedelta(days=1))
    records = await margin_records(EVERYTHING, period, PageRequest(10))
    assert total(record.counted_amount for record in records.rows) == 20_000
    other = await kit.account("M2", -150_000, {APPLE: 2000}, financing_limit=145_000)
    await kit.assess(other)
    (sold,) = await kit.liquidate(over.id)
    assert sold.order.quantity == 51, "51 at 100 less the fee bring 5,098.47"
    await apply_statement(kit.desk, CashStated("M2", USD, Decimal(-145_000), kit.clock()))
    await kit.assess(other)
    assert [view.case.alert_type for view in await live_cases_of([other])] == [AlertType.MAINTENANCE]


async def test_the_average_cost_of_a_position_ends_with_it(kit: DeskKit) -> None:
    await kit.instrument(APPLE)
    account_id = await kit.account("M1", 0, {})

    async def stated(quantity: int, cost: int | None = None) -> Decimal | None:
        kit.clock.pass_(seconds=1)
        paid = None if cost is None else Decimal(cost)
        await apply_statement(kit.desk, PositionStated("M1", APPLE, Decimal(quantity), kit.clock(), paid))
        known = await position_as_stored(account_id, APPLE)
        return known["averageCost"] if known else None

    closed = [await stated(100, 150), await stated(60), await stated(0), await stated(100)]
    assert closed == [150, 150, None, None]
    turned = [await stated(100, 150), await stated(-5), await stated(-6, 9), await stated(-7)]
    assert turned == [150, None, 9, 9]


async def test_the_effect_of_a_payment_on_the_amount_is_stated_if_it_is_certain(kit: DeskKit) -> None:
    account_id = await kit.indebted_account()

    async def effect(currency: str, balance: str) -> Parameter:
        kit.clock.pass_(seconds=1)
        await apply_statement(
            kit.desk, CashStated("M1", Currency(currency), Decimal(balance), kit.clock(), None)
        )
        said = (await desk_phrases())[-1]
        assert said.code is FollowUpCode.CASH_ROSE
        return said.parameters["amount"]

    assert await effect("USD", "-149000") == phrase(
        DetailCode.AMOUNT_FELL, before=Decimal(20_000), amount=Decimal(19_000), currency="USD"
    )
    assert await effect("USD", "-148999.999") == phrase(
        DetailCode.AMOUNT_STAYS, amount=Decimal(19_000), currency="USD"
    )
    assert await effect("CHF", "5000") == phrase(DetailCode.AMOUNT_UNKNOWN)
    assert await effect("USD", "-140000") == phrase(DetailCode.AMOUNT_UNKNOWN)
    assert (await kit.figures(account_id)).amount == 10_000, "as far as it is known"


@pytest.mark.parametrize(("last_day", "left"), [(date(2020, 2, 28), "-1"), (date(2020, 3, 6), "1")])
async def test_an_option_that_is_over_makes_no_letter_old(kit: DeskKit, last_day: date, left: str) -> None:
    """Its own last price is from long ago; what is settled follows its underlying."""
    account_id = await kit.indebted_account()
    option = Instrument(
        GE,
        "over",
        "XNYS",
        USD,
        InstrumentKind.OPTION,
        Decimal(1),
        Decimal(100),
        Decimal(0),
        TradeStatus.TRADING,
        option=OptionTerms(APPLE, OptionRight.CALL, Decimal(150), last_day),
    )
    await save_instrument(option, FACTORS, kit.clock())
    await save_quotes([quoted(GE, "0.01", datetime.combine(last_day, time(20), UTC))])
    await apply_statement(kit.desk, PositionStated("M1", GE, Decimal(left), kit.clock()))
    called = await only_case(account_id)
    async with transaction():
        view, standing = await look_again(kit.desk, called.id, MessageTemplate.REMINDER, kit.clock())
    assert view.case.figures.amount == 20_000
    assert standing.age == FiguresAge(kit.clock(), timedelta())


@pytest.mark.parametrize(
    ("account_type", "alert_type"),
    [(AccountType.CASH, AlertType.CASH_DEBT), (AccountType.INTRADAY, AlertType.INTRADAY)],
)
async def test_other_account_types_have_their_own_kind_of_call(
    account_type: AccountType, alert_type: AlertType, kit: DeskKit
) -> None:
    await kit.instrument(APPLE)
    await kit.quote(APPLE, 100)
    account_id = await kit.account("K1", -75_000, {APPLE: 1000}, account_type)
    await kit.assess(account_id)
    assert (await only_case(account_id)).alert_type is alert_type


async def test_a_passed_deadline_makes_the_case_force_eligible(kit: DeskKit) -> None:
    account_id = await kit.indebted_account()
    opened = await only_case(account_id)
    assert not opened.force_eligible
    kit.clock.now = opened.deadline
    await prices(kit, 100)
    await kit.assess(account_id)
    assert not (await only_case(account_id)).force_eligible, "the last moment is still in time"
    kit.clock.pass_(seconds=1)
    await kit.assess(account_id)
    assert (await only_case(account_id)).force_eligible


async def test_a_deadline_that_a_person_moves_counts_at_once_without_prices_too(kit: DeskKit) -> None:
    opened = await only_case(await kit.indebted_account())
    monitor = kit.monitor()
    await monitor.note_everything()
    heard = 0

    async def looked() -> bool:
        nonlocal heard
        heard = await deliver_events(monitor, heard)
        await monitor.look()
        await monitor.refresh()
        await monitor.look()
        return (await only_case(opened.account_id)).force_eligible

    async def moved_to(moment: datetime) -> bool:
        move = AdjustDeadline(CaseCommand(str(moment), opened.id, None), moment, "as agreed")
        assert isinstance(await adjust_deadline(kit.desk, TRADER, move), Done)
        return (await only_case(opened.account_id)).force_eligible

    assert not await looked()
    kit.clock.pass_(minutes=5)
    assert not await looked(), "prices are old by now, and change no more"
    soon = kit.clock() + timedelta(hours=1)
    await moved_to(soon)
    kit.clock.now = soon + timedelta(seconds=1)
    assert await looked()
    assert not await moved_to(soon + timedelta(hours=1)), "net assets are above the force-close margin"
    assert not await looked()
    assert not await looked()


async def test_a_letter_in_doubt_names_the_missing_prices_at_sending(kit: DeskKit) -> None:
    account_id = await kit.indebted_account()
    opened = await only_case(account_id)
    await kit.instrument(GE)
    await apply_statement(kit.desk, PositionStated("M1", GE, Decimal(10), kit.clock()))
    kit.clock.pass_(minutes=1)
    async with transaction():
        _, standing = await look_again(kit.desk, opened.id, MessageTemplate.REMINDER, kit.clock())
    assert (standing.age.as_of, standing.unvalued) == (opened.figures.as_of, (GE,))


async def test_a_deadline_passes_without_prices_too(kit: DeskKit) -> None:
    account_id = await kit.indebted_account()
    await kit.instrument(GE)
    await apply_statement(kit.desk, PositionStated("M1", GE, Decimal(10), kit.clock()))
    kit.clock.now = (await only_case(account_id)).deadline + timedelta(seconds=1)
    await kit.assess(account_id)
    assert (await only_case(account_id)).force_eligible


async def test_a_deadline_that_is_extended_in_doubt_counts_before_the_doubt_is_over(kit: DeskKit) -> None:
    """The figures of the last certain look lack a price: they do not tell that net assets suffice."""
    account_id = await kit.indebted_account()
    await kit.instrument(GE)
    for quantity, moment in ((-10, kit.clock()), (10, (await only_case(account_id)).deadline)):
        kit.clock.now = moment + timedelta(seconds=1)
        await kit.assess(account_id)
        await apply_statement(kit.desk, PositionStated("M1", GE, Decimal(quantity), kit.clock()))
        await kit.assess(account_id)
    in_doubt = await only_case(account_id)
    assert (in_doubt.force_eligible, in_doubt.figures.unvalued) == (True, (GE,))
    monitor = kit.monitor()
    await monitor.note_everything()
    later = kit.clock() + timedelta(days=1)
    move = AdjustDeadline(CaseCommand("later", in_doubt.id, None), later, "as agreed")
    assert isinstance(await adjust_deadline(kit.desk, TRADER, move), Done)
    await deliver_events(monitor, 0)
    await monitor.look()
    await monitor.refresh()
    after = await only_case(account_id)
    assert (after.force_eligible, after.figures.stale) == (False, True)


async def test_an_assessment_that_changes_nothing_tells_nothing(kit: DeskKit) -> None:
    account_id = await kit.indebted_account()
    events = await count("outbox")
    await kit.assess(account_id)
    assert await count("outbox") == events


async def test_a_second_liquidation_sells_only_for_the_uncovered_amount(kit: DeskKit) -> None:
    (view,) = await live_cases_of([await kit.indebted_account()])
    (first,) = await kit.liquidate(view.case.id, LegRequest(APPLE, Decimal(300)))
    rest = await kit.liquidate(view.case.id)
    books = await load_books([view.case.account_id], kit.desk.policy.books, kit.clock())
    assert first.order.client_order_id.endswith("-1-1")
    assert {each.order.client_order_id.split("-", 2)[2] for each in rest} == {"2-1"}
    covered = first.order.quantity + sum(each.order.quantity for each in rest)
    assert 571 <= covered <= 575, "35% of 20,000, and fees"
    assert books[view.case.account_id].close_only


def with_policy(kit: DeskKit, policy: RiskPolicy) -> None:
    books = replace(kit.desk.policy.books, settings=RiskPolicyCache(policy))
    kit.desk = replace(kit.desk, policy=replace(kit.desk.policy, books=books))


async def test_a_call_ends_the_trading_limit_where_the_rules_say_so(kit: DeskKit) -> None:
    """99 a share: 1,300 are missing with the limit, 21,300 without it."""
    with_policy(kit, RiskPolicy(trading_limit_expiry=TradingLimitExpiry(expires=True)))
    await kit.instrument(APPLE)
    await kit.quote(APPLE, 100)
    account_id = await kit.account("M1", -150_000, {APPLE: 2000}, trading_limit=20_000)
    await kit.assess(account_id)
    assert await live_cases_of([account_id]) == []
    await kit.quote(APPLE, 99)
    await kit.assess(account_id)
    opened = await only_case(account_id)
    assert opened.amount_at_open == opened.figures.amount == Decimal(21_300)
    assert (await kit.figures(account_id)).amount == 21_300
    (entry,) = await fetch("SELECT before_state, after_state FROM audit WHERE action = 'expireTradingLimit'")
    assert loads(entry["before_state"]) == {"tradingLimit": "20000"}
    assert loads(entry["after_state"]) == {"tradingLimit": "0"}


async def test_an_exempt_account_keeps_its_trading_limit(kit: DeskKit) -> None:
    everybody = Exemption(ExemptionKind.MARGIN_CALL, ExemptionScope.GLOBAL)
    policy = RiskPolicy(
        exemptions=((SettingId("x"), everybody),), trading_limit_expiry=TradingLimitExpiry(expires=True)
    )
    with_policy(kit, policy)
    await kit.instrument(APPLE)
    await kit.quote(APPLE, 99)
    account_id = await kit.account("M1", -150_000, {APPLE: 2000}, trading_limit=20_000)
    await kit.assess(account_id)
    assert await live_cases_of([account_id]) == []
    assert (await kit.figures(account_id)).trading_limit == 20_000


async def test_an_exempt_case_whose_orders_are_out_ends_when_they_have(kit: DeskKit) -> None:
    working = await an_order_with_the_venue(kit)
    everybody = Exemption(ExemptionKind.MARGIN_CALL, ExemptionScope.GLOBAL)
    with_policy(kit, RiskPolicy(exemptions=((SettingId("x"), everybody),)))
    await kit.assess(working.account_id)
    assert (await case(working.case_id)).case.status is CaseStatus.LIQUIDATING
    await record_execution(kit.desk, report(working, ExecType.CANCELED, 3))
    await kit.assess(working.account_id)
    ended = (await case(working.case_id)).case
    assert (ended.status, ended.exempted_by) == (CaseStatus.VOID, "x")
    (entry,) = await fetch(
        "SELECT * FROM audit WHERE entity_id = $1 AND action IN ('exempt', 'close')", working.case_id
    )
    assert (entry["action"], loads(entry["detail"])) == ("exempt", {"setting": "x"})
    assert loads(entry["after_state"])["status"] == "VOID"
    assert loads(entry["before_state"])["status"] != "VOID"


async def test_a_deposit_is_audited_with_its_effect_on_the_case(kit: DeskKit) -> None:
    await kit.indebted_account()
    await apply_statement(kit.desk, CashStated("M1", USD, Decimal(-149_000), kit.clock()))
    (entry,) = await fetch("SELECT * FROM audit WHERE action = 'noteDeposit'")
    assert (entry["actor"], entry["entity"]) == ("desk:book-of-record", "case")
    assert loads(entry["detail"]) == {"currency": "USD", "received": "1000"}
    assert (loads(entry["before_state"])["follow_ups"], loads(entry["after_state"])["follow_ups"]) == (0, 1)


async def test_a_stored_quote_with_a_close_of_0_alone_is_no_price_and_stops_no_reading(kit: DeskKit) -> None:
    """An earlier version took it for a price of 0."""
    account_id = await kit.indebted_account()
    await fetch(
        "UPDATE quote SET bid = NULL, ask = NULL, last_price = NULL, previous_close = 0"
        " WHERE symbol = $1 RETURNING 1",
        APPLE,
    )
    figures = await kit.figures(account_id)
    assert figures.unvalued == (APPLE,)
    assert figures.long_market_value == Decimal(100_000)
