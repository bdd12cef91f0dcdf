"""Once per trading day: demand stock from accounts that hold less of an underlying than their written calls
need.

The leader checks at intervals whether a market's trigger time has come. A market is marked as done when all
its accounts were checked; after an interruption it is checked again, and an account from which a stock was
demanded that day gets no second demand.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from functools import partial

import structlog

from desk.context import DeskContext
from desk.fair_scheduler import FairScheduler
from desk.stock_recovery.open_recoveries import StockCall, StockDemand, open_recoveries
from domain.calendar import NoCalendar
from domain.case import AlertType
from domain.covered_options import is_short_of, shortfalls
from domain.ids import AccountId, Symbol
from domain.margin import Book
from domain.risk_settings import CoveredOptionRule
from models import outbox
from models.book import load_books, lock_accounts
from models.sql.database import transaction
from models.stock_recovery import (
    last_collected,
    markets_of_written_calls,
    open_recoveries_of,
    opened_since,
    save_collected,
    writers_of_calls,
)
from outages.log import OutageLogs

ACCOUNTS_AT_ONCE = 500
ACTOR = "desk:covered-options"

log = structlog.get_logger()


def unknown_markets() -> OutageLogs:
    """The outage log of one loop, by market."""
    return OutageLogs("market", "no stock is collected in an unknown market", "a market is known again")


async def collect_stock(desk: DeskContext, scheduler: FairScheduler, unknown: OutageLogs) -> int:
    """Check every market whose time has come; returns the number of accounts with a demand.

    Markets and accounts are independent: one that fails is checked again and delays no other.
    """
    rule = (await desk.risk_policy(desk.clock())).covered_options
    called: list[AccountId] = []
    for market in await markets_of_written_calls() if rule.enabled else ():
        who = f"covered calls in {market}"
        if not scheduler.waits(who):
            await scheduler.run(
                who,
                "stock for written calls",
                partial(_market, desk, scheduler, rule, market, called, unknown),
            )
    if called:
        desk.on_commit()
    return len(called)


async def _market(
    desk: DeskContext,
    scheduler: FairScheduler,
    rule: CoveredOptionRule,
    market: str,
    called: list[AccountId],
    unknown: OutageLogs,
) -> None:
    try:
        day = due_day(desk, rule, market)
    except NoCalendar as no_calendar:
        unknown.report(market, no_calendar)
        return
    unknown.over(market)
    if day is None or await last_collected(market) >= day.toordinal():
        return
    before = len(called)
    if await _collect(desk, scheduler, rule, market, day, called):
        await save_collected(market, day.toordinal())
        log.info("stock for written calls collected", market=market, accounts=len(called) - before)


def due_day(desk: DeskContext, rule: CoveredOptionRule, market: str) -> date | None:
    """The market's current day, if it trades and the trigger time has come; raises `NoCalendar`."""
    calendar = desk.calendar_of(market)
    local = desk.clock().astimezone(calendar.zone)
    if rule.trigger_time is None or local.time() < rule.trigger_time:
        return None
    return local.date() if calendar.is_trading_day(local.date()) else None


async def _collect(
    desk: DeskContext,
    scheduler: FairScheduler,
    rule: CoveredOptionRule,
    market: str,
    day: date,
    called: list[AccountId],
) -> bool:
    """Check every account; returns whether none has to be checked again."""
    after, failed = AccountId(""), 0
    since = datetime.combine(day, time(), desk.calendar_of(market).zone).astimezone(UTC)

    async def ask(accounts: Sequence[AccountId]) -> None:
        books = await load_books(accounts, desk.policy.books, desk.clock())
        for id_, account in books.items():
            if _demands(desk, account.book, rule, market) and await _ask(desk, id_, rule, market, since):
                called.append(id_)

    def who(account_id: AccountId) -> str:
        return f"{account_id} covered calls in {market}"

    while accounts := await writers_of_calls(market, after, ACCOUNTS_AT_ONCE):
        failed += len(await scheduler.run_all(accounts, who, "stock for written calls", ask))
        after = accounts[-1]
    return not failed


def _demands(desk: DeskContext, book: Book, rule: CoveredOptionRule, market: str) -> list[StockDemand]:
    here = {
        held.instrument.option.underlying
        for held in book.holdings
        if held.instrument.option is not None and held.instrument.market == market
    }
    return [
        StockDemand(each.underlying, each.quantity)
        for each in shortfalls(book, desk.today(desk.clock()))
        if each.underlying in here and not (rule.skip_short and is_short_of(book, each.underlying))
    ]


async def _ask(
    desk: DeskContext, account_id: AccountId, rule: CoveredOptionRule, market: str, since: datetime
) -> bool:
    now, alert = desk.clock(), AlertType.COVERED_CALL_SHORTFALL
    async with transaction():
        await lock_accounts([account_id], wait=False)
        account = (await load_books([account_id], desk.policy.books, now))[account_id]
        known = await opened_since(account_id, alert, since) | await _open_already(account_id)
        demands = [each for each in _demands(desk, account.book, rule, market) if each.symbol not in known]
        if not demands:
            return False
        call = StockCall(alert, demands, desk.deadline(now, account.account.base_currency))
        await outbox.append(await open_recoveries(desk, ACTOR, account, call, now))
    return True


async def _open_already(account_id: AccountId) -> set[Symbol]:
    recoveries = await open_recoveries_of([account_id])
    return {each.symbol for each in recoveries if each.alert_type is AlertType.COVERED_CALL_SHORTFALL}
