"""Intraday accounts must be flat before the close: the desk closes their positions without notice.

When the phase of a market's day changes, every intraday account of it is assessed again. From then on the
whole debt is the amount to collect (see domain.intraday): a case is opened if there is none, open orders are
cancelled, including the client's own, and the automatic liquidation sells until nothing is owed. Shorts are
recalled and covered in the same way. All steps are idempotent: a new leader cancels no order placed since the
accounts have to be flat. A locked account is left to the next round, and one at which the desk fails delays
no other.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TypeVar

from desk.assessment.assess_case import assess_account
from desk.audit import case_entry
from desk.case_work.case_command import record_edit
from desk.context import DeskContext
from desk.fair_scheduler import FairScheduler
from desk.order_steps import store_step
from desk.orders.client_orders import cancel_client_orders
from desk.run_if_unlocked import busy_accounts, run_if_unlocked
from desk.stock_recovery.cover_intraday import recall, to_recall
from domain.case import (
    AlertType,
    AutoLiquidation,
    AutoLiquidationTrigger,
    Case,
    CaseStatus,
    CaseTrigger,
    decide,
)
from domain.events import AccountReference, BookChanged, CaseView, Event, OrderView
from domain.ids import AccountId
from domain.intraday import IntradayPhase
from domain.liquidation import uncovered_amount
from domain.money import Currency
from domain.open_orders import as_open_orders
from domain.order import OrderChange, ask_cancel
from domain.principal import EVERYTHING, SYSTEM
from domain.refusals import Refusal
from domain.requested_amount import book_of
from domain.stock_recovery import uncovered_quantity
from models import outbox
from models.audit import write_audit
from models.book import AccountBook, load_books
from models.case import live_cases_of
from models.client import AccountRow, intraday_accounts, intraday_currencies, load_accounts
from models.order import open_orders_of
from models.stock_recovery import open_recoveries_of
from venues.base import Venue

T = TypeVar("T")


class IntradayDay:
    """Follows the phases of the day; one per leader. A new leader begins with every account."""

    def __init__(
        self, desk: DeskContext, venue: Venue, scheduler: FairScheduler, *, clear_client_orders: bool = True
    ) -> None:
        """`clear_client_orders`: also cancels the clients' own orders, where the venue supports it."""
        self._desk = desk
        self._venue = venue
        self._scheduler = scheduler
        self._clear_client_orders = clear_client_orders
        self._to_begin: dict[Currency, set[AccountId]] = {}
        """Accounts that the phase has not reached yet, because they were locked."""
        self._to_clear: set[AccountId] = set()
        self._phases: dict[Currency, IntradayPhase] = {}
        self._busy = busy_accounts()

    async def look(self) -> None:
        """Act on the current phases."""
        now = self._desk.clock()
        for currency in await intraday_currencies():
            who = f"intraday accounts in {currency}"
            if not self._scheduler.waits(who):
                await self._scheduler.run(who, "intraday accounts", partial(self._follow, currency, now))

    async def _follow(self, currency: Currency, now: datetime) -> None:
        phase = self._desk.intraday_phase(currency, now)
        begins = phase is not self._phases.get(currency)
        if begins or self._to_begin[currency] or phase is IntradayPhase.FLAT:
            since = self._desk.flat_since(currency, now) if phase is IntradayPhase.FLAT else None
            await self._look_at(currency, since, begins)
        self._phases[currency] = phase

    async def _look_at(self, currency: Currency, flat_since: datetime | None, begins: bool) -> None:
        ids = await intraday_accounts(currency)
        due = set(ids) if begins else self._to_begin[currency]
        self._to_begin[currency] = {
            id_ for id_ in ids if id_ in due and not await self._begin(id_, flat_since)
        }
        if flat_since is not None:
            if begins and self._clear_client_orders:
                self._to_clear.update(ids)
            await self._clear(ids)
            for account_id in await self._read(ids, "shorts", to_recall):
                await self._share(account_id, "recall", partial(recall, self._desk, account_id))
            await self._arm(ids)

    async def _read(
        self,
        ids: Sequence[AccountId],
        of: str,
        reads: Callable[[Sequence[AccountId]], Awaitable[Iterable[T]]],
    ) -> list[T]:
        """The results of `reads` for these accounts, without those that cannot be read."""
        values: list[T] = []

        async def read(some: Sequence[AccountId]) -> None:
            values.extend(await reads(some))

        await self._scheduler.run_all(ids, lambda each: _who(each, of), "an intraday account", read)
        return values

    async def _share(self, account_id: AccountId, of: str, step: Callable[[], Awaitable[None]]) -> bool:
        """Run one step for the account under its lock; False if it is locked or the desk failed. A failure at
        one step does not keep the account from the next step.
        """
        done = False

        async def turn() -> None:
            nonlocal done
            done = await run_if_unlocked(account_id, step, self._busy)

        who = _who(account_id, of)
        if self._scheduler.waits(who):
            return False
        await self._scheduler.run(who, "an intraday account", turn)
        self._desk.on_commit()
        return done

    async def _clear(self, ids: Sequence[AccountId]) -> None:
        """Cancel the clients' own orders, repeated while the venue is not available."""
        waiting = [account_id for account_id in ids if account_id in self._to_clear]
        for row in await self._read(waiting, "account", _accounts) if waiting else ():
            who = _who(row.reference.account_id, "clear")
            if not self._scheduler.waits(who):
                clear = partial(self._clear_one, row.reference)
                await self._scheduler.run(who, "orders of an intraday client", clear)

    async def _clear_one(self, account: AccountReference) -> None:
        if await cancel_client_orders(self._desk, self._venue, account):
            self._to_clear.discard(account.account_id)

    async def _begin(self, account_id: AccountId, flat_since: datetime | None) -> bool:
        """Apply the rules of the phase to the account and let the monitor read it again. False: try again."""
        desk = self._desk

        async def begin() -> None:
            now = desk.clock()
            events: list[Event] = []
            if flat_since is not None:
                events += await _cancel_older(desk, await open_orders_of([account_id]), flat_since, now)
            await assess_account(desk, account_id, now)
            events.append(BookChanged(desk.event_id(), now, account_id))
            await outbox.append(events)

        return await self._share(account_id, "begin", begin)

    async def _arm(self, ids: Sequence[AccountId]) -> None:
        """Set the automatic liquidation for everything owed that open orders do not cover."""
        for seen in await self._read(ids, "cases", live_cases_of):
            if _to_arm(seen):
                await self._share(seen.case.account_id, seen.case.alert_type, partial(self._arm_case, seen))

    async def _arm_case(self, seen: CaseView) -> None:
        desk, now = self._desk, self._desk.clock()
        views = {view.case.id: view for view in await live_cases_of([seen.case.account_id])}
        view = views.get(seen.case.id)
        if view is None or not _to_arm(view):
            return
        account_id = view.case.account_id
        account = (await load_books([account_id], desk.policy.books, now))[account_id]
        if not await self._lacks(view.case, account, now):
            return
        view = replace(view, symbols=account.symbols)
        edited = decide(view.case, CaseTrigger.EDITED, now)
        assert not isinstance(edited, Refusal), "a live case can be edited"
        auto = AutoLiquidation(now, AutoLiquidationTrigger.INTRADAY)
        after = replace(edited, auto_liquidation=auto)
        await record_edit(desk, view, after, now)
        record = case_entry(SYSTEM, now, view.case, after, "flattenIntraday")
        await write_audit([record] if record else [])

    async def _lacks(self, case: Case, account: AccountBook, now: datetime) -> bool:
        """Whether something remains to be collected once the open orders fill."""
        open_orders = await open_orders_of([case.account_id])
        orders = as_open_orders(open_orders, account.book, self._desk.cover_conditions(now))
        if case.alert_type is not AlertType.SHORT_RECALL:
            book = book_of(case.alert_type, account.book)
            return uncovered_amount(book, orders, now, self._desk.policy.max_price_age) > 0
        today = self._desk.today(now)
        recalls = [each for each in await open_recoveries_of([case.account_id]) if each.case_id == case.id]
        return any(uncovered_quantity(account.book, orders, each, today) for each in recalls)


async def _accounts(ids: Sequence[AccountId]) -> Iterable[AccountRow]:
    return (await load_accounts(EVERYTHING, ids)).values()


def _who(account_id: AccountId, of: str) -> str:
    return f"{account_id} {of}"


def _to_arm(view: CaseView) -> bool:
    """Whether to set it now, also over another time set by an operator: the account has to be flat."""
    case, auto = view.case, view.case.auto_liquidation
    owes = case.uncovered_amount > 0 or (
        case.alert_type is AlertType.SHORT_RECALL and case.cured_since is None
    )
    armed = auto is not None and auto.trigger is AutoLiquidationTrigger.INTRADAY
    return owes and case.status is not CaseStatus.EXCEPTION and not armed


async def _cancel_older(
    desk: DeskContext, orders: Sequence[OrderView], than: datetime, now: datetime
) -> list[Event]:
    events: list[Event] = []
    for view in orders:
        if view.order.created_at >= than:
            continue
        change = ask_cancel(view.order, now, "intraday accounts are flat before the close")
        if isinstance(change, OrderChange) and not change.unchanged:
            events.append(await store_step(desk, view, change))
    return events
