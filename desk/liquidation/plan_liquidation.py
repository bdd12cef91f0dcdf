"""The plan of a liquidation at this moment, for `liquidate`, the preview and automatic liquidation alike.

Data prefetched for a whole batch is used only if the version of the account's book, read under the lock, is
unchanged.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Inexact

import structlog

from desk.context import DeskContext
from desk.four_eyes.kill_switch import frozen_by
from desk.four_eyes.request_approval import would_ask
from desk.liquidation.liquidation_command import Liquidate, LiquidateCase
from desk.liquidation.one_person_limit import (
    OrdersOfDay,
    RecentOrders,
    load_recent_orders,
    second_person_reason,
)
from desk.liquidation.plan_recovery import plan_case_recovery
from desk.liquidation.resting_orders import others, resting_orders, waits_for
from domain.approval import ApprovalKind
from domain.case import CaseTrigger, decide
from domain.events import CaseView, OrderView
from domain.ids import AccountId
from domain.liquidation import plan
from domain.liquidation_plan import Plan
from domain.margin import Book
from domain.money import AmountTooLarge
from domain.open_orders import as_open_orders
from domain.phrase_texts import english
from domain.principal import Principal
from domain.refusals import Refusal, RefusalCode
from domain.requested_amount import book_of
from domain.risk_settings import ForceType, trade_type_of
from domain.sellable import OpenOrder
from models.book import AccountBook, load_books
from models.case import load_cases
from models.order import open_orders_of
from models.sql.unreadable import UnreadableRow

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ReadAhead:
    """An account's book, its open orders, and what was ordered recently."""

    book: AccountBook
    orders: Sequence[OrderView]
    recent: RecentOrders
    assumed: tuple[OpenOrder, ...] = ()
    """Orders that a preview assumes to be placed, beside the open ones."""


@dataclass(frozen=True, slots=True)
class PlannedCase:
    """The plan for one case, and what it was made on."""

    item: LiquidateCase
    view: CaseView
    read: ReadAhead
    plan: Plan


@dataclass(frozen=True, slots=True)
class PlannedLiquidation(PlannedCase):
    """The plan for one case of a command, made under the lock of the account."""

    command: Liquidate


async def read_ahead(
    desk: DeskContext, principal: Principal, items: Sequence[LiquidateCase]
) -> dict[AccountId, ReadAhead]:
    """Prefetch the accounts of those cases that are within the caller's scope.

    If one of them cannot be read, or the desk fails at it, nothing is prefetched: each case is then read and
    answered separately.
    """
    ready: dict[AccountId, ReadAhead] = {}

    async def read() -> None:
        ready.update(await _read_together(desk, principal, items))

    fault = await desk.attempt(read)
    if fault is not None and not isinstance(fault, UnreadableRow | AmountTooLarge | Inexact):
        log.error("prefetching cases failed: each case is read separately", exc_info=fault)
    return ready


async def _read_together(
    desk: DeskContext, principal: Principal, items: Sequence[LiquidateCase]
) -> dict[AccountId, ReadAhead]:
    views = await load_cases(principal.audience, [item.case_id for item in items])
    account_ids = sorted({view.case.account_id for view in views.values()})
    if not account_ids:
        return {}
    books = await load_books(account_ids, desk.policy.books, desk.clock())
    orders: dict[AccountId, list[OrderView]] = defaultdict(list)
    for order in await open_orders_of(account_ids):
        orders[order.order.account_id].append(order)
    recent = await load_recent_orders(list(books.values()), desk.clock())
    return {id_: ReadAhead(book, orders[id_], recent[id_]) for id_, book in books.items()}


async def fresh(
    desk: DeskContext, view: CaseView, book_version: int, ahead: Mapping[AccountId, ReadAhead], now: datetime
) -> ReadAhead:
    """The prefetched data, or the current data if the account or the rules have changed since."""
    account_id = view.case.account_id
    read = ahead.get(account_id)
    policy = await desk.risk_policy(now)
    if read is not None and read.book.version == book_version and read.book.policy is policy:
        return read
    book = (await load_books([account_id], desk.policy.books, now))[account_id]
    orders = await open_orders_of([account_id])
    return ReadAhead(book, orders, (await load_recent_orders([book], now))[account_id])


async def plan_expected(
    view: CaseView, item: LiquidateCase, read: ReadAhead, desk: DeskContext, now: datetime
) -> Plan | Refusal:
    """`plan_now`, if the case is still at the version that the caller saw."""
    case = view.case
    if item.expected_version is not None and item.expected_version != case.version:
        return Refusal(
            RefusalCode.VERSION_CONFLICT,
            f"The case is at version {case.version}, not {item.expected_version}: read it again.",
        )
    return await plan_now(desk, view, item, read, now)


async def plan_now(
    desk: DeskContext, view: CaseView, item: LiquidateCase, read: ReadAhead, now: datetime
) -> Plan | Refusal:
    """The plan that would be recorded now, or the refusal; also for the preview. Changes nothing.

    Orders that rest away from the market count as ended, since they are cancelled first.
    """
    accepted = decide(view.case, CaseTrigger.LIQUIDATION_ACCEPTED, now)
    if isinstance(accepted, Refusal):
        return accepted
    off = await frozen_by(view.account) or switched_off(read.book, ForceType.MANUAL)
    if off is not None:
        return off
    book, orders = planning_basis(desk, view, read, now)
    if view.case.is_recovery:
        return await plan_case_recovery(desk, view.case, read.book, orders, item, now)
    return plan(book, orders, item.plan, desk.policy.plans, now, desk.market_hours(now))


def planning_basis(
    desk: DeskContext, view: CaseView, read: ReadAhead, now: datetime
) -> tuple[Book, list[OpenOrder]]:
    """The book under the amount rule of the call, and the open orders that are not cancelled first."""
    left = others(read.orders, resting_orders(desk, view.case, read.book.book, read.orders, now))
    orders = as_open_orders(left, read.book.book, desk.cover_conditions(now))
    return book_of(view.case.alert_type, read.book.book), [*orders, *read.assumed]


async def in_the_way(
    desk: DeskContext, planned: PlannedCase, ordered: OrdersOfDay, cases: int, now: datetime
) -> Refusal | None:
    """The refusal if the plan requires a second person or has to wait for orders; else None. Changes
    nothing. `cases`: how many one request liquidates.
    """
    case, read = planned.view.case, planned.read
    resting = resting_orders(desk, case, read.book.book, read.orders, now)
    if resting:
        return waits_for(resting)
    override = planned.item.plan.override
    why = second_person_reason(desk, read.book, ordered, planned.plan, cases, override)
    if why is None:
        return None
    return await would_ask(ApprovalKind.LIQUIDATION, "case", case.id, english(why))


def switched_off(account: AccountBook, force_type: ForceType) -> Refusal | None:
    """The refusal if the risk settings switch this kind of liquidation off for accounts of this type."""
    account_type = account.account.account_type
    if account.policy.liquidation_on(account_type, force_type):
        return None
    return Refusal(
        RefusalCode.SWITCH_OFF,
        f"{force_type.capitalize()} liquidation of {trade_type_of(account_type).lower()} accounts is "
        "switched off in the risk settings.",
    )
