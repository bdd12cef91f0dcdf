"""One snapshot per live case and trading day, after the close of the market that sets the case's deadline.

The day is part of the snapshot's name, so a restart, or a second leader, takes none twice. A day that went by
while no desk ran is caught up only if it was the last one: what was known at its close is known no more.
"""

from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from desk.desk import Desk
from desk.watching.take_snapshot import Moment, inputs_of, keep
from domain.calendar import TradingCalendar
from domain.events import OrderView
from domain.ids import AccountId
from domain.snapshot import SnapshotKind
from models.book import load_books, lock_accounts
from models.case import live_cases_of
from models.database import transaction
from models.order import open_orders_of
from models.snapshot import accounts_without_daily, currencies_of_live_cases

LOOK_BACK_DAYS = 15
"""No market is closed for longer."""


async def take_daily_snapshots(
    desk: Desk, batch: int, progress: Callable[[int], object] = lambda _: None
) -> int:
    """Take those that are due, `batch` accounts in a transaction; how many, of which `progress` hears."""
    taken = 0
    for currency in await currencies_of_live_cases():
        day, closed_at = last_close(desk.calendar_of(desk.market_of(currency)), desk.clock())
        while accounts := await accounts_without_daily(currency, day.isoformat(), closed_at, batch):
            taken += await _take(desk, accounts, day, closed_at)
            progress(taken)
    return taken


def last_close(calendar: TradingCalendar, now: datetime) -> tuple[date, datetime]:
    """The last trading day whose regular session has ended, and when it did."""
    day = now.astimezone(calendar.zone).date()
    for _ in range(LOOK_BACK_DAYS):
        if calendar.is_trading_day(day):
            closed_at = datetime.combine(day, calendar.closing_time(day), calendar.zone).astimezone(UTC)
            if closed_at <= now:
                return day, closed_at
        day -= timedelta(days=1)
    raise AssertionError(f"no trading day within {LOOK_BACK_DAYS} days before {now}")


async def _take(desk: Desk, accounts: list[AccountId], day: date, closed_at: datetime) -> int:
    async with transaction():
        await lock_accounts(accounts)
        now = desk.clock()
        books = await load_books(accounts, desk.rules.books, now)
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
