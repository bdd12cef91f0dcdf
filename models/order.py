"""Liquidation orders, their history and booked executions: store, lock, load, list."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from domain.events import Fill, OrderView
from domain.execution import ExecType, ExecutionReport
from domain.execution_check import Booked
from domain.ids import AccountId, CaseId, ClientId, ClientOrderId, ExecutionId, OrderId, Symbol
from domain.order import (
    TERMINAL,
    CancelCause,
    Order,
    OrderSide,
    OrderStatus,
    OrderType,
    TimeInForce,
    TradingSession,
    plan_of,
)
from domain.principal import Audience
from models.book import ACCOUNT_COLUMNS, account_reference
from models.sql.columns import Columns, columns_of
from models.sql.database import (
    Row,
    execute,
    execute_many,
    fetch,
    fetch_one,
    insert_sql,
    placeholders,
)
from models.sql.first_pages import newest_of_each, pages_by_case
from models.sql.parts import Part, selected
from models.sql.readable import first_readable, first_rows, readable, readable_page
from models.sql.unreadable import reads
from models.sql.values import decimal, decimal_or_none, time, whole
from models.sql.where import Page, PageRequest, Where, client_text, in_order, like

_COLUMNS = (
    "id",
    "client_order_id",
    "case_id",
    "account_id",
    "symbol",
    "side",
    "type",
    "time_in_force",
    "session",
    "quantity",
    "limit_price",
    "status",
    "estimated_reduction",
    "placed_by",
    "created_at",
    "updated_at",
    "filled_quantity",
    "filled_notional",
    "acknowledged",
    "cancel_requested",
    "reason",
    "version",
    "override",
    "raw_status",
    "cancel_cause",
    "ordered_alone_by",
)
_FROM = "FROM liquidation_order o JOIN account a ON a.id = o.account_id JOIN client k ON k.id = a.client_id"
_SELECT = (
    f"SELECT {', '.join(f'o.{column}' for column in _COLUMNS if column != 'account_id')}, "
    f"{ACCOUNT_COLUMNS} {_FROM}"
)
ORDER_COLUMNS = Columns(
    columns_of(
        "o",
        "id client_order_id case_id account_id symbol side type time_in_force session status placed_by"
        " created_at updated_at cancel_requested reason version override raw_status",
    ),
    columns_of("o", "quantity limit_price estimated_reduction filled_quantity filled_notional"),
    dict.fromkeys(("created_at", "updated_at"), "timestamptz")
    | dict.fromkeys(("cancel_requested", "override"), "boolean")
    | {"version": "integer"},
)
"""What may be read of an order, `_FROM`."""
_TABLE = "liquidation_order"
_OPEN = f"o.status NOT IN ({', '.join(sorted(repr(status.value) for status in TERMINAL))})"


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """Filter for orders; None matches any."""

    status: tuple[OrderStatus, ...] | None = None
    case_id: CaseId | None = None
    client_id: ClientId | None = None
    account_no: str | None = None
    symbol: Symbol | None = None
    search: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class OrderChange:
    """One step of an order's life."""

    status: OrderStatus
    at: datetime
    reason: str | None


async def insert_orders(orders: Sequence[Order]) -> None:
    """Store new orders."""
    await execute_many(insert_sql("liquidation_order", _COLUMNS), [_values(order) for order in orders])


async def save_order(order: Order) -> None:
    """Store a changed order; its account is locked."""
    columns = ", ".join(f"{column} = ${number}" for number, column in enumerate(_COLUMNS[1:], start=2))
    await execute(f"UPDATE liquidation_order SET {columns} WHERE id = $1", *_values(order))


async def add_changes(changes: Sequence[tuple[OrderId, OrderStatus, datetime, str | None]]) -> None:
    """Append to the orders' history."""
    await execute_many(
        "INSERT INTO order_change (order_id, status, at, reason) VALUES ($1, $2, $3, $4)", changes
    )


async def load_orders(
    audience: Audience, ids: Sequence[OrderId], *, strict: bool = False
) -> dict[OrderId, OrderView]:
    """Those of these orders that the audience may see; `strict`: see `readable`."""
    where = Where()
    where.add("o.id IN (?)", list(ids))
    where.sees(audience)
    rows = await fetch(f"{_SELECT}{where}", *where.values)
    views = readable(rows, order_from_row, _TABLE, strict=strict)
    return {view.order.id: view for view in views}


async def load_by_client_order_id(client_order_id: ClientOrderId) -> OrderView | None:
    """The order with this client order id."""
    row = await fetch_one(f"{_SELECT} WHERE o.client_order_id = $1", client_order_id)
    return order_from_row(row) if row else None


async def open_orders_of(account_ids: Sequence[AccountId]) -> list[OrderView]:
    """Every order of these accounts that may still fill."""
    rows = await fetch(
        f"{_SELECT} WHERE o.account_id IN ({placeholders(account_ids)}) AND {_OPEN}"
        " ORDER BY o.created_at, o.id",
        *account_ids,
    )
    return [order_from_row(row) for row in rows]


async def orders_since(account_ids: Sequence[AccountId], since: datetime) -> list[Order]:
    """Every order of these accounts that was placed at `since` or later."""
    rows = await fetch(
        f"{_SELECT} WHERE o.created_at >= $1 AND o.account_id IN ({placeholders(account_ids, start=2)})",
        since,
        *account_ids,
    )
    return [order_from_row(row).order for row in rows]


async def orders_alone_by(subject: str, since: datetime) -> list[Order]:
    """Every order that counts against the person's one-person limit, placed at `since` or later."""
    rows = await fetch(f"{_SELECT} WHERE o.ordered_alone_by = $1 AND o.created_at >= $2", subject, since)
    return [order_from_row(row).order for row in rows]


async def orders_in(
    statuses: Sequence[OrderStatus], limit: int, but_not_of: Collection[AccountId] = ()
) -> list[OrderView]:
    """The oldest orders in these statuses, of all accounts but these."""
    return await _oldest(_in(statuses, but_not_of), limit)


async def orders_after(
    statuses: Sequence[OrderStatus], after: tuple[datetime, str] | None, limit: int
) -> list[OrderView]:
    """The next orders in these statuses, oldest first, after `after` (creation time and id)."""
    where = _in(statuses, ())
    if after is not None:
        where.add("(o.created_at, o.id) > (?, ?)", *after)
    return await _oldest(where, limit)


async def pending_cancels(limit: int, but_not_of: Collection[AccountId] = ()) -> dict[OrderId, int]:
    """The version of each order with a pending cancel, oldest first."""
    where = _in([OrderStatus.PENDING_CANCEL], but_not_of)
    rows = await fetch(
        f"SELECT o.id, o.version FROM liquidation_order o{where}"
        f" ORDER BY o.created_at, o.id LIMIT {where.value(limit)}",
        *where.values,
    )
    return {OrderId(row["id"]): row["version"] for row in rows}


async def account_of(client_order_id: ClientOrderId) -> AccountId | None:
    """The account of the order."""
    row = await fetch_one(
        "SELECT account_id FROM liquidation_order WHERE client_order_id = $1", client_order_id
    )
    return AccountId(row["account_id"]) if row else None


def _in(statuses: Sequence[OrderStatus], but_not_of: Collection[AccountId]) -> Where:
    where = Where()
    where.add("o.status IN (?)", list(statuses))
    if but_not_of:
        where.add("o.account_id NOT IN (?)", sorted(but_not_of))
    return where


async def _oldest(where: Where, limit: int) -> list[OrderView]:
    oldest = first_rows(f"{_SELECT}{where} ORDER BY o.created_at, o.id", where)
    return await first_readable(oldest, order_from_row, _TABLE, limit)


async def page_orders(audience: Audience, selection: OrderFilter, request: PageRequest) -> Page[OrderView]:
    """One page, newest first; the key of a row is (created_at, id)."""
    where = _where(audience, selection)
    sorted_ = in_order(where, request, "o.created_at, o.id", descending=True)
    newest = first_rows(f"{_SELECT}{sorted_}", where)
    return await readable_page(newest, order_from_row, _TABLE, request)


@dataclass(frozen=True, slots=True)
class ToCancel:
    """An open order, and whether its cancel was requested.

    Nothing else is read, so that a damaged order is selected and answered too.
    """

    id: OrderId
    cancel_requested: bool


async def orders_to_cancel(audience: Audience, selection: OrderFilter, limit: int) -> list[ToCancel]:
    """Open orders: first those without a requested cancel, the oldest of them first."""
    where = _where(audience, selection)
    where.add(_OPEN)
    rows = await fetch(
        f"SELECT o.id, o.cancel_requested {_FROM}{where}"
        f" ORDER BY o.cancel_requested, o.created_at, o.id LIMIT {where.value(limit)}",
        *where.values,
    )
    return [ToCancel(OrderId(row["id"]), bool(row["cancel_requested"])) for row in rows]


async def count_not_cancelled(audience: Audience, selection: OrderFilter) -> int:
    """The number of open orders without a requested cancel."""
    where = _where(audience, selection)
    where.add(f"{_OPEN} AND NOT o.cancel_requested")
    row = await fetch_one(f"SELECT COUNT(*) AS orders {_FROM}{where}", *where.values)
    assert row is not None
    return int(row["orders"])


async def count_orders(audience: Audience, selection: OrderFilter) -> int:
    """The number of matching orders."""
    where = _where(audience, selection)
    row = await fetch_one(f"SELECT COUNT(*) AS orders {_FROM}{where}", *where.values)
    assert row is not None
    return int(row["orders"])


async def newest_orders_of_cases(
    audience: Audience, ids: Sequence[CaseId], first: int
) -> dict[CaseId, Page[OrderView]]:
    """The first page of each case's `page_orders`, in one statement."""
    where = Where()
    source = (
        f"{_SELECT} {newest_of_each(where, 'liquidation_order', 'created_at', ids, first)} ON q.id = o.id"
    )
    where.sees(audience)
    rows = await fetch(f"{source}{where} ORDER BY o.created_at DESC, o.id DESC", *where.values)
    return pages_by_case(rows, ids, first, order_from_row, _TABLE)


def newest_order_rows(
    where: Where, audience: Audience, ids: Sequence[CaseId], first: int, columns: Collection[str]
) -> Part:
    """The rows of the same pages, with these of `ORDER_COLUMNS` alone and those of the key; `where` is empty.

    `row_pages_by_case` makes pages of them.
    """
    newest = newest_of_each(where, _TABLE, "created_at", ids, first)
    where.sees(audience)
    names = ("case_id", "created_at", "id", *columns)
    return selected(ORDER_COLUMNS, names, f"{_FROM} {newest} ON q.id = o.id{where}", place="q.place")


async def count_orders_of_cases(audience: Audience, ids: Sequence[CaseId]) -> dict[CaseId, int]:
    """The number of orders of each case."""
    where = Where()
    where.add("o.case_id IN (?)", list(ids))
    where.sees(audience)
    rows = await fetch(
        f"SELECT o.case_id, COUNT(*) AS orders {_FROM}{where} GROUP BY o.case_id", *where.values
    )
    return {CaseId(row["case_id"]): int(row["orders"]) for row in rows}


async def orders_of_cases(ids: Sequence[CaseId]) -> dict[CaseId, list[Order]]:
    """Every order of each case, oldest first; without cases of which an order cannot be read."""
    orders: dict[CaseId, list[Order]] = {id_: [] for id_ in ids}
    if not ids:
        return orders
    rows = await fetch(
        f"{_SELECT} WHERE o.case_id IN ({placeholders(ids)}) ORDER BY o.created_at, o.id", *ids
    )
    for row in rows:
        case_id = CaseId(row["case_id"])
        if case_id not in orders:
            continue
        views = readable([row], order_from_row, _TABLE)
        if views:
            orders[case_id] += [view.order for view in views]
        else:
            del orders[case_id]
    return orders


async def fills_of(ids: Sequence[OrderId]) -> dict[OrderId, list[Fill]]:
    """The fills of each order, oldest first."""
    rows = await fetch(
        "SELECT order_id, execution_id, quantity, price, at FROM execution"
        f" WHERE exec_type = 'TRADE' AND order_id IN ({placeholders(ids)}) ORDER BY at, id",
        *ids,
    )
    fills: dict[OrderId, list[Fill]] = defaultdict(list)
    for row in rows:
        fills[OrderId(row["order_id"])].append(_fill(row))
    return fills


@reads("execution", "execution_id")
def _fill(row: Row) -> Fill:
    return Fill(
        ExecutionId(row["execution_id"]), decimal(row["quantity"]), decimal(row["price"]), time(row["at"])
    )


async def changes_of(ids: Sequence[OrderId]) -> dict[OrderId, list[OrderChange]]:
    """The history of each order, oldest first."""
    rows = await fetch(
        f"SELECT order_id, status, at, reason FROM order_change WHERE order_id IN ({placeholders(ids)})"
        " ORDER BY id",
        *ids,
    )
    changes: dict[OrderId, list[OrderChange]] = defaultdict(list)
    for row in rows:
        changes[OrderId(row["order_id"])].append(_change(row))
    return changes


@reads("order_change", "order_id")
def _change(row: Row) -> OrderChange:
    return OrderChange(OrderStatus(row["status"]), time(row["at"]), row["reason"])


async def insert_execution(
    row_id: str, order_id: OrderId, report: ExecutionReport, cash_effect: Decimal, now: datetime
) -> bool:
    """Store a report; False if it was stored before."""
    return bool(
        await execute(
            "INSERT INTO execution (id, order_id, venue, execution_id, exec_type, quantity, price, fee,"
            " cash_effect, at, recorded_at, text) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
            " ON CONFLICT (venue, execution_id) DO NOTHING",
            row_id,
            order_id,
            report.venue,
            report.execution_id,
            report.exec_type,
            report.last_quantity,
            report.last_price,
            report.fee,
            cash_effect,
            report.at,
            now,
            report.text,
        )
    )


async def booked_execution(venue: str, execution_id: ExecutionId) -> Booked | None:
    """The execution stored under this id."""
    row = await fetch_one(
        "SELECT o.client_order_id, e.exec_type, e.quantity, e.price, e.fee FROM execution e"
        " JOIN liquidation_order o ON o.id = e.order_id WHERE e.venue = $1 AND e.execution_id = $2",
        venue,
        execution_id,
    )
    return row and _booked(row)


async def executions_of(order_id: OrderId) -> dict[tuple[str, ExecutionId], Booked]:
    """The stored executions of an order, by venue and execution id."""
    rows = await fetch(
        "SELECT o.client_order_id, e.venue, e.execution_id, e.exec_type, e.quantity, e.price, e.fee"
        " FROM execution e JOIN liquidation_order o ON o.id = e.order_id WHERE e.order_id = $1",
        order_id,
    )
    return {(row["venue"], ExecutionId(row["execution_id"])): _booked(row) for row in rows}


@reads("execution", "execution_id")
def _booked(row: Row) -> Booked:
    return Booked(
        ClientOrderId(row["client_order_id"]),
        ExecType(row["exec_type"]),
        decimal(row["quantity"]),
        decimal(row["price"]),
        decimal(row["fee"]),
    )


@reads(_TABLE)
def order_from_row(row: Row) -> OrderView:
    """From a row of `_SELECT`."""
    order = Order(
        id=OrderId(row["id"]),
        client_order_id=_client_order_id(row["client_order_id"]),
        case_id=CaseId(row["case_id"]),
        account_id=AccountId(row["account_id"]),
        symbol=Symbol(row["symbol"]),
        side=OrderSide(row["side"]),
        type=OrderType(row["type"]),
        time_in_force=TimeInForce(row["time_in_force"]),
        session=TradingSession(row["session"]),
        quantity=decimal(row["quantity"]),
        limit_price=decimal_or_none(row["limit_price"]),
        status=OrderStatus(row["status"]),
        estimated_reduction=decimal(row["estimated_reduction"]),
        placed_by=row["placed_by"],
        created_at=time(row["created_at"]),
        updated_at=time(row["updated_at"]),
        filled_quantity=decimal(row["filled_quantity"]),
        filled_notional=decimal(row["filled_notional"]),
        acknowledged=bool(row["acknowledged"]),
        cancel_requested=bool(row["cancel_requested"]),
        reason=row["reason"],
        version=whole(row["version"]),
        override=bool(row["override"]),
        raw_status=row["raw_status"],
        cancel_cause=CancelCause(row["cancel_cause"]) if row["cancel_cause"] else None,
        ordered_alone_by=row["ordered_alone_by"],
    )
    return OrderView(order, account_reference(row))


def _client_order_id(text: str) -> ClientOrderId:
    plan_of(ClientOrderId(text))
    return ClientOrderId(text)


def _values(order: Order) -> list[Any]:
    return [
        order.id,
        order.client_order_id,
        order.case_id,
        order.account_id,
        order.symbol,
        order.side,
        order.type,
        order.time_in_force,
        order.session,
        order.quantity,
        order.limit_price,
        order.status,
        order.estimated_reduction,
        order.placed_by,
        order.created_at,
        order.updated_at,
        order.filled_quantity,
        order.filled_notional,
        order.acknowledged,
        order.cancel_requested,
        order.reason,
        order.version,
        order.override,
        order.raw_status,
        order.cancel_cause,
        order.ordered_alone_by,
    ]


def _where(audience: Audience, selection: OrderFilter) -> Where:
    where = Where()
    where.sees(audience)
    where.add_if("o.status IN (?)", selection.status)
    where.add_if("o.case_id = ?", selection.case_id)
    where.add_if("a.client_id = ?", selection.client_id)
    where.add_if("a.account_no = ?", selection.account_no)
    where.add_if("o.symbol = ?", selection.symbol)
    where.add_if("o.created_at > ?", selection.created_after)
    where.add_if("o.created_at < ?", selection.created_before)
    if selection.search is not None:
        pattern = like(selection.search)
        where.add(
            f"({client_text(audience)} LIKE ? ESCAPE '!' OR a.search_text LIKE ? ESCAPE '!'"
            " OR LOWER(o.symbol) LIKE ? ESCAPE '!' OR LOWER(o.client_order_id) LIKE ? ESCAPE '!')",
            *[pattern] * 4,
        )
    return where
