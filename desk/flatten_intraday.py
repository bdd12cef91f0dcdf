"""Intraday accounts have to be flat before the close: the desk sees to it, without notice.

When the phase of a market's day changes, every intraday account of it is looked at anew. From then on the
whole debt is what is to be collected (see domain.intraday): a case is opened where there is none, open orders
are cancelled, and the automatic liquidation sells until nothing is owed. Doing it twice does nothing more.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from desk.assess_case import assess_account
from desk.audit import case_entry
from desk.case_command import record_edit
from desk.desk import Desk
from desk.open_orders import as_open_orders
from desk.order_steps import store_step
from domain.case import AutoLiquidation, AutoLiquidationTrigger, CaseStatus, CaseTrigger, decide
from domain.events import BookChanged, CaseView, Event, OrderView
from domain.ids import AccountId
from domain.intraday import IntradayPhase
from domain.liquidation import uncovered_amount
from domain.money import Currency
from domain.order import OrderChange, ask_cancel
from domain.principal import SYSTEM
from domain.refusals import Refusal
from models import outbox
from models.audit import write_audit
from models.book import load_books, lock_accounts
from models.case import live_cases_of
from models.client import intraday_accounts, intraday_currencies
from models.database import transaction
from models.order import open_orders_of


class IntradayDay:
    """Follows the phases of the day; one per leader. A new leader begins by looking at every account."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._phases: dict[Currency, IntradayPhase] = {}

    async def look(self) -> None:
        """Act on the phases as they are now."""
        now = self._desk.clock()
        for currency in await intraday_currencies():
            phase = self._desk.intraday_phase(currency, now)
            begins = phase is not self._phases.get(currency)
            if begins or phase is IntradayPhase.FLAT:
                await self._look_at(await intraday_accounts(currency), phase, begins)
            self._phases[currency] = phase

    async def _look_at(self, ids: Sequence[AccountId], phase: IntradayPhase, begins: bool) -> None:
        flat = phase is IntradayPhase.FLAT
        for account_id in ids if begins else ():
            await self._begin(account_id, cancel=flat)
        if flat:
            await self._arm(ids)

    async def _begin(self, account_id: AccountId, cancel: bool) -> None:
        """The account by the rules of the phase; the monitor is told to read it anew."""
        desk, now = self._desk, self._desk.clock()
        async with transaction():
            await lock_accounts([account_id])
            events: list[Event] = []
            if cancel:
                events += await _cancel_all(desk, await open_orders_of([account_id]), now)
            await assess_account(desk, account_id, now)
            events.append(BookChanged(desk.event_id(), now, account_id))
            await outbox.append(events)
        desk.on_commit()

    async def _arm(self, ids: Sequence[AccountId]) -> None:
        """Whatever is owed and not covered by open orders is sold."""
        for seen in await live_cases_of(ids):
            if _to_arm(seen):
                async with transaction():
                    await lock_accounts([seen.case.account_id])
                    await self._arm_case(seen)

    async def _arm_case(self, seen: CaseView) -> None:
        desk, now = self._desk, self._desk.clock()
        views = {view.case.id: view for view in await live_cases_of([seen.case.account_id])}
        view = views.get(seen.case.id)
        if view is None or not _to_arm(view):
            return
        account_id = view.case.account_id
        account = (await load_books([account_id], desk.rules.books, now))[account_id]
        orders = as_open_orders(await open_orders_of([account_id]))
        if not uncovered_amount(account.book, orders, now, desk.rules.max_price_age):
            return
        view = replace(view, symbols=account.symbols)
        edited = decide(view.case, CaseTrigger.EDITED, now)
        assert not isinstance(edited, Refusal), "a live case can be edited"
        auto = AutoLiquidation(now, AutoLiquidationTrigger.INTRADAY)
        after = replace(edited, auto_liquidation=auto)
        await record_edit(desk, view, after, now)
        told = case_entry(SYSTEM, now, view.case, after, "flattenIntraday")
        await write_audit([told] if told else [])


def _to_arm(view: CaseView) -> bool:
    case = view.case
    return (
        case.status is not CaseStatus.EXCEPTION
        and case.auto_liquidation is None
        and case.uncovered_amount > 0
    )


async def _cancel_all(desk: Desk, orders: Sequence[OrderView], now: datetime) -> list[Event]:
    events: list[Event] = []
    for view in orders:
        change = ask_cancel(view.order, now, "intraday accounts are flat before the close")
        if isinstance(change, OrderChange) and not change.unchanged:
            events.append(await store_step(desk, view, change))
    return events
