"""Lists of cases: pages, counts and sums. The conditions and orders of `domain.case_filter`, in SQL."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from domain.case import CaseStatus
from domain.case_filter import CaseFilter, CaseOrder, CaseOrderField
from domain.events import CaseView
from domain.ids import AccountId
from domain.money import Currency
from domain.principal import Audience
from domain.reporting import AmountAtLeast, Claim
from models.case import CASE_COLUMNS, FROM_CASE, LIVE, LIVE_LIST, SELECT_CASE, case_from_row
from models.sql.database import Row, fetch, fetch_one, fetch_records, numeric
from models.sql.readable import first_rows, readable_in_turns, readable_page
from models.sql.unreadable import reads
from models.sql.values import currency, decimal, time
from models.sql.where import Page, PageRequest, Where, client_text, cut, in_order, like


@dataclass(frozen=True, slots=True)
class CaseTotal:
    """The data of one live case for the summary."""

    status: CaseStatus
    amount: Decimal
    currency: Currency
    opened_at: datetime
    account_id: AccountId

    @property
    def claim(self) -> Claim:
        """The demand of the case."""
        return Claim(self.account_id, self.currency, self.amount)


async def page_cases(
    audience: Audience, selection: CaseFilter, order: CaseOrder, request: PageRequest, now: datetime
) -> Page[CaseView]:
    """One page; the key of a row is `CaseOrder.key`."""
    where = _where(audience, selection, now)
    listed = f"{SELECT_CASE}{_sorted(where, order, request)}"
    return await readable_page(first_rows(listed, where), case_from_row, "margin_case", request)


async def page_case_rows(
    audience: Audience,
    selection: CaseFilter,
    order: CaseOrder,
    request: PageRequest,
    now: datetime,
    columns: Collection[str],
) -> Page[Row]:
    """The same page with these columns of `CASE_COLUMNS` alone, and those of `row_key`."""
    where = _where(audience, selection, now)
    selected = CASE_COLUMNS.select([*columns, *_KEY_COLUMNS[order.field]])
    limited = f"SELECT {selected} {FROM_CASE}{_sorted(where, order, request)} LIMIT ${len(where.values) + 1}"
    return cut(await fetch_records(limited, *where.values, request.size + 1), request)


def row_key(order: CaseOrder, row: Row) -> tuple[object, ...]:
    """`CaseOrder.key` of a row of `page_case_rows`."""
    if order.field is not CaseOrderField.AMOUNT:
        return time(row[order.field.value]), row["id"]
    if row["reporting_amount"] is None or row["reporting_currency"] != order.reporting_currency:
        return True, decimal(row["amount"]), row["id"]
    return False, decimal(row["reporting_amount"]), row["id"]


_KEY_COLUMNS = {
    CaseOrderField.OPENED_AT: ("opened_at", "id"),
    CaseOrderField.DEADLINE: ("deadline", "id"),
    CaseOrderField.AMOUNT: ("amount", "reporting_amount", "reporting_currency", "id"),
}


def _sorted(where: Where, order: CaseOrder, request: PageRequest) -> str:
    """WHERE and ORDER BY, beside the last row of the page that was read before."""
    if order.field is not CaseOrderField.AMOUNT:
        return in_order(where, request, f"c.{order.field.value}, c.id", descending=order.descending)
    unknown, amount = _worth_sql(where.value(order.reporting_currency))
    # Amounts without a rate come last in both orders.
    signs = zip(request.bounds(), request.bounds(descending=order.descending), strict=True)
    for ((is_unknown, value, last), known_first), (_, sign) in signs:
        where.add(
            f"({unknown} {known_first[0]} ? OR {unknown} = ?"
            f" AND ({amount}, c.id) {sign} ({numeric('?')}, ?))",
            int(is_unknown),
            int(is_unknown),
            value,
            last,
        )
    direction = request.direction(descending=order.descending)
    return f"{where} ORDER BY {unknown} {request.direction()}, {amount} {direction}, c.id {direction}"


def _worth_sql(reporting_currency: str) -> tuple[str, str]:
    """The SQL of `CaseOrder.key` by AMOUNT; `reporting_currency` is a placeholder."""
    known = f"COALESCE(c.reporting_currency, '') = {reporting_currency}"
    return (
        f"CASE WHEN {known} THEN 0 ELSE 1 END",
        f"CASE WHEN {known} THEN {numeric('c.reporting_amount')} ELSE {numeric('c.amount')} END",
    )


async def count_cases(audience: Audience, selection: CaseFilter, now: datetime) -> int:
    """The number of matching cases."""
    where = _where(audience, selection, now)
    row = await fetch_one(f"SELECT COUNT(*) AS cases {FROM_CASE}{where}", *where.values)
    assert row is not None
    return int(row["cases"])


async def case_totals(audience: Audience, selection: CaseFilter, now: datetime) -> list[CaseTotal]:
    """The live cases to sum up: SQLite cannot add decimals exactly, so the caller does."""
    where = _where(audience, selection, now)
    where.add(f"c.status IN ({LIVE_LIST})")
    rows = await fetch(
        f"SELECT c.id, c.status, c.amount, c.opened_at, c.account_id, a.base_currency {FROM_CASE}{where}",
        *where.values,
    )
    return await readable_in_turns(rows, _total, "margin_case")


@reads("margin_case")
def _total(row: Row) -> CaseTotal:
    return CaseTotal(
        CaseStatus(row["status"]),
        decimal(row["amount"]),
        currency(row["base_currency"]),
        time(row["opened_at"]),
        AccountId(row["account_id"]),
    )


async def count_ended(audience: Audience, selection: CaseFilter, now: datetime) -> dict[CaseStatus, int]:
    """The number of ended cases by status, counted in the database because the history grows without
    limit.
    """
    where = _where(audience, selection, now)
    where.add(f"c.status NOT IN ({LIVE_LIST})")
    rows = await fetch(
        f"SELECT c.status, COUNT(*) AS cases {FROM_CASE}{where} GROUP BY c.status", *where.values
    )
    return {CaseStatus(row["status"]): int(row["cases"]) for row in rows}


def _where(audience: Audience, selection: CaseFilter, now: datetime) -> Where:
    where = Where()
    where.sees(audience)
    # Stated in the text, so that PostgreSQL sees that an index of live cases has all of them.
    statuses = LIVE if selection.status is None else selection.status
    where.add(f"c.status IN ({', '.join(repr(status.value) for status in statuses) or 'NULL'})")
    _add_choices(where, selection)
    if selection.search is not None:
        _add_search(where, audience, selection.search)
    if selection.overdue is not None:
        _add_overdue(where, selection.overdue, now)
    where.add_if("c.opened_at > ?", selection.opened_after)
    where.add_if("c.opened_at < ?", selection.opened_before)
    where.add_if("c.closed_at > ?", selection.closed_after)
    where.add_if("c.closed_at < ?", selection.closed_before)
    return where


def _add_choices(where: Where, selection: CaseFilter) -> None:
    where.add_if("c.alert_type IN (?)", selection.alert_type)
    where.add_if("a.type IN (?)", selection.account_type)
    where.add_if("a.client_id = ?", selection.client_id)
    where.add_if("a.account_no = ?", selection.account_no)
    if selection.amount_at_least is not None:
        _add_amount(where, selection.amount_at_least)
    where.add_if(
        "EXISTS (SELECT 1 FROM position p WHERE p.account_id = c.account_id"
        f" AND p.instrument_id = ? AND {numeric('p.quantity')} <> 0)",
        selection.symbol,
    )


def _add_amount(where: Where, least: AmountAtLeast) -> None:
    """As `AmountAtLeast.allows`."""
    where.add(
        f"CASE WHEN a.base_currency = ? THEN {numeric('c.amount')} >= {numeric('?')}"
        " WHEN COALESCE(c.reporting_currency, '') <> ? THEN 1 = 1"
        f" ELSE {numeric('c.reporting_amount')} >= {numeric('?')} END",
        least.currency,
        least.amount,
        least.worth.currency,
        least.worth.amount,
    )


def _add_overdue(where: Where, overdue: bool, now: datetime) -> None:
    """As `Case.overdue`: a case that has ended is not."""
    live = f"c.status IN ({LIVE_LIST})"
    if overdue:
        where.add(f"{live} AND c.deadline < ?", now)
    else:
        where.add(f"(NOT {live} OR c.deadline >= ?)", now)


def _add_search(where: Where, audience: Audience, text: str) -> None:
    pattern = like(text)
    where.add(
        f"({client_text(audience)} LIKE ? ESCAPE '!' OR a.search_text LIKE ? ESCAPE '!'"
        " OR LOWER(c.case_no) LIKE ? ESCAPE '!')",
        *[pattern] * 3,
    )
