"""One snapshot per live case and trading day, after the close of the market that sets the case's deadline.

The day is part of the snapshot's name, so neither a restart nor a second leader takes one twice. After
downtime only the last trading day is made up for: the state at earlier closes is no longer known.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial

from desk.context import DeskContext
from desk.evidence.take_snapshot import Moment, inputs_of, keep
from desk.fair_scheduler import FairScheduler
from domain.calendar import TradingCalendar
from domain.events import OrderView
from domain.ids import AccountId
from domain.money import Currency
from domain.snapshot import SnapshotKind
from models.book import load_books, lock_accounts
from models.case import live_cases_of
from models.order import open_orders_of
from models.snapshot import accounts_without_daily, currencies_of_live_cases
from models.sql.database import transaction

LOOK_BACK_DAYS = 15
"""Longer than any market closes."""


async def take_daily_snapshots(
    desk: DeskContext,
    batch: int,
    scheduler: FairScheduler,
    progress: Callable[[int], object] = lambda _: None,
) -> int:
    """Take the snapshots that are due, `batch` accounts per transaction; returns how many.

    `progress` is called with the number taken so far. Accounts and currencies are independent: one that fails
    or is locked delays no other.
    """
    tally = _Tally(desk, batch, scheduler, progress)
    for currency in await currencies_of_live_cases():
        who = f"snapshots in {currency}"
        if not scheduler.waits(who):
            await scheduler.run(who, "daily snapshots", partial(tally.take_currency, currency))
    return tally.taken


@dataclass(slots=True)
class _Tally:
    desk: DeskContext
    batch: int
    scheduler: FairScheduler
    progress: Callable[[int], object]
    taken: int = 0

    async def take_currency(self, currency: Currency) -> None:
        desk, last = self.desk, None
        day, closed_at = last_close(desk.calendar_of(desk.market_of(currency)), desk.clock())

        async def take(accounts: Sequence[AccountId]) -> None:
            self.taken += await _take(desk, accounts, day, closed_at)

        while page := await accounts_without_daily(currency, day.isoformat(), closed_at, self.batch, last):
            await self.scheduler.run_all(page, lambda each: f"{each} snapshot", "a daily snapshot", take)
            self.progress(self.taken)
            last = page[-1]


def last_close(calendar: TradingCalendar, now: datetime) -> tuple[date, datetime]:
    """The last trading day whose regular session has ended, and when it ended."""
    day = now.astimezone(calendar.zone).date()
    for _ in range(LOOK_BACK_DAYS):
        if calendar.is_trading_day(day):
            closed_at = datetime.combine(day, calendar.closing_time(day), calendar.zone).astimezone(UTC)
            if closed_at <= now:
                return day, closed_at
        day -= timedelta(days=1)
    raise AssertionError(f"no trading day within {LOOK_BACK_DAYS} days before {now}")


async def _take(desk: DeskContext, accounts: Sequence[AccountId], day: date, closed_at: datetime) -> int:
    async with transaction():
        await lock_accounts(accounts, wait=False)
        now = desk.clock()
        books = await load_books(accounts, desk.policy.books, now)
        orders: dict[AccountId, list[OrderView]] = defaultdict(list)
        for view in await open_orders_of(accounts):
            orders[view.order.account_id].append(view)
        inputs = {id_: inputs_of(desk, book, orders[id_], now) for id_, book in books.items()}
        moments: list[Moment] = [
            (view.case, SnapshotKind.DAILY, day.isoformat())
            for view in await live_cases_of(accounts)
            if view.case.opened_at <= closed_at
        ]
        await keep(desk, moments, inputs, now)
    return len(moments)
