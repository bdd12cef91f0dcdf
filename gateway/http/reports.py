"""The reports as CSV: a header and one line per row, created page by page, so that a long report takes no
memory.

Text that a spreadsheet would treat as a formula gets an apostrophe in front; numbers are exact, without
exponent; times are RFC 3339 in UTC. `GET /reports/<name>.csv?from=2020-03-16&to=2020-03-31`, both days
included.
"""

import csv
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from unicodedata import category, normalize

from desk.audit import entry
from desk.context import DeskContext
from desk.evidence.aging import aging
from desk.evidence.reports import LiquidationRecord, MarginRecord, liquidation_records, margin_records
from domain.events import CaseView
from domain.money import plain_text
from domain.principal import Audience, Permission, Principal
from models.audit import write_audit
from models.report import Period, count_called, count_liquidated
from models.sql.where import PageRequest

ROWS_PER_PAGE = 100
EVERY_RECORD = Audience(frozenset({Permission.AUDITOR}), None)
"""For an operator at the command line, who has access to the database anyway."""
_FORMULAS = frozenset("=+-@\t\r\n")

Cell = str | int | Decimal | datetime | None
Row = Sequence[Cell]


class UnknownReport(LookupError):
    """No report has this name."""


class NoPeriod(ValueError):
    """The days are not a valid period."""


class ReportTooLong(ValueError):
    """The period has more rows than one report may have."""


@dataclass(frozen=True, slots=True)
class Report:
    """A report's columns, its number of cases, and its rows."""

    columns: tuple[str, ...]
    count: Callable[[Audience, Period], Awaitable[int]]
    rows: Callable[[DeskContext, Audience, Period], AsyncIterator[Row]]


def period_of(first_day: date, last_day: date) -> Period:
    """Whole days in UTC, both included; raises `NoPeriod` if they are in the wrong order or too late."""
    if first_day > last_day:
        raise NoPeriod("from must not be later than to")
    if last_day == date.max:
        raise NoPeriod(f"to must be earlier than {date.max}")
    start = datetime.combine(first_day, time(), UTC)
    return Period(start, datetime.combine(last_day, time(), UTC) + timedelta(days=1))


async def begin(
    desk: DeskContext, by: Principal | str, audience: Audience, name: str, period: Period, most_rows: int
) -> AsyncIterator[str]:
    """The lines of the report, after recording the export in the audit.

    Raises `UnknownReport` and `ReportTooLong` before the first line.
    """
    report = REPORTS.get(name)
    if report is None:
        raise UnknownReport(f"no report is named {name}: use one of {', '.join(REPORTS)}")
    cases = await report.count(audience, period)
    if cases > most_rows:
        raise ReportTooLong(
            f"the report would contain {cases} cases, more than {most_rows}: choose a shorter period"
        )
    detail = {"from": period.start.isoformat(), "to": period.end.isoformat(), "cases": cases}
    await write_audit([entry(by, desk.clock(), "export", "report", name, detail)])
    return _lines(report, report.rows(desk, audience, period))


async def _lines(report: Report, rows: AsyncIterator[Row]) -> AsyncIterator[str]:
    yield csv_line(report.columns)
    async for row in rows:
        yield csv_line(row)


def csv_line(cells: Row) -> str:
    """RFC 4180, including the line break."""
    buffer = io.StringIO()
    csv.writer(buffer).writerow([_text(cell) for cell in cells])
    return buffer.getvalue()


def _text(cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case Decimal():
            return plain_text(cell)
        case datetime():
            return cell.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case int():
            return str(cell)
    return f"'{cell}" if _is_formula(cell) else cell


def _is_formula(text: str) -> bool:
    """Whether a spreadsheet would treat it as a formula; some ignore blank or invisible characters in front
    and accept full-width signs.
    """
    if text[:1] in _FORMULAS:
        return True
    visible = next((sign for sign in text if not sign.isspace() and category(sign)[0] != "C"), "")
    return normalize("NFKC", visible) in _FORMULAS


def _noted(holds: bool) -> str | None:
    """A flag as text, empty if it is false."""
    return "yes" if holds else None


_CASE = ("case", "account", "client", "name", "alert", "status", "currency")


def _case(view: CaseView, name: str) -> tuple[Cell, ...]:
    case, account = view.case, view.account
    return (
        case.case_no,
        account.account_no,
        account.client_no,
        name,
        case.alert_type,
        case.status,
        account.base_currency,
    )


async def _pages(
    page: Callable[[Audience, Period, PageRequest], Awaitable[Any]], audience: Audience, period: Period
) -> AsyncIterator[Any]:
    after: tuple[Any, ...] | None = None
    while True:
        batch = await page(audience, period, PageRequest(ROWS_PER_PAGE, after))
        for record in batch.rows:
            yield record
        if not batch.more:
            return
        last = batch.rows[-1].view.case
        after = (last.opened_at, last.id)


async def _margin_rows(_: DeskContext, audience: Audience, period: Period) -> AsyncIterator[Row]:
    async for record in _pages(margin_records, audience, period):
        yield _margin_row(record)


def _margin_row(record: MarginRecord) -> Row:
    case, parts = record.view.case, record.parts
    cure: tuple[Cell, ...] = (None,) * 5
    if parts is not None:
        cure = (parts.client_trades, parts.deposits, parts.sales, parts.market, parts.surplus)
    return (
        *_case(record.view, record.client_name),
        case.opened_at,
        case.amount_at_open,
        case.deadline,
        record.met_at,
        " ".join(record.met_by),
        *cure,
        case.figures.amount if case.live else None,
        record.counted_amount,
        _noted(record.evidence_missing),
    )


async def _liquidation_rows(_: DeskContext, audience: Audience, period: Period) -> AsyncIterator[Row]:
    async for record in _pages(liquidation_records, audience, period):
        for row in _liquidation_lines(record):
            yield row


def _liquidation_lines(record: LiquidationRecord) -> Iterator[Row]:
    """One line per order; values of the case are in its first line only, so that columns can be added up."""
    of_case: tuple[Cell, ...] = (
        record.base_slippage,
        record.over_liquidated,
        record.seconds_to_cure,
        _noted(record.evidence_missing),
    )
    for number, leg in enumerate(record.legs):
        order = leg.order
        yield (
            *_case(record.view, record.client_name),
            order.client_order_id,
            order.symbol,
            order.side,
            order.status,
            order.created_at,
            order.placed_by,
            order.quantity,
            order.filled_quantity,
            order.average_price,
            leg.currency,
            leg.mark_at_decision,
            leg.mark_at_send,
            leg.slippage_at_decision,
            leg.slippage_at_send,
            leg.slippage_ratio,
            *(of_case if number == 0 else (None,) * len(of_case)),
        )


async def _aging_rows(desk: DeskContext, audience: Audience, _: Period) -> AsyncIterator[Row]:
    for bucket in await aging(desk, audience):
        for currency, amount in bucket.amounts.items() or (("", Decimal(0)),):
            yield (bucket.first_day, bucket.last_day, bucket.cases, currency, amount)


async def _nothing(_: Audience, __: Period) -> int:
    return 0


REPORTS: Mapping[str, Report] = {
    "margin-records": Report(
        (
            *_CASE,
            "required_at",
            "required_amount",
            "due_at",
            "met_at",
            "met_by",
            "by_client_trades",
            "by_deposits",
            "by_liquidation",
            "by_market",
            "surplus",
            "still_owed",
            "counted_amount",
            "evidence_missing",
        ),
        count_called,
        _margin_rows,
    ),
    "liquidations": Report(
        (
            *_CASE,
            "order",
            "symbol",
            "side",
            "order_status",
            "decided_at",
            "decided_by",
            "quantity",
            "filled",
            "average_price",
            "price_currency",
            "mark_at_decision",
            "mark_at_send",
            "slippage_at_decision",
            "slippage_at_send",
            "slippage_ratio",
            "case_slippage",
            "over_liquidated",
            "seconds_to_cure",
            "evidence_missing",
        ),
        count_liquidated,
        _liquidation_rows,
    ),
    "aging": Report(("first_day", "last_day", "cases", "currency", "amount"), _nothing, _aging_rows),
}
