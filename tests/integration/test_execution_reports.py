"""Whatever a venue reports is booked, repeats what was booked, or is set aside: nothing is dropped."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import permutations

import pytest
from structlog.testing import capture_logs

from desk.evidence.reports import liquidation_records
from desk.liquidation.liquidate import liquidate
from desk.liquidation.liquidation_command import Liquidate, LiquidateCase
from desk.orders.dispatch_orders import Dispatcher
from desk.orders.record_execution import record_execution
from desk.orders.report_lanes import ReportLanes
from desk.outcomes import LiquidationStarted
from desk.statements.apply_book import CannotBeHeld, apply_statement
from domain.book_changes import CashStated, PositionStated
from domain.booking import trade_fee
from domain.canonical import plain
from domain.events import OrderView
from domain.execution import ExecType, ExecutionReport, OrderSide
from domain.ids import ClientOrderId, ExecutionId, Symbol
from domain.liquidation_plan import LegRequest, PlanRequest
from domain.market import Quote
from domain.order import OrderType
from domain.phrase import DetailCode, phrase
from domain.principal import EVERYTHING
from models.case import live_cases_of
from models.holding import position_as_stored
from models.market import load_instruments, save_instrument, save_quotes
from models.report import Period
from models.sql.database import fetch
from models.sql.where import PageRequest
from models.unnotified import trades_of
from tests.kit.desk_kit import (
    APPLE,
    BOEING,
    FACTORS,
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
from tests.kit.follow_ups import desk_codes, desk_phrases
from venues.paper import PaperVenue

TRADE = ExecType.TRADE


async def a_sent_order(kit: DeskKit, quantity: int = 700) -> OrderView:
    view = await kit.one_order(quantity)
    await send(kit)
    return await order(view.order.id)


async def send(kit: DeskKit) -> None:
    """To a venue whose reports are not read."""
    await Dispatcher(kit.desk, PaperVenue(kit.clock), batch=10).dispatch()


async def kinds() -> list[str]:
    """Of what was set aside."""
    rows = await fetch("SELECT kind FROM set_aside_report ORDER BY recorded_at, id")
    return [row["kind"] for row in rows]


@dataclass(frozen=True, slots=True)
class Said:
    """What the venue says of SELL 700 AAPL, what becomes of the position of 1,000, and what people see."""

    change: Callable[[ExecutionReport], ExecutionReport]
    position: int
    seen: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


def with_(**fields: object) -> Callable[[ExecutionReport], ExecutionReport]:
    return lambda said: replace(said, **fields)  # type: ignore[arg-type]


IMPOSSIBLE, UNKNOWN = [((kind,), (kind,)) for kind in ("IMPOSSIBLE", "UNKNOWN_ORDER")]
"""Seen, and kept."""

TABLE = {
    "an ordinary fill": Said(with_(), 900),
    "a fill that names the order truly": Said(with_(symbol=APPLE, side=OrderSide.SELL, account_no="M1"), 900),
    "another instrument": Said(with_(symbol=BOEING), 1000, ("OTHER_ORDER",), ("OTHER_ORDER",)),
    "another side": Said(with_(side=OrderSide.BUY), 1000, ("OTHER_ORDER",), ("OTHER_ORDER",)),
    "another account": Said(with_(account_no="M2"), 1000, ("OTHER_ORDER",), ("OTHER_ORDER",)),
    "an unknown order": Said(
        with_(client_order_id=ClientOrderId("MC1999-000001-1-1")),
        1000,
        ("UNKNOWN_ORDER",),
        ("UNKNOWN_ORDER",),
    ),
    "more than was ordered": Said(with_(last_quantity=Decimal(800)), 200, ("OVERFILL",)),
    "more than is held": Said(with_(last_quantity=Decimal(1200)), -200, ("OVERFILL", "SIGN_CHANGED")),
    "a price of 0": Said(with_(last_price=Decimal(0)), 1000, ("IMPOSSIBLE",), ("IMPOSSIBLE",)),
    "a negative price": Said(with_(last_price=Decimal(-1)), 1000, ("IMPOSSIBLE",), ("IMPOSSIBLE",)),
    "a quantity of 0": Said(with_(last_quantity=Decimal(0)), 1000, ("IMPOSSIBLE",), ("IMPOSSIBLE",)),
    "a negative quantity": Said(with_(last_quantity=Decimal(-5)), 1000, ("IMPOSSIBLE",), ("IMPOSSIBLE",)),
    "a quantity that is no number": Said(
        with_(last_quantity=Decimal("NaN")), 1000, ("IMPOSSIBLE",), ("IMPOSSIBLE",)
    ),
    "a quantity beyond any column": Said(
        with_(last_quantity=Decimal("1e25")), 1000, ("IMPOSSIBLE",), ("IMPOSSIBLE",)
    ),
    "a quantity that is 0 as it is stored": Said(with_(last_quantity=Decimal("1e-14")), 1000, *IMPOSSIBLE),
    "a worth beyond any column": Said(
        with_(last_quantity=Decimal("1e14"), last_price=Decimal("1e14")), 1000, *IMPOSSIBLE
    ),
    "a time without an offset": Said(with_(at=NOON.replace(tzinfo=None)), 1000, *IMPOSSIBLE),
    "an execution id longer than any": Said(with_(execution_id=ExecutionId("y" * 300)), 1000, *IMPOSSIBLE),
    "an execution id with NUL": Said(with_(execution_id=ExecutionId("y\x00")), 1000, *IMPOSSIBLE),
    "an empty execution id": Said(with_(execution_id=ExecutionId("")), 1000, *IMPOSSIBLE),
    "an order id longer than any": Said(with_(client_order_id=ClientOrderId("z" * 4000)), 1000, *UNKNOWN),
    "an order id with NUL": Said(with_(client_order_id=ClientOrderId("MC\x00")), 1000, *UNKNOWN),
    "an empty order id": Said(with_(client_order_id=ClientOrderId("")), 1000, *UNKNOWN),
    "words with NUL, longer than any": Said(with_(text="x\x00" * 4000, raw_status="\x00" * 400), 900),
    "an account that is no text to store": Said(
        with_(account_no="\x00" * 4000), 1000, ("OTHER_ORDER",), ("OTHER_ORDER",)
    ),
    "a trade taken back under no legible name": Said(
        with_(exec_type=ExecType.TRADE_CANCEL, refers_to=ExecutionId("\x00" * 4000)),
        1000,
        ("TRADE_CANCEL",),
        ("TRADE_CANCEL",),
    ),
    "a price in another unit": Said(with_(last_price=Decimal(10_000)), 900, ("PRICE",)),
    "a price with its point elsewhere": Said(with_(last_price=Decimal("1.00")), 900, ("PRICE",)),
    "a price worse than the limit": Said(with_(last_price=Decimal(80)), 900, ("PRICE",)),
    "a price better than the limit": Said(with_(last_price=Decimal(120)), 900),
    "part of a lot": Said(with_(last_quantity=Decimal("0.5")), 1000, ("ODD_LOT",)),
    "a rebate": Said(with_(fee=Decimal("-3")), 900),
    "a time far ahead": Said(with_(at=NOON + timedelta(days=400)), 900, ("CLOCK",)),
    "a time far behind": Said(with_(at=NOON - timedelta(days=400)), 900, ("CLOCK",)),
    "a trade taken back that was never seen": Said(
        with_(exec_type=ExecType.TRADE_CANCEL, refers_to=ExecutionId("never")),
        1000,
        ("TRADE_CANCEL",),
        ("TRADE_CANCEL",),
    ),
}


@pytest.mark.parametrize("name", TABLE)
async def test_each_report_is_booked_or_kept_and_odd_ones_are_reported(name: str, kit: DeskKit) -> None:
    row, view = TABLE[name], await a_sent_order(kit)
    said = row.change(report(view.order, TRADE, 1, 100))
    for _ in range(2):
        await record_execution(kit.desk, said)
    position = await position_of(view.order.account_id, APPLE)
    assert position == (Decimal("999.5") if name == "part of a lot" else row.position)
    assert sorted(each for each in kit.desk.attention.elements()) == sorted(row.seen), (
        "once, also of a repeat"
    )
    assert await kinds() == list(row.kept)
    assert await count("execution") == (0 if row.kept else 1)
    seen = await count("audit", "action = 'attention'")
    assert seen == len(row.seen)
    if row.seen and row.seen != ("UNKNOWN_ORDER",):
        assert len(await desk_phrases()) == len(row.seen)


async def prices_may_be_negative(kit: DeskKit, symbol: Symbol = APPLE) -> None:
    """From now on."""
    (of,) = (await load_instruments([symbol])).values()
    await save_instrument(replace(of, negative_prices=True), FACTORS, kit.clock())


@pytest.mark.parametrize(
    ("price", "cash", "notional", "average"),
    [
        ("0", "0", "0", "0"),
        ("-37.63", "-3764.13", "-3763", "-37.63"),
        ("-0.0000000001", "0", "-0.00000001", "0"),
    ],
)
async def test_a_fill_at_zero_or_below_is_booked_where_the_instrument_trades_there(
    price: str, cash: str, notional: str, average: str, kit: DeskKit
) -> None:
    """A seller at a negative price pays the amount, and the fee besides."""
    view = await a_sent_order(kit)
    await prices_may_be_negative(kit)
    account_id = view.order.account_id
    fee = trade_fee((await load_instruments([APPLE]))[APPLE], Decimal(100), Decimal(price))
    said = replace(report(view.order, TRADE, 1, 100, price), fee=fee)
    assert await record_execution(kit.desk, said)
    assert not await record_execution(kit.desk, said), "a repeat is nothing new"
    assert await kinds() == []
    assert await position_of(account_id, APPLE) == 900
    assert await cash_of(account_id) == -150_000 + Decimal(cash)
    found = (await order(view.order.id)).order
    assert found.filled_quantity == 100
    assert (found.filled_notional, found.average_price) == (Decimal(notional), Decimal(average))
    assert plain(found.average_price) == average, "and never -0"
    (row,) = await fetch("SELECT price, cash_effect FROM execution")
    assert (Decimal(row["price"]), Decimal(row["cash_effect"])) == (Decimal(price), Decimal(cash))
    seen = ("PRICE",)
    assert tuple(kit.desk.attention.elements()) == seen, "it is far from the mark of 100"
    (traded,) = await trades_of(view.order.case_id)
    assert traded.price == Decimal(average)


@pytest.mark.parametrize(
    ("negative", "mark", "price", "slippage", "ratio"),
    [(False, "0", "4.5", "-450", None), (True, "-10", "-12", "200", "0.2")],
)
async def test_a_sale_beside_a_mark_of_zero_or_below_has_its_slippage(
    negative: bool, mark: str, price: str, slippage: str, ratio: str | None, kit: DeskKit
) -> None:
    """Against the size of what was worth less than nothing; against nothing there is no ratio."""
    account_id = await kit.indebted_account()
    if negative:
        await prices_may_be_negative(kit)
    await save_quotes([Quote(APPLE, kit.clock(), ask=Decimal(5), last=Decimal(mark))])
    (case,) = await live_cases_of([account_id])
    (view,) = await kit.liquidate(case.case.id, LegRequest(APPLE, Decimal(100), Decimal("4.5")))
    await send(kit)
    await record_execution(kit.desk, report(view.order, TRADE, 1, 100, price))
    period = Period(kit.clock(), kit.clock() + timedelta(days=1))
    (record,) = (await liquidation_records(EVERYTHING, period, PageRequest(10))).rows
    (leg,) = record.legs
    assert leg.slippage_at_decision == Decimal(slippage)
    assert leg.slippage_ratio == (None if ratio is None else Decimal(ratio))


async def test_a_position_that_turns_at_a_negative_price_cost_that_price(kit: DeskKit) -> None:
    view = await a_sent_order(kit)
    await prices_may_be_negative(kit)
    await record_execution(kit.desk, report(view.order, TRADE, 1, 1200, "-37.63"))
    stored = await position_as_stored(view.order.account_id, APPLE)
    assert stored == {"quantity": -200, "averageCost": Decimal("-37.63")}
    kit.clock.pass_(seconds=1)
    stated = PositionStated("M1", APPLE, Decimal(-200), kit.clock(), Decimal("-37.64"))
    await apply_statement(kit.desk, stated)
    stored = await position_as_stored(view.order.account_id, APPLE)
    assert stored == {"quantity": -200, "averageCost": Decimal("-37.64")}
    with pytest.raises(CannotBeHeld, match="averageCost is below zero"):
        await apply_statement(kit.desk, replace(stated, symbol=BOEING))


async def test_an_overfilled_position_costs_the_average_of_its_fills_also_under_an_older_statement(
    kit: DeskKit,
) -> None:
    view = await a_sent_order(kit)
    for number, (quantity, price) in enumerate([(1200, 100), (100, 85)]):
        await record_execution(kit.desk, report(view.order, TRADE, number, quantity, price))
    # 200 sold short at 100 and 100 at 85.
    short = {"quantity": Decimal(-300), "averageCost": Decimal(95)}
    assert await position_as_stored(view.order.account_id, APPLE) == short
    before = NOON - timedelta(minutes=1)
    await apply_statement(kit.desk, PositionStated("M1", APPLE, Decimal(1000), before, Decimal(150)))
    assert await position_as_stored(view.order.account_id, APPLE) == short
    await apply_statement(kit.desk, PositionStated("M1", APPLE, Decimal(-600), before, Decimal(150)))
    # 600 at 150, 1,200 at 100 and 100 at 85.
    grown = await position_as_stored(view.order.account_id, APPLE)
    assert grown == {"quantity": Decimal(-1900), "averageCost": Decimal(115)}


@pytest.mark.parametrize("negative", [False, True])
async def test_a_market_order_fills_below_zero_only_where_the_instrument_trades_there(
    negative: bool, kit: DeskKit
) -> None:
    """Sent while the market was above zero; the venue and the desk agree about what was traded."""
    account_id = await kit.indebted_account()
    if negative:
        await prices_may_be_negative(kit)
    (case,) = await live_cases_of([account_id])
    request = PlanRequest(legs=(LegRequest(APPLE, Decimal(700)),), order_type=OrderType.MARKET)
    item = LiquidateCase(case.case.id, None, request)
    (started,) = await liquidate(kit.desk, TRADER, Liquidate("market", (item,), None))
    assert isinstance(started, LiquidationStarted)
    venue, clock = PaperVenue(kit.clock), kit.clock
    venue.on_quote(Quote(APPLE, clock(), Decimal(0), Decimal(100), Decimal(100)))
    await Dispatcher(kit.desk, venue, batch=10).dispatch()
    venue.on_quote(Quote(APPLE, clock(), Decimal(-3), Decimal(-2), Decimal(-2), bid_size=Decimal(300)))
    async for said in venue.reports():
        await record_execution(kit.desk, said)
        await venue.confirm(said)
        if not venue.unconfirmed:
            break
    (order_id,) = started.order_ids
    filled = (await order(order_id)).order.filled_quantity
    assert filled == (300 if negative else 0), "a bid of 0 is nobody, and fills nothing"
    # 300 x -3, and the fee of 3 per 10,000.
    assert await cash_of(account_id) == (Decimal("-150900.27") if negative else -150_000)
    assert await kinds() == []


@pytest.mark.parametrize(
    "change",
    [
        {"last_quantity": Decimal(30)},
        {"last_price": Decimal(99)},
        {"fee": Decimal(7)},
        {"exec_type": ExecType.NEW, "last_quantity": Decimal(0), "last_price": Decimal(0), "fee": Decimal(0)},
    ],
    ids=["quantity", "price", "fee", "kind"],
)
async def test_other_content_under_a_known_execution_id_is_kept_and_reported_and_not_booked(
    change: dict[str, object], kit: DeskKit
) -> None:
    view = await a_sent_order(kit)
    first = replace(report(view.order, TRADE, 1, 20), fee=Decimal(1))
    assert await record_execution(kit.desk, first)
    with capture_logs() as logs:
        for _ in range(2):
            await record_execution(kit.desk, replace(first, **change))  # type: ignore[arg-type]
    assert await position_of(view.order.account_id, APPLE) == 980
    assert await kinds() == ["REPEATED_ID"]
    assert [line["kind"] for line in logs if line["event"] == "an order needs attention"] == ["REPEATED_ID"]
    assert await desk_codes() == [("ORDER_NEEDS_ATTENTION", "REPEATED_EXECUTION")]
    assert not await record_execution(kit.desk, first), "a true repeat is nothing new"
    assert await count("set_aside_report") == 1


async def test_a_known_execution_id_under_another_order_is_kept_and_reported_on_that_orders_case(
    kit: DeskKit,
) -> None:
    view = await a_sent_order(kit, 300)
    (other,) = await kit.liquidate(view.order.case_id, LegRequest(BOEING, Decimal(300)))
    await send(kit)
    assert await record_execution(kit.desk, report(view.order, TRADE, 1, 20))
    assert await record_execution(kit.desk, report(other.order, TRADE, 1, 20))
    assert await position_of(view.order.account_id, BOEING) == 1000
    assert (await order(other.order.id)).order.filled_quantity == 0
    (said,) = await desk_phrases(other.order.case_id)
    assert said.parameters["order"] == other.order.client_order_id
    assert await kinds() == ["REPEATED_ID"]


async def test_a_repeat_that_shows_more_digits_than_are_stored_is_a_repeat(kit: DeskKit) -> None:
    view = await a_sent_order(kit)
    first = replace(report(view.order, TRADE, 1, 20), last_price=Decimal("99.12345678901234"))
    assert await record_execution(kit.desk, first)
    assert not await record_execution(kit.desk, first)
    assert await kinds() == []


async def test_a_fill_of_a_rejected_order_is_booked_and_reported(kit: DeskKit) -> None:
    view = await a_sent_order(kit)
    await record_execution(kit.desk, report(view.order, ExecType.REJECTED, 1))
    await record_execution(kit.desk, report(view.order, TRADE, 2, 20))
    assert await position_of(view.order.account_id, APPLE) == 980
    assert kit.desk.attention == {"LATE_FILL": 1}


async def test_a_cancelled_trade_stays_booked_until_a_person_decides(kit: DeskKit) -> None:
    view = await a_sent_order(kit)
    await record_execution(kit.desk, report(view.order, TRADE, 1, 20))
    bust = replace(
        report(view.order, TRADE, 2, 20), exec_type=ExecType.TRADE_CANCEL, refers_to=ExecutionId("1")
    )
    assert await record_execution(kit.desk, bust)
    assert await position_of(view.order.account_id, APPLE) == 980
    assert await kinds() == ["TRADE_CANCEL"]
    (said,) = await desk_phrases()
    assert said.parameters["finding"] == phrase(DetailCode.TRADE_CANCELLED, execution="1")


async def test_a_fill_of_an_order_that_waits_for_approval_never_counts_as_a_fill(kit: DeskKit) -> None:
    """It is kept apart from the executions, which every statement puts on top of what it says."""
    view = await a_sent_order(kit)
    await fetch(
        "UPDATE liquidation_order SET status = 'PENDING_APPROVAL' WHERE id = $1 RETURNING id", view.order.id
    )
    await record_execution(kit.desk, report(view.order, TRADE, 1, 20))
    assert await kinds() == ["CONTRADICTION"]
    await apply_statement(kit.desk, PositionStated("M1", APPLE, Decimal(1000), NOON - timedelta(minutes=1)))
    assert await position_of(view.order.account_id, APPLE) == 1000


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(seconds=30), timedelta(0)])
async def test_a_statement_that_contains_a_fill_stands_although_the_venues_clock_is_ahead(
    ahead: timedelta, kit: DeskKit
) -> None:
    view = await a_sent_order(kit)
    kit.clock.pass_(seconds=5)
    await record_execution(kit.desk, report(view.order, TRADE, 1, 20, at=kit.clock() + ahead))
    kit.clock.pass_(seconds=1)
    await apply_statement(kit.desk, PositionStated("M1", APPLE, Decimal(980), kit.clock()))
    await apply_statement(kit.desk, CashStated("M1", USD, Decimal(-148_000), kit.clock()))
    assert await position_of(view.order.account_id, APPLE) == 980
    assert await cash_of(view.order.account_id) == -148_000


@pytest.mark.parametrize("arrival", list(permutations(range(3))), ids=str)
async def test_fills_and_statements_make_the_same_book_in_whatever_order_they_arrive(
    arrival: tuple[int, ...], kit: DeskKit
) -> None:
    """A report may come long after the statement that contains its fill: a lost one is asked for."""
    view = await a_sent_order(kit)
    kit.clock.pass_(hours=1)
    sold, held, owed, sold_more = (kit.clock() - timedelta(minutes=minutes) for minutes in (50, 40, 30, 20))

    async def sell(execution: int, quantity: int, at: datetime) -> None:
        await record_execution(kit.desk, report(view.order, TRADE, execution, quantity, at=at))

    async def state() -> None:
        await apply_statement(kit.desk, PositionStated("M1", APPLE, Decimal(980), held))
        await apply_statement(kit.desk, CashStated("M1", USD, Decimal(-148_000), owed))

    happenings: list[Callable[[], Awaitable[None]]] = [
        partial(sell, 1, 20, sold),
        state,
        partial(sell, 2, 30, sold_more),
    ]
    for index in arrival:
        await happenings[index]()
        kit.clock.pass_(seconds=1)
    account_id = view.order.account_id
    assert await position_of(account_id, APPLE) == 950
    (later,) = await fetch("SELECT cash_effect FROM execution WHERE quantity = '30'")
    assert await cash_of(account_id) == -148_000 + Decimal(str(later["cash_effect"]))
    assert (await order(view.order.id)).order.filled_quantity == 50


@pytest.mark.parametrize("stated_first", [True, False], ids=["statement first", "fill first"])
async def test_the_statement_behind_an_order_contains_none_of_its_fills(
    kit: DeskKit, stated_first: bool
) -> None:
    """Clocks are not fine enough: the statement, the order and its fill may be of the very same moment."""
    view = await a_sent_order(kit)
    placed = view.order.created_at

    async def state() -> None:
        await apply_statement(kit.desk, PositionStated("M1", APPLE, Decimal(1000), placed))
        await apply_statement(kit.desk, CashStated("M1", USD, Decimal(-150_000), placed))

    if stated_first:
        await state()
    await record_execution(kit.desk, report(view.order, TRADE, 1, 20, at=placed))
    if not stated_first:
        await state()
    assert await position_of(view.order.account_id, APPLE) == 980
    assert await cash_of(view.order.account_id) == -148_000


async def test_a_fill_that_a_statement_contains_is_booked_for_its_order_and_the_audit_says_so(
    kit: DeskKit,
) -> None:
    view = await a_sent_order(kit)
    kit.clock.pass_(hours=1)
    stated = kit.clock() - timedelta(minutes=5)
    await apply_statement(kit.desk, PositionStated("M1", APPLE, Decimal(0), stated))
    with capture_logs() as lines:
        said = report(view.order, TRADE, 1, 700, at=stated)
        assert await record_execution(kit.desk, said)
        assert not await record_execution(kit.desk, said)
    assert await position_of(view.order.account_id, APPLE) == 0
    assert (await order(view.order.id)).order.filled_quantity == 700
    assert [
        line["contained_in_position_as_of"] for line in lines if "contains the fill" in line["event"]
    ] == [stated.isoformat()]
    assert not [line for line in lines if line.get("kind") == "SIGN_CHANGED"]
    details = [str(row["detail"]) for row in await fetch("SELECT detail FROM audit")]
    assert sum("contained_in_position_as_of" in detail for detail in details) == 1


async def test_reports_that_nothing_can_be_kept_under_hold_up_no_later_report(kit: DeskKit) -> None:
    view = await a_sent_order(kit)
    said = report(view.order, TRADE, 1, 100)
    lanes = ReportLanes(kit.desk, PaperVenue(kit.clock), kit.scheduler(), held_max=10)
    for name, row in TABLE.items():
        await lanes.take(replace(row.change(said), execution_id=ExecutionId(f"\x00{name}" * 9)))
        await lanes.take(replace(row.change(said), client_order_id=ClientOrderId(f"\x00{name}" * 99)))
    await lanes.take(said)
    assert lanes.held == 0
    assert await position_of(view.order.account_id, APPLE) == 900


async def test_a_fill_is_booked_although_the_figures_of_its_account_cannot_be_stored(kit: DeskKit) -> None:
    view = await a_sent_order(kit)
    kit.clock.pass_(seconds=1)
    absurd = PositionStated("M1", BOEING, Decimal("-99999999999999999999"), kit.clock())
    await apply_statement(kit.desk, absurd)
    kit.clock.pass_(seconds=1)
    assert await record_execution(kit.desk, report(view.order, TRADE, 1, 100, at=kit.clock()))
    assert await position_of(view.order.account_id, APPLE) == 900
    assert (await order(view.order.id)).order.filled_quantity == 100
