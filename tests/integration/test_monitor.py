"""The whole desk on a random market: when it settles, what is stored is what the stored book implies.

Each seed is one life of a small desk on SQLite: quotes, rates, statements, halts, liquidations, cancels,
fills, passing time and a monitor that now and then starts anew.
"""

import random
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from desk.liquidation.liquidate import liquidate
from desk.liquidation.liquidation_command import Liquidate, LiquidateCase
from desk.orders.cancel import Cancel, cancel
from desk.orders.dispatch_orders import Dispatcher
from desk.orders.record_execution import record_execution
from domain.book_changes import CashStated, PositionStated, TradeStatusStated
from domain.case import CaseStatus
from domain.ids import AccountId, Symbol
from domain.inputs import Message
from domain.judgement import judge
from domain.liquidation import uncovered_amount
from domain.liquidation_plan import PlanRequest
from domain.liquidation_policy import LiquidationPolicy
from domain.margin import AccountType
from domain.market import FxRate, Quote, TradeStatus
from domain.money import Currency
from domain.open_orders import as_open_orders
from domain.order import OrderType
from models.book import load_all_account_ids, load_books
from models.case import live_cases_of
from models.order import open_orders_of
from models.sql.database import Database, fetch
from tests.kit.desk_kit import APPLE, BOEING, TRADER, USD, DeskKit, deliver_events, quoted
from venues.paper import PaperVenue

HKD, TENCENT = Currency("HKD"), Symbol("700.HK")
SYMBOLS = (APPLE, BOEING, TENCENT)
SEEDS = range(12)
SHORT = 5
"""As many lives are lived in `make test`; the others in `make test-faults`."""
STEPS = 120
ROUNDS_TO_SETTLE = 12


def some_later(seeds: Sequence[int], short: int = SHORT) -> list[Any]:
    """Those beyond `short` in `make test-faults`."""
    return [pytest.param(seed, marks=[pytest.mark.faults] if seed >= short else []) for seed in seeds]


class SmallDesk:
    """Some accounts, the monitor, a paper venue, and what may happen to them."""

    def __init__(self, kit: DeskKit, seed: int) -> None:
        self.kit = kit
        self.monitor = kit.monitor()
        self.random = random.Random(seed)
        self._venue = PaperVenue(kit.clock)
        self._reports = self._venue.reports()
        self._dispatcher = Dispatcher(kit.desk, self._venue, batch=100)
        self._prices = {APPLE: Decimal(100), BOEING: Decimal(50), TENCENT: Decimal(400)}
        self._heard = 0

    async def open(self) -> None:
        kit = self.kit
        await kit.instrument(APPLE)
        await kit.instrument(BOEING, lot=10)
        await kit.instrument(TENCENT, currency=HKD, lot=100)
        await kit.account("M1", -190_000, {APPLE: 1500, BOEING: 2000})
        await kit.account("M2", -78_000, {APPLE: 400, TENCENT: 1500})
        await kit.account("M3", 90_000, {BOEING: -1000, TENCENT: 500}, financing_limit=1000)
        await kit.account("I1", -55_000, {BOEING: 1500}, AccountType.INTRADAY)
        await kit.account("K1", 1000, {APPLE: 100}, AccountType.CASH)
        await self.hear([self.quote(symbol) for symbol in SYMBOLS] + [self.rate("0.128")])
        await self.monitor.note_everything()

    async def hear(self, messages: Sequence[Message]) -> None:
        assert (await self.monitor.take(messages)).refused == []
        for message in messages:
            if isinstance(message, Quote):
                self._venue.on_quote(message)
            elif isinstance(message, TradeStatusStated):
                self._venue.on_trade_status(message.symbol, message.status)

    async def restart_monitor(self) -> None:
        self.monitor = self.kit.monitor()
        await self.monitor.note_everything()

    async def work(self) -> None:
        """What the workers do in a moment."""
        self._heard = await deliver_events(self.monitor, self._heard)
        await self.monitor.look()
        await self._dispatcher.dispatch()
        while self._venue.unconfirmed:
            report = await anext(self._reports)
            await record_execution(self.kit.desk, report)
            await self._venue.confirm(report)

    async def settle(self) -> None:
        """The market stands still, with fresh quotes, until nothing happens any more."""
        for symbol in SYMBOLS:
            await self.hear([TradeStatusStated(symbol, TradeStatus.TRADING, self.kit.clock())])
        await self.hear([self.quote(symbol) for symbol in SYMBOLS] + [self.rate("0.128")])
        for _ in range(ROUNDS_TO_SETTLE):
            await self.work()
            await self.monitor.refresh()

    async def step(self) -> None:
        """Something happens."""
        happenings = {
            self._prices_move: 10,
            self._rate_moves: 2,
            self._book_is_stated: 2,
            self._trading_halts_or_resumes: 1,
            self._trader_liquidates: 8,
            self._trader_cancels: 2,
            self._time_passes: 2,
        }
        (happens,) = self.random.choices(list(happenings), list(happenings.values()))
        await happens()
        if self.random.random() < 0.7:
            await self.work()
        if self.random.random() < 0.3:
            await self.monitor.refresh()

    async def _prices_move(self) -> None:
        moved = self.random.sample(SYMBOLS, self.random.randint(1, 3))
        for symbol in moved:
            factor = Decimal(self.random.randint(80, 122)) / 100
            self._prices[symbol] = max(Decimal(1), round(self._prices[symbol] * factor, 2))
        size = self.random.choice([None, 100, 400])
        await self.hear([self.quote(symbol, size) for symbol in moved])

    async def _rate_moves(self) -> None:
        await self.hear([self.rate(f"0.{self.random.randint(120, 136)}")])

    async def _book_is_stated(self) -> None:
        no, now = self.random.choice(["M1", "M2", "M3", "I1", "K1"]), self.kit.clock()
        as_of = now - timedelta(seconds=self.random.choice([0, 5, 300]))
        if self.random.random() < 0.5:
            await self.hear([CashStated(no, USD, Decimal(self.random.randint(-200, 50)) * 1000, as_of)])
        else:
            symbol, lots = self.random.choice(SYMBOLS), Decimal(self.random.randint(-5, 20))
            await self.hear([PositionStated(no, symbol, lots * 100, as_of)])

    async def _trading_halts_or_resumes(self) -> None:
        status = self.random.choice([TradeStatus.TRADING, TradeStatus.SUSPENDED, TradeStatus.HALTED])
        symbol = self.random.choice(SYMBOLS)
        await self.hear([TradeStatusStated(symbol, status, self.kit.clock())])

    async def _trader_liquidates(self) -> None:
        cases = await live_cases_of(await load_all_account_ids())
        policy = self.random.choice(list(LiquidationPolicy))
        order_type = self.random.choice([OrderType.LIMIT, OrderType.MARKET])
        chosen = self.random.random()
        for view in sorted(cases, key=lambda view: (view.account.account_no, view.case.alert_type)):
            if chosen < 0.6:
                item = LiquidateCase(view.case.id, None, PlanRequest(policy, order_type=order_type))
                await liquidate(self.kit.desk, TRADER, Liquidate(uuid4().hex, (item,), None))

    async def _trader_cancels(self) -> None:
        orders = [view.order for view in await open_orders_of(await load_all_account_ids())]
        for each in sorted(orders, key=lambda order: (order.symbol, order.quantity))[:2]:
            await cancel(self.kit.desk, TRADER, Cancel(uuid4().hex, (each.id,), None))

    async def _time_passes(self) -> None:
        self.kit.clock.pass_(seconds=self.random.choice([1, 5, 20, 90]))

    def quote(self, symbol: Symbol, size: int | None = None) -> Quote:
        shown = None if size is None else Decimal(size)
        return replace(quoted(symbol, self._prices[symbol], self.kit.clock()), bid_size=shown, ask_size=shown)

    def rate(self, rate: str) -> FxRate:
        return FxRate(HKD, USD, Decimal(rate), self.kit.clock())


async def check(kit: DeskKit, account_id: AccountId) -> None:
    """What is stored of the account is what its book implies."""
    now, max_age = kit.clock(), kit.desk.policy.max_price_age
    account = (await load_books([account_id], kit.desk.policy.books, now))[account_id]
    figures = await kit.figures(account_id)
    cases = [view.case for view in await live_cases_of([account_id])]
    orders = await open_orders_of([account_id])
    uncovered = uncovered_amount(
        account.book, as_open_orders(orders, account.book, kit.desk.cover_conditions(now)), now, max_age
    )
    assert not figures.stale
    for case in cases:
        assert replace(case.figures, as_of=now) == figures
        assert case.uncovered_amount == uncovered
        has_orders = any(view.order.case_id == case.id for view in orders)
        assert (case.status is CaseStatus.LIQUIDATING) == has_orders
        assert figures.amount > 0 or has_orders, "a cured case was left open"
    alerts = [case.alert_type for case in cases]
    assert len(alerts) == len(set(alerts))
    assert judge(account.book, figures, kit.desk.policy.judgement).called <= set(alerts)
    assert account.close_only == bool(cases)


@asynccontextmanager
async def small_desk(migrated: Path, directory: Path, seed: int) -> AsyncIterator[SmallDesk]:
    path = directory / f"{uuid4().hex}.sqlite3"
    shutil.copyfile(migrated, path)
    database = Database(f"sqlite://{path}", pool_size=1)
    await database.open()
    with database.active():
        desk = SmallDesk(DeskKit(), seed)
        await desk.open()
        yield desk
    await database.close()


async def summary() -> list[tuple[object, ...]]:
    """Cases and orders as a client knows them, without ids."""
    cases = await fetch(
        "SELECT a.account_no, c.alert_type, c.status, c.amount, c.uncovered_amount, c.plans, c.opened_at,"
        " c.closed_at FROM margin_case c JOIN account a ON a.id = c.account_id"
    )
    orders = await fetch(
        "SELECT a.account_no, o.symbol, o.side, o.quantity, o.filled_quantity, o.status, o.created_at"
        " FROM liquidation_order o JOIN account a ON a.id = o.account_id"
    )
    return sorted((tuple(row.values()) for row in [*cases, *orders]), key=repr)


@pytest.mark.parametrize("seed", some_later(SEEDS))
async def test_when_the_desk_settles_every_stored_figure_follows_from_the_book(
    seed: int, migrated_sqlite: Path, tmp_path: Path
) -> None:
    async with small_desk(migrated_sqlite, tmp_path, seed) as desk:
        for number in range(STEPS):
            await desk.step()
            if number % 20 == 19:
                await desk.settle()
                for account_id in await load_all_account_ids():
                    await check(desk.kit, account_id)


@pytest.mark.parametrize("seed", some_later(SEEDS[:4], short=2))
async def test_a_monitor_restarted_in_between_changes_nothing(
    seed: int, migrated_sqlite: Path, tmp_path: Path
) -> None:
    lives = []
    for restarts in (False, True):
        async with small_desk(migrated_sqlite, tmp_path, seed) as desk:
            for number in range(STEPS):
                await desk.step()
                if restarts and number % 3 == 0:
                    await desk.restart_monitor()
                await desk.work()
                await desk.monitor.refresh()
            await desk.settle()
            lives.append(await summary())
    undisturbed, disturbed = lives
    assert undisturbed == disturbed


async def test_a_delisting_takes_the_position_out_and_opens_a_case(
    migrated_sqlite: Path, tmp_path: Path
) -> None:
    async with small_desk(migrated_sqlite, tmp_path, 0) as desk:
        await desk.work()
        (m2,) = [id_ for id_ in await load_all_account_ids() if await account_no(id_) == "M2"]
        assert await live_cases_of([m2]) == []
        desk.kit.clock.pass_(seconds=1)
        await desk.hear([TradeStatusStated(TENCENT, TradeStatus.DELISTED, desk.kit.clock())])
        await desk.work()
        (view,) = await live_cases_of([m2])
        assert view.case.figures.dead_market_value == Decimal("0.128") * 400 * 1500


async def test_a_suspension_takes_the_position_out_when_it_has_lasted(
    migrated_sqlite: Path, tmp_path: Path
) -> None:
    async with small_desk(migrated_sqlite, tmp_path, 0) as desk:
        (m2,) = [id_ for id_ in await load_all_account_ids() if await account_no(id_) == "M2"]
        desk.kit.clock.pass_(seconds=1)
        await desk.hear([TradeStatusStated(TENCENT, TradeStatus.SUSPENDED, desk.kit.clock())])
        for days, cases in ((29, 0), (1, 1)):
            desk.kit.clock.pass_(days=days)
            await desk.hear([desk.quote(symbol) for symbol in SYMBOLS] + [desk.rate("0.128")])
            await desk.monitor.note_everything()
            await desk.work()
            assert len(await live_cases_of([m2])) == cases, f"after {days} more days"


async def account_no(account_id: AccountId) -> str:
    rows = await fetch("SELECT account_no FROM account WHERE id = $1", account_id)
    return str(rows[0]["account_no"])
