"""Open orders never stay larger than the position, whatever changed it, and a turned position is reported."""

import random
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from desk.liquidation.auto_liquidate import run_case
from desk.liquidation.liquidate import liquidate
from desk.liquidation.liquidation_command import Liquidate, LiquidateCase
from desk.orders.dispatch_orders import Dispatcher
from desk.orders.record_execution import record_execution
from desk.outcomes import Refused
from desk.statements.apply_book import apply_statement, take_trade_status
from domain.book_changes import PositionStated, TradeStatusStated
from domain.events import OrderView
from domain.excess import reducible
from domain.execution import ExecType
from domain.ids import AccountId, Symbol
from domain.liquidation_plan import LegRequest, PlanRequest
from domain.market import Instrument, InstrumentKind, OptionRight, OptionTerms, TradeStatus
from domain.money import total
from domain.open_orders import order_cover
from domain.order import CancelCause, OrderSide, OrderStatus
from domain.phrase import DetailCode, phrase
from domain.principal import SYSTEM
from domain.refusals import RefusalCode
from domain.sellable import OrderCover
from models.book import load_books
from models.case import live_cases_of
from models.market import save_instrument
from models.order import open_orders_of
from models.sql.database import fetch, transaction
from tests.kit.desk_kit import (
    APPLE,
    BOEING,
    FACTORS,
    TRADER,
    USD,
    DeskKit,
    case,
    order,
    position_of,
    quoted,
    report,
)
from tests.kit.follow_ups import codes, desk_codes, desk_phrases
from venues.paper import PaperVenue

NEW, TRADE = ExecType.NEW, ExecType.TRADE


async def a_working_order(kit: DeskKit, quantity: int = 700) -> OrderView:
    """SELL AAPL of the account M1, which holds 1,000; the venue works it."""
    view = await kit.one_order(quantity)
    await Dispatcher(kit.desk, PaperVenue(kit.clock), batch=10).dispatch()
    await record_execution(kit.desk, report(view.order, NEW, 1))
    return await order(view.order.id)


async def state(kit: DeskKit, quantity: int, symbol: Symbol = APPLE) -> None:
    kit.clock.pass_(seconds=1)
    await apply_statement(kit.desk, PositionStated("M1", symbol, Decimal(quantity), kit.clock()))


async def kinds_reported() -> list[str]:
    """Kinds of what was brought before a person, oldest first."""
    rows = await fetch("SELECT detail FROM audit WHERE action = 'attention' ORDER BY id")
    return [kind for row in rows for kind in _KINDS if f'"{kind}"' in row["detail"]]


_KINDS = ("MAY_CHANGE_SIGN", "SIGN_CHANGED", "LATE_FILL", "OVERFILL")


@pytest.mark.parametrize("stated", [699, 40, 0, -5])
async def test_a_statement_below_the_open_order_calls_it_off_at_once_and_says_so(
    stated: int, kit: DeskKit
) -> None:
    view = await a_working_order(kit)
    await state(kit, stated)
    after = (await order(view.order.id)).order
    assert (after.status, after.cancel_cause) == (OrderStatus.PENDING_CANCEL, CancelCause.EXCESS)
    assert await kinds_reported() == ["MAY_CHANGE_SIGN"]
    (said,) = [each for each in await desk_phrases(view.order.case_id) if "finding" in each.parameters]
    assert said.parameters["order"] == view.order.client_order_id
    assert [*codes(said)] == ["ORDER_NEEDS_ATTENTION", "EXCESS_CANCEL_REQUESTED"]


@pytest.mark.parametrize("sent", [False, True])
async def test_an_order_that_waits_for_an_opening_is_cancelled_when_less_is_held(
    sent: bool, kit: DeskKit
) -> None:
    """Whether it rests at the venue or has still to leave: the opening trades nothing of it."""
    kit.clock.pass_(hours=9)
    view = await kit.one_order()
    account = (await load_books([view.order.account_id], kit.desk.policy.books, kit.clock())).popitem()[1]
    conditions = replace(kit.desk.cover_conditions(kit.clock()), young=timedelta(0))
    assert order_cover(view.order, account.book, conditions) is OrderCover.WAITS_FOR_MARKET
    venue = PaperVenue(kit.clock)
    venue.on_quote(quoted(APPLE, 100, kit.clock()))
    venue.on_trade_status(APPLE, TradeStatus.CLOSED, kit.clock())
    dispatcher = Dispatcher(kit.desk, venue, batch=10)
    if sent:
        await dispatcher.dispatch()
        await record_execution(kit.desk, (await venue.history(view.order.client_order_id) or ())[0])
    await state(kit, 699)
    after = (await order(view.order.id)).order
    expected = OrderStatus.PENDING_CANCEL if sent else OrderStatus.CANCELED
    assert (after.status, after.cancel_cause) == (expected, CancelCause.EXCESS)
    assert await kinds_reported() == ["MAY_CHANGE_SIGN"]
    await dispatcher.dispatch()
    venue.on_trade_status(APPLE, TradeStatus.TRADING, kit.clock())
    venue.on_quote(quoted(APPLE, 100, kit.clock()))
    history = await venue.history(view.order.client_order_id) or ()
    assert [each.exec_type for each in history] == ([NEW, ExecType.CANCELED] if sent else [])


async def test_a_statement_that_leaves_enough_calls_nothing_off(kit: DeskKit) -> None:
    view = await a_working_order(kit)
    await state(kit, 700)
    assert (await order(view.order.id)).order.status is OrderStatus.NEW
    assert await kinds_reported() == []


async def test_a_fill_that_is_faster_than_the_cancel_is_reported_before_and_at_the_booking(
    kit: DeskKit,
) -> None:
    view = await a_working_order(kit)
    await state(kit, 40)
    kit.clock.pass_(seconds=1)
    await record_execution(kit.desk, report(view.order, TRADE, 2, 700, at=kit.clock()))
    assert await position_of(view.order.account_id, APPLE) == -660
    assert await kinds_reported() == ["MAY_CHANGE_SIGN", "SIGN_CHANGED"]
    turned = phrase(
        DetailCode.FILL_TURNS_POSITION, filled=Decimal(700), held=Decimal(40), after=Decimal(-660)
    )
    noted = await desk_phrases(view.order.case_id)
    assert turned in [each.parameters.get("finding") for each in noted]
    assert kit.desk.attention["SIGN_CHANGED"] == 1  # type: ignore[index]


async def test_a_pending_cancel_by_a_person_is_reported_when_less_is_held(kit: DeskKit) -> None:
    view = await a_working_order(kit)
    await kit.cancel(view.order.id)
    await state(kit, 40)
    assert await kinds_reported() == ["MAY_CHANGE_SIGN"]
    await state(kit, 40)
    assert await kinds_reported() == ["MAY_CHANGE_SIGN"], "the same statement again is no news"


async def test_a_fill_of_one_order_cancels_the_excess_of_another(kit: DeskKit) -> None:
    """300 and 600 of 1,000 are open; the first is filled with 500, more than was ordered."""
    view = await a_working_order(kit, 300)
    (second,) = await kit.liquidate(view.order.case_id, LegRequest(APPLE, Decimal(600)))
    await record_execution(kit.desk, report(view.order, TRADE, 2, 500))
    assert (await order(second.order.id)).order.status is OrderStatus.CANCELED, "it had not been sent"
    assert "OVERFILL" in await kinds_reported()


async def test_covers_are_cancelled_when_the_short_shrinks(kit: DeskKit) -> None:
    await kit.instrument(APPLE)
    await kit.quote(APPLE, 100)
    account_id = await kit.account("M1", 110_000, {APPLE: -1000})
    await kit.assess(account_id)
    (live,) = await live_cases_of([account_id])
    (cover,) = await kit.liquidate(live.case.id, LegRequest(APPLE, Decimal(200)))
    await state(kit, -100)
    assert (await order(cover.order.id)).order.status is OrderStatus.CANCELED


@pytest.mark.parametrize("status", [TradeStatus.DELISTED, TradeStatus.SUSPENDED])
async def test_an_order_in_a_dead_instrument_is_cancelled_by_the_monitor(
    status: TradeStatus, kit: DeskKit
) -> None:
    view = await a_working_order(kit)
    monitor = kit.monitor()
    await take_trade_status(kit.desk, TradeStatusStated(APPLE, status, kit.clock()))
    await monitor.note_everything()
    await monitor.look()
    if status is TradeStatus.SUSPENDED:
        assert (await order(view.order.id)).order.status is OrderStatus.NEW, "it may trade again"
        kit.clock.pass_(days=31)
        await monitor.note_everything()
        await monitor.look()
    assert (await order(view.order.id)).order.cancel_cause is CancelCause.EXCESS


async def test_an_order_of_a_voided_case_is_cancelled_like_any_other(kit: DeskKit) -> None:
    view = await a_working_order(kit)
    await fetch(
        "UPDATE margin_case SET status = 'VOID', closed_at = $1, close_reason = 'VOIDED' WHERE id = $2"
        " RETURNING id",
        kit.clock(),
        view.order.case_id,
    )
    await state(kit, 40)
    assert (await order(view.order.id)).order.status is OrderStatus.PENDING_CANCEL
    assert ("ORDER_NEEDS_ATTENTION", "EXCESS_CANCEL_REQUESTED") in await desk_codes(view.order.case_id)


async def test_a_refused_cancel_is_reported_once_and_requested_again_after_a_while(kit: DeskKit) -> None:
    view = await a_working_order(kit)
    await state(kit, 40)
    await record_execution(kit.desk, report(view.order, ExecType.CANCEL_REJECTED, 2))
    assert (await order(view.order.id)).order.status is OrderStatus.NEW
    await kit.assess(view.order.account_id)
    assert (await order(view.order.id)).order.status is OrderStatus.NEW, "not at once"
    kit.clock.pass_(seconds=5)
    await kit.assess(view.order.account_id)
    assert (await order(view.order.id)).order.status is OrderStatus.PENDING_CANCEL
    await record_execution(kit.desk, report(view.order, ExecType.CANCEL_REJECTED, 3))
    assert await kinds_reported() == ["MAY_CHANGE_SIGN"] * 2


async def test_an_order_that_the_desk_is_cancelling_covers_nothing_and_is_not_sold_again(
    kit: DeskKit,
) -> None:
    """Until the venue has answered, its units are not free, and the shortfall is not covered by them."""
    view = await a_working_order(kit)
    await state(kit, 699)
    await kit.assess(view.order.account_id)
    live = (await case(view.order.case_id)).case
    assert live.uncovered_amount == live.figures.amount > 0
    item = LiquidateCase(live.id, None, PlanRequest(legs=(LegRequest(APPLE, Decimal(100)),)))
    (outcome,) = await liquidate(kit.desk, TRADER, Liquidate("again", (item,), None))
    assert isinstance(outcome, Refused)
    assert outcome.code is RefusalCode.NOTHING_SELLABLE
    (other,) = await kit.liquidate(live.id, LegRequest(BOEING, Decimal(100)))
    assert other.order.quantity == 100


async def test_one_half_of_a_split_leaves_no_false_cover(kit: DeskKit) -> None:
    """The doubled position comes first and cures for a moment; then the halved price asks again."""
    view = await a_working_order(kit)
    await state(kit, 2000)
    await kit.assess(view.order.account_id)
    assert (await order(view.order.id)).order.cancel_cause is CancelCause.CURED
    kit.clock.pass_(seconds=1)
    await kit.quote(APPLE, 50)
    await kit.quote(BOEING, 100)
    await kit.assess(view.order.account_id)
    live = (await case(view.order.case_id)).case
    assert live.uncovered_amount == live.figures.amount == 20_000
    (again,) = await kit.liquidate(live.id)
    assert again.order.quantity > 0


async def test_an_order_in_an_option_is_cancelled_when_its_last_day_is_over(kit: DeskKit) -> None:
    await kit.instrument(APPLE)
    await kit.quote(APPLE, 100)
    call = Symbol("AAPL200320C90.US")
    terms = OptionTerms(APPLE, OptionRight.CALL, Decimal(90), date(2020, 3, 20))
    option = Instrument(
        call,
        call,
        "XNYS",
        USD,
        InstrumentKind.OPTION,
        Decimal(1),
        Decimal(100),
        Decimal(0),
        TradeStatus.TRADING,
        None,
        terms,
    )
    await save_instrument(option, FACTORS, kit.clock())
    await kit.quote(call, 10)
    account_id = await kit.account("M1", -150_000, {APPLE: 1000, call: 100})
    await kit.assess(account_id)
    (live,) = await live_cases_of([account_id])
    (sale,) = await kit.liquidate(live.case.id, LegRequest(call, Decimal(10)))
    kit.clock.pass_(days=11)
    await kit.assess(account_id)
    assert (await order(sale.order.id)).order.status is OrderStatus.QUEUED, "on its last day it trades"
    kit.clock.pass_(days=1)
    await kit.assess(account_id)
    assert (await order(sale.order.id)).order.cancel_cause is CancelCause.EXCESS


async def test_an_automatic_liquidation_whose_order_the_desk_cancels_plans_again_on_the_position(
    kit: DeskKit,
) -> None:
    view = await a_working_order(kit)
    await fetch(
        "UPDATE liquidation_order SET placed_by = $1 WHERE id = $2 RETURNING id", SYSTEM, view.order.id
    )
    await state(kit, 600)
    auto = (await case(view.order.case_id)).case.auto_liquidation
    assert auto is not None
    assert auto.held is RefusalCode.CAPPED
    await record_execution(kit.desk, report(view.order, ExecType.CANCELED, 2))
    kit.clock.pass_(seconds=60)
    for symbol in (APPLE, BOEING):
        await kit.quote(symbol, 100)
    async with transaction():
        await run_case(kit.desk, view.order.case_id, kit.clock())
    again = [each for each in await open_orders_of([view.order.account_id]) if each.order.symbol == APPLE]
    assert 0 < total(each.order.quantity for each in again) <= 600
    assert await case_is_covered(view)


async def case_is_covered(view: OrderView) -> bool:
    return (await case(view.order.case_id)).case.uncovered_amount == 0


SEEDS = range(8)
STEPS = 30


class Interleaving:
    """What may happen to one account, its orders and what is stated of it, in any order."""

    def __init__(self, kit: DeskKit, seed: int, account_id: AccountId) -> None:
        self.kit, self.account_id = kit, account_id
        self.random = random.Random(seed)
        self._number = 10
        self.turned = 0

    async def step(self) -> None:
        self.kit.clock.pass_(seconds=self.random.choice((0, 1, 6)))
        happens = self.random.choice(
            (self._state, self._state, self._fill, self._fill, self._answer, self._order, self._look)
        )
        before = await position_of(self.account_id, APPLE)
        await happens()
        after = await position_of(self.account_id, APPLE)
        if (
            happens == self._fill
            and after
            and (before == 0 or before * after < 0 or abs(after) > abs(before))
        ):
            self.turned += 1

    async def _state(self) -> None:
        quantity = self.random.choice((1000, 700, 400, 100, 40, 0, -30))
        stated = PositionStated("M1", APPLE, Decimal(quantity), self.kit.clock())
        await apply_statement(self.kit.desk, stated)

    async def _fill(self) -> None:
        for view in self._some(await open_orders_of([self.account_id])):
            leaves = int(view.order.leaves_quantity)
            await self._say(view, TRADE, self.random.randint(1, leaves))

    async def _answer(self) -> None:
        kinds = (NEW, ExecType.CANCELED, ExecType.CANCEL_REJECTED, ExecType.EXPIRED)
        for view in self._some(await open_orders_of([self.account_id])):
            await self._say(view, self.random.choice(kinds))

    async def _order(self) -> None:
        for view in await live_cases_of([self.account_id]):
            legs = (LegRequest(APPLE, Decimal(self.random.choice((50, 200, 600)))),)
            item = LiquidateCase(view.case.id, None, PlanRequest(legs=legs))
            await liquidate(self.kit.desk, TRADER, Liquidate(f"key {self._next()}", (item,), None))
        if self.random.random() < 0.7:
            await Dispatcher(self.kit.desk, PaperVenue(self.kit.clock), batch=10).dispatch()

    async def _look(self) -> None:
        await self.kit.quote(APPLE, self.random.choice((60, 100, 140)))
        await self.kit.quote(BOEING, 100)
        await self.kit.assess(self.account_id)

    async def _say(self, view: OrderView, exec_type: ExecType, quantity: int = 0) -> None:
        said = report(view.order, exec_type, self._next(), quantity, at=self.kit.clock())
        await record_execution(self.kit.desk, said)

    def _some(self, views: list[OrderView]) -> list[OrderView]:
        return self.random.sample(views, min(len(views), 1))

    def _next(self) -> int:
        self._number += 1
        return self._number

    async def check(self) -> None:
        held = await position_of(self.account_id, APPLE)
        views = await open_orders_of([self.account_id])
        for side in OrderSide:
            wanted = [
                view.order
                for view in views
                if (view.order.symbol, view.order.side) == (APPLE, side)
                and not view.order.cancel_requested
                # A venue that refuses a cancel is asked again after a while; a person knows of it.
                and view.order.cancel_cause is not CancelCause.EXCESS
            ]
            assert total(each.leaves_quantity for each in wanted) <= reducible(held, side)
        assert (await kinds_reported()).count("SIGN_CHANGED") >= self.turned


@pytest.mark.parametrize("seed", SEEDS)
async def test_no_order_stays_larger_than_the_position_and_every_turn_is_reported(
    seed: int, kit: DeskKit
) -> None:
    account_id = await kit.indebted_account()
    happening = Interleaving(kit, seed, account_id)
    for _ in range(STEPS):
        await happening.step()
        await happening.check()
