"""What the desk's transactions make of reports, statements and retries, on both databases."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from desk.liquidation.liquidate import liquidate
from desk.liquidation.liquidation_command import Liquidate, LiquidateCase
from desk.orders.dispatch_orders import Dispatcher
from desk.orders.record_execution import record_execution
from desk.outcomes import LiquidationStarted
from desk.statements.apply_book import UnknownSubject, apply_statement
from domain.book_changes import CashStated, PositionStated
from domain.events import CaseEvent, OrderEvent, OrderEventKind, OrderView
from domain.execution import ExecType
from domain.ids import AccountId, ClientOrderId, Symbol
from domain.liquidation_plan import PlanRequest
from domain.money import Currency
from domain.order import Order, OrderStatus
from models.book import load_books
from models.case import live_cases_of
from models.sql.codec import event_from_text
from models.sql.database import UniqueViolated, execute, fetch, insert_sql
from tests.kit.cut_off import cut_off, steps_of
from tests.kit.desk_kit import (
    APPLE,
    BOEING,
    NOON,
    TRADER,
    USD,
    DeskKit,
    cash_of,
    count,
    order,
    position_of,
    report,
)
from venues.paper import PaperVenue

NEW, TRADE, CANCELED = ExecType.NEW, ExecType.TRADE, ExecType.CANCELED


async def a_sent_order(kit: DeskKit, quantity: int = 700) -> Order:
    view = await kit.one_order(quantity)
    await send(kit)
    return (await order(view.order.id)).order


async def send(kit: DeskKit) -> None:
    """To a venue whose reports are not read."""
    await Dispatcher(kit.desk, PaperVenue(kit.clock), batch=10).dispatch()


async def events_of(sent: Order) -> list[OrderEvent]:
    events = [
        event_from_text(row["payload"]) for row in await fetch("SELECT payload FROM outbox ORDER BY id")
    ]
    return [e for e in events if isinstance(e, OrderEvent) and e.view.order.id == sent.id]


async def alerts() -> list[str]:
    rows = await fetch("SELECT detail FROM audit WHERE action = 'attention' ORDER BY id")
    return [row["detail"] for row in rows]


async def test_a_report_that_comes_twice_has_one_effect(kit: DeskKit) -> None:
    sent = await a_sent_order(kit)
    fill = replace(report(sent, TRADE, 1, 300), fee=Decimal(9))
    assert await record_execution(kit.desk, fill)
    assert not await record_execution(kit.desk, fill)
    assert await position_of(sent.account_id, APPLE) == 700
    assert await cash_of(sent.account_id) == -150_000 + 30_000 - 9
    assert (await order(sent.id)).order.filled_quantity == 300
    assert await count("execution") == 1
    assert [event.kind for event in await events_of(sent)].count(OrderEventKind.FILL) == 1


async def test_the_same_report_processed_twice_at_once_has_one_effect(kit: DeskKit) -> None:
    sent = await a_sent_order(kit)
    fill = report(sent, TRADE, 1, 300)
    news = await asyncio.gather(*(record_execution(kit.desk, fill) for _ in range(4)))
    assert sorted(news) == [False, False, False, True]
    assert await position_of(sent.account_id, APPLE) == 700


async def test_equal_execution_ids_of_two_venues_are_two_executions(kit: DeskKit) -> None:
    sent = await a_sent_order(kit)
    fill = report(sent, TRADE, 1, 300)
    assert await record_execution(kit.desk, fill)
    assert await record_execution(kit.desk, replace(fill, venue="Y"))
    assert (await order(sent.id)).order.filled_quantity == 600


async def test_a_fill_before_the_acknowledgement_counts_and_is_not_undone_by_it(kit: DeskKit) -> None:
    sent = await a_sent_order(kit)
    await record_execution(kit.desk, report(sent, TRADE, 1, 300))
    assert (await order(sent.id)).order.status is OrderStatus.PARTIALLY_FILLED
    events = await count("outbox")
    assert await record_execution(kit.desk, report(sent, NEW, 2))
    assert (await order(sent.id)).order.status is OrderStatus.PARTIALLY_FILLED
    assert await count("outbox") == events, "nothing new, nothing to tell"
    assert await count("execution") == 2


async def test_a_fill_after_the_cancel_is_booked_and_brought_to_attention(kit: DeskKit) -> None:
    sent = await a_sent_order(kit)
    for number, exec_type in enumerate((NEW, CANCELED), start=1):
        await record_execution(kit.desk, report(sent, exec_type, number))
    await record_execution(kit.desk, report(sent, TRADE, 3, 300))
    late = (await order(sent.id)).order
    assert (late.status, late.filled_quantity) == (OrderStatus.CANCELED, Decimal(300))
    assert await position_of(sent.account_id, APPLE) == 700
    assert (await events_of(sent))[-1].kind is OrderEventKind.LATE_FILL
    (alert,) = await alerts()
    assert "LATE_FILL" in alert
    figures = await kit.figures(sent.account_id)
    (view,) = await live_cases_of([sent.account_id])
    assert view.case.figures.amount == figures.amount < 20_000


async def test_more_than_was_ordered_is_booked_and_brought_to_attention(kit: DeskKit) -> None:
    sent = await a_sent_order(kit)
    await record_execution(kit.desk, report(sent, TRADE, 1, 1200))
    over = (await order(sent.id)).order
    assert (over.status, over.filled_quantity) == (OrderStatus.FILLED, Decimal(1200))
    assert await position_of(sent.account_id, APPLE) == -200
    overfill, turned = await alerts()
    assert "OVERFILL" in overfill
    assert "SIGN_CHANGED" in turned


async def test_a_report_that_cannot_be_true_is_kept_changes_nothing_and_is_brought_to_attention(
    kit: DeskKit,
) -> None:
    sent = await a_sent_order(kit)
    await record_execution(kit.desk, report(sent, TRADE, 1, 300))
    before = await order(sent.id)
    assert await record_execution(kit.desk, report(sent, ExecType.REJECTED, 2))
    assert not await record_execution(kit.desk, report(sent, ExecType.REJECTED, 2))
    assert await order(sent.id) == before
    assert len(await alerts()) == 1
    assert await count("execution") == 2


async def test_a_report_about_a_foreign_order_changes_nothing(kit: DeskKit) -> None:
    sent = await a_sent_order(kit)
    foreign = replace(report(sent, TRADE, 1, 300), client_order_id=ClientOrderId("MC1999-000001-1-1"))
    assert not await record_execution(kit.desk, foreign)
    assert await count("execution") == 0
    assert await position_of(sent.account_id, APPLE) == 1000


def holds(quantity: int, minutes: int, symbol: Symbol = APPLE, account_no: str = "M1") -> PositionStated:
    """Stated as of so many minutes after noon."""
    return PositionStated(account_no, symbol, Decimal(quantity), NOON + timedelta(minutes=minutes))


def owns(balance: int, minutes: int, currency: Currency = USD) -> CashStated:
    return CashStated("M1", currency, Decimal(balance), NOON + timedelta(minutes=minutes))


async def filled_account(kit: DeskKit) -> AccountId:
    """Sold 300 of 1,000 AAPL at 100 ten minutes after noon; it is half an hour after noon now."""
    sent = await a_sent_order(kit)
    kit.clock.pass_(minutes=10)
    fill = replace(report(sent, TRADE, 1, 300, at=kit.clock()), fee=Decimal(9))
    await record_execution(kit.desk, fill)
    kit.clock.pass_(minutes=20)
    return sent.account_id


@pytest.mark.parametrize(("as_of", "position", "cash"), [(5, 700, -120_009), (10, 1000, -150_000)])
async def test_fills_later_than_a_statement_are_put_on_top_of_it(
    as_of: int, position: int, cash: int, kit: DeskKit
) -> None:
    """The statement as of minute 10 includes the fill of that moment."""
    account_id = await filled_account(kit)
    await apply_statement(kit.desk, holds(1000, as_of))
    await apply_statement(kit.desk, owns(-150_000, as_of))
    assert await position_of(account_id, APPLE) == position
    assert await cash_of(account_id) == cash


async def test_a_statement_that_is_heard_twice_or_late_changes_nothing(kit: DeskKit) -> None:
    account_id = await filled_account(kit)
    for stated in (holds(650, 20), owns(-100_000, 20)):
        await apply_statement(kit.desk, stated)
        await apply_statement(kit.desk, stated)
    for older in (holds(1, 19), owns(1, 19)):
        await apply_statement(kit.desk, older)
    assert await position_of(account_id, APPLE) == 650
    assert await cash_of(account_id) == -100_000


async def test_an_ignored_statement_sends_no_event(kit: DeskKit) -> None:
    await filled_account(kit)
    await apply_statement(kit.desk, holds(650, 20))
    events = await count("outbox")
    await apply_statement(kit.desk, holds(1, 19))
    assert await count("outbox") == events


async def test_a_quantity_of_zero_closes_the_position_and_an_older_statement_does_not_reopen_it(
    kit: DeskKit,
) -> None:
    account_id = await filled_account(kit)
    await apply_statement(kit.desk, holds(0, 20))
    await apply_statement(kit.desk, holds(1000, 15))
    books = await load_books([account_id], kit.desk.policy.books, kit.clock())
    assert books[account_id].symbols == (BOEING,)


async def test_a_statement_opens_a_position_and_a_currency_not_held_before(kit: DeskKit) -> None:
    await kit.instrument(Symbol("GE.US"))
    account_id = await filled_account(kit)
    await apply_statement(kit.desk, holds(40, 20, Symbol("GE.US")))
    await apply_statement(kit.desk, owns(500, 20, Currency("HKD")))
    assert await position_of(account_id, Symbol("GE.US")) == 40
    assert await cash_of(account_id, Currency("HKD")) == 500


@pytest.mark.parametrize(
    "unknown", [holds(1, 20, Symbol("NONE.US")), holds(1, 20, APPLE, "nobody's")], ids=["symbol", "account"]
)
async def test_a_statement_about_something_unknown_is_refused_and_changes_nothing(
    unknown: PositionStated, kit: DeskKit
) -> None:
    account_id = await filled_account(kit)
    before = await snapshot()
    with pytest.raises(UnknownSubject):
        await apply_statement(kit.desk, unknown)
    assert await snapshot() == before
    assert await position_of(account_id, APPLE) == 700


async def snapshot() -> dict[str, int]:
    """How many rows there are of what a transaction writes together."""
    tables = ("liquidation_order", "order_change", "outbox", "audit", "idempotency_item", "execution")
    versions = await fetch("SELECT SUM(book_version) AS total FROM account")
    return {table: await count(table) for table in tables} | {"versions": int(versions[0]["total"])}


async def test_a_liquidation_cut_off_anywhere_is_recorded_whole_or_not_and_once_when_asked_again(
    kit: DeskKit,
) -> None:
    steps = await steps_of(ask(kit, await new_case(kit, "count")))
    for at in range(1, steps + 1):
        command = await new_case(kit, f"M{at}")
        before = await snapshot()
        await cut_off(ask(kit, command), at, late=bool(at % 2))
        after = await snapshot()
        grown = {table for table in before if after[table] != before[table]}
        assert grown in (set(), set(before) - {"execution"}), f"cut at {at} of {steps}"
        first, second = await ask(kit, command), await ask(kit, command)
        assert first == second
        assert isinstance(first, LiquidationStarted)
        assert await count("liquidation_order", f"case_id = '{first.case_id}'") == len(first.order_ids)


async def new_case(kit: DeskKit, account_no: str) -> Liquidate:
    account_id = await kit.indebted_account(account_no)
    (view,) = await live_cases_of([account_id])
    return Liquidate(f"key of {account_no}", (LiquidateCase(view.case.id, None, PlanRequest()),), None)


async def ask(kit: DeskKit, command: Liquidate) -> object:
    return (await liquidate(kit.desk, TRADER, command))[0]


async def test_a_report_cut_off_anywhere_is_recorded_whole_or_not_and_once_when_it_comes_again(
    kit: DeskKit,
) -> None:
    sent = await a_sent_order(kit)
    steps = await steps_of(record_execution(kit.desk, report(sent, TRADE, 0, 1)))
    for at in range(1, steps + 1):
        fill = report(sent, TRADE, at, 1)
        before = await snapshot()
        await cut_off(record_execution(kit.desk, fill), at, late=bool(at % 2))
        after = await snapshot()
        grown = {table for table in before if after[table] != before[table]}
        assert grown in (set(), {"execution", "outbox", "audit", "versions"}), f"cut at {at} of {steps}"
        assert await record_execution(kit.desk, fill) == (not grown)
    assert await position_of(sent.account_id, APPLE) == 1000 - steps - 1
    assert (await order(sent.id)).order.filled_quantity == steps + 1


async def test_the_case_event_of_a_fill_follows_the_orders(kit: DeskKit) -> None:
    sent = await a_sent_order(kit)
    await record_execution(kit.desk, report(sent, TRADE, 1, 700))
    rows = await fetch("SELECT payload FROM outbox ORDER BY id DESC LIMIT 2")
    last, before = (event_from_text(row["payload"]) for row in rows)
    assert isinstance(before, OrderEvent)
    assert isinstance(last, CaseEvent)


COPIES = {
    "a second live case of the same kind": ("margin_case", {"id": "other", "case_no": "other"}),
    "the same execution again": ("execution", {"id": "other"}),
    "the same answer again": ("idempotency_item", {"id": "other", "outcome": "other"}),
    "the same key again": ("idempotency_key", {"id": "other", "operation": "cancel"}),
    "the same client order id again": ("liquidation_order", {"id": "other"}),
}


@pytest.mark.parametrize(("table", "changes"), COPIES.values(), ids=COPIES.keys())
async def test_the_database_itself_refuses_a_second_row_of(
    table: str, changes: dict[str, str], kit: DeskKit
) -> None:
    sent = await a_sent_order(kit)
    await record_execution(kit.desk, report(sent, TRADE, 1, 300))
    (row,) = await fetch(f"SELECT * FROM {table}")
    copy = {**row, **changes}
    with pytest.raises(UniqueViolated, match=r"(?i)unique"):
        await execute(insert_sql(table, list(copy)), *copy.values())


VIOLATIONS = {
    "filled with quantity missing": "UPDATE liquidation_order SET status = 'FILLED'",
    "ended, and live": "UPDATE margin_case SET closed_at = opened_at",
    "closed, and no end": "UPDATE margin_case SET status = 'RESOLVED'",
    "an unknown status": "UPDATE liquidation_order SET status = 'SOLD'",
    "a limit order without a limit": "UPDATE liquidation_order SET limit_price = NULL",
    "a quantity of nothing": "UPDATE liquidation_order SET quantity = 0",
    "an order of no account": "UPDATE liquidation_order SET account_id = 'nobody'",
    "an account with orders removed": "DELETE FROM account",
}


@pytest.mark.parametrize("violation", VIOLATIONS.values(), ids=VIOLATIONS.keys())
async def test_the_database_itself_refuses(violation: str, kit: DeskKit) -> None:
    sent = await a_sent_order(kit)
    await record_execution(kit.desk, report(sent, TRADE, 1, 300))
    with pytest.raises(UniqueViolated, match=r"(?i)check|foreign"):
        await execute(violation)


async def test_the_lives_of_cases_of_one_account_and_kind_do_not_overlap_but_follow(kit: DeskKit) -> None:
    """Ended cases do not count for the constraint, nor do those of another kind."""
    await kit.one_order()
    await execute("UPDATE margin_case SET status = 'RESOLVED', closed_at = opened_at, close_reason = 'CURED'")
    (row,) = await fetch("SELECT * FROM margin_case")
    for changes in ({"id": "second", "case_no": "second"}, {"id": "third", "case_no": "third"}):
        copy = {**row, **changes}
        await execute(insert_sql("margin_case", list(copy)), *copy.values())
    assert await count("margin_case") == 3


async def test_the_database_keeps_decimals_exactly(kit: DeskKit) -> None:
    view: OrderView = await kit.one_order()
    price = Decimal("12345678901234567890.0123456789")
    await execute("UPDATE liquidation_order SET limit_price = $1", price)
    assert (await order(view.order.id)).order.limit_price == price
