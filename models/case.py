"""Cases: store, lock, load."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from domain.case import (
    AlertType,
    AutoLiquidation,
    AutoLiquidationTrigger,
    Case,
    CaseCloseReason,
    CaseStatus,
    Claim,
)
from domain.events import CaseView
from domain.ids import AccountId, CaseId, ClientId
from domain.margin import MarginFigures
from domain.money import Currency
from domain.principal import Audience
from domain.refusals import RefusalCode
from domain.reporting import Worth
from models.book import ACCOUNT_COLUMNS, account_reference
from models.sql.codec import figures_from_text, figures_to_text
from models.sql.columns import Columns, columns_of
from models.sql.database import (
    Row,
    execute,
    execute_many,
    fetch,
    fetch_one,
    fetch_records,
    for_update,
    insert_sql,
    is_sqlite,
    placeholders,
)
from models.sql.readable import first_readable, first_rows, readable
from models.sql.unreadable import reads
from models.sql.values import decimal, decimal_or_none, time, time_or_none, whole
from models.sql.where import Where

LIVE = (CaseStatus.OPEN, CaseStatus.LIQUIDATING, CaseStatus.EXCEPTION)
LIVE_LIST = ", ".join(f"'{status.value}'" for status in LIVE)
"""For ``IN (...)``."""

_COLUMNS = (
    "id",
    "case_no",
    "account_id",
    "alert_type",
    "status",
    "amount",
    "amount_at_open",
    "uncovered_amount",
    "figures",
    "opened_at",
    "deadline",
    "force_eligible",
    "plans",
    "cured_since",
    "auto_liquidate_at",
    "auto_liquidate_trigger",
    "auto_liquidate_held",
    "auto_liquidate_held_until",
    "auto_liquidate_set_by",
    "remark",
    "reopened_from",
    "closed_at",
    "close_reason",
    "version",
    "original_deadline",
    "claimed_by",
    "claimed_at",
    "claim_expires_at",
    "follow_ups",
    "exempted_by",
    "reporting_amount",
    "reporting_currency",
)
_NEXT_BY_SEQUENCE = "SELECT nextval('case_number') AS value"
_NEXT_BY_COUNTER = (
    "INSERT INTO counter (name, value) VALUES ('case', 1)"
    " ON CONFLICT (name) DO UPDATE SET value = counter.value + 1 RETURNING value"
)
FROM_CASE = "FROM margin_case c JOIN account a ON a.id = c.account_id JOIN client k ON k.id = a.client_id"
SELECT_CASE = (
    f"SELECT {', '.join(f'c.{column}' for column in _COLUMNS if column != 'account_id')}, {ACCOUNT_COLUMNS}"
    f" {FROM_CASE}"
)
"""Its rows are read by `case_from_row`; for lists in other modules."""
CASE_COLUMNS = Columns(
    {
        **columns_of(
            "c",
            "id case_no alert_type status figures opened_at deadline force_eligible remark closed_at"
            " close_reason exempted_by version original_deadline claimed_by claimed_at claim_expires_at"
            " follow_ups reporting_currency auto_liquidate_at auto_liquidate_trigger auto_liquidate_held"
            " auto_liquidate_held_until",
        ),
        **columns_of("a", "account_no base_currency close_only"),
        "account_id": "a.id",
        "account_type": "a.type",
        **columns_of("k", "client_no client_group"),
        "client_id": "k.id",
        "client_name": "k.name",
    },
    columns_of("c", "amount amount_at_open uncovered_amount reporting_amount"),
)
"""What may be read of a case with its account and client, `FROM_CASE`."""
_SELECT_WITH_VERSION = SELECT_CASE.replace(" FROM ", ", a.book_version FROM ", 1)


async def insert_case(case: Case) -> None:
    """Store a new case; `UniqueViolated` if the account has a live one of this alert type."""
    columns = (*_COLUMNS, "figures_at_open")
    await execute(insert_sql("margin_case", columns), *_values(case), figures_to_text(case.figures))


async def save_case(case: Case) -> None:
    """Store a changed case, whose account is locked."""
    columns = ", ".join(f"{column} = ${number}" for number, column in enumerate(_COLUMNS[1:], start=2))
    await execute(f"UPDATE margin_case SET {columns} WHERE id = $1", *_values(case))


@dataclass(frozen=True, slots=True)
class SavedFigures:
    """The stored cases. `absent`: others that are no longer live, or locked."""

    stored: frozenset[CaseId]
    absent: frozenset[CaseId]


async def save_figures(cases: Sequence[tuple[Case, int]], *, skip_locked: bool) -> SavedFigures:
    """Store recomputed figures of live cases, each unless the case or its account's book (the version) has
    changed.

    Cases locked by another transaction are left out with `skip_locked`, and `Busy` at once without it. Two
    statements in the caller's transaction, however many cases there are.
    """
    ids = [case.id for case, _ in cases]
    versions = await _lock_versions(ids, skip_locked=skip_locked)
    current = [case for case, book in cases if versions.get(case.id) == (case.version, book)]
    await execute_many(
        "UPDATE margin_case SET amount = $2, uncovered_amount = $3, figures = $4, cured_since = $5,"
        " force_eligible = $6, reporting_amount = $7, reporting_currency = $8 WHERE id = $1",
        [
            (
                case.id,
                case.figures.amount,
                case.uncovered_amount,
                figures_to_text(case.figures),
                case.cured_since,
                case.force_eligible,
                *_worth_values(case),
            )
            for case in current
        ],
    )
    return SavedFigures(frozenset(case.id for case in current), frozenset(ids) - versions.keys())


async def _lock_versions(ids: Sequence[CaseId], *, skip_locked: bool) -> dict[CaseId, tuple[int, int]]:
    """The versions of each live case and of its account's book; locked, accounts in order."""
    rows = await fetch(
        "SELECT c.id, c.version, a.book_version FROM margin_case c JOIN account a ON a.id = c.account_id"
        f" WHERE c.id IN ({placeholders(ids)}) AND c.status IN ({LIVE_LIST})"
        f" ORDER BY a.id, c.id{for_update('a', 'c', wait=False, skip_locked=skip_locked)}",
        *ids,
    )
    return {CaseId(row["id"]): (row["version"], row["book_version"]) for row in rows}


async def next_case_no(year: int) -> str:
    """The next case number, ``MC`` + year + a number that never repeats, in the caller's transaction.

    It blocks no other transaction: on PostgreSQL the number of a transaction that is rolled back is skipped.
    """
    row = await fetch_one(_NEXT_BY_COUNTER if is_sqlite() else _NEXT_BY_SEQUENCE)
    assert row is not None
    return f"MC{year}-{row['value']:06d}"


async def load_cases(
    audience: Audience, ids: Sequence[CaseId], *, strict: bool = False
) -> dict[CaseId, CaseView]:
    """Those of these cases that the audience may see and that can be read; `strict`: see `readable`."""
    where = Where()
    where.add("c.id IN (?)", list(ids))
    where.sees(audience)
    rows = await fetch(f"{SELECT_CASE}{where}", *where.values)
    views = readable(rows, case_from_row, "margin_case", strict=strict)
    return {view.case.id: view for view in views}


async def load_case_rows(
    audience: Audience, ids: Sequence[CaseId], columns: Collection[str]
) -> dict[CaseId, Row]:
    """Those of these cases that the audience may see, with these of `CASE_COLUMNS`."""
    where = Where()
    where.add("c.id IN (?)", list(ids))
    where.sees(audience)
    selected = CASE_COLUMNS.select(["id", *columns])
    rows = await fetch_records(f"SELECT {selected} {FROM_CASE}{where}", *where.values)
    return {CaseId(row["id"]): row for row in rows}


async def lock_case(audience: Audience, case_id: CaseId, *, wait: bool = True) -> tuple[CaseView, int] | None:
    """Lock the case and its account; returns the case and the version of the account's book.

    Without `wait`, `Busy` at once if another transaction holds them.
    """
    where = Where()
    where.add("c.id = ?", case_id)
    where.sees(audience)
    row = await fetch_one(
        f"{_SELECT_WITH_VERSION}{where}{for_update('a', 'c', wait=wait)}",
        *where.values,
    )
    return (case_from_row(row), row["book_version"]) if row else None


async def live_cases_of(account_ids: Sequence[AccountId], but_not: Collection[CaseId] = ()) -> list[CaseView]:
    """Every live case of these accounts, except `but_not`."""
    where = Where()
    where.add("c.account_id IN (?)", list(account_ids))
    where.add(f"c.status IN ({LIVE_LIST})")
    if but_not:
        where.add("c.id NOT IN (?)", sorted(but_not))
    rows = await fetch(f"{SELECT_CASE}{where} ORDER BY c.opened_at, c.id", *where.values)
    return [case_from_row(row) for row in rows]


async def live_cases_by_account(account_ids: Sequence[AccountId]) -> dict[AccountId, list[CaseView]]:
    """The live cases of each of these accounts, the oldest first."""
    cases: dict[AccountId, list[CaseView]] = defaultdict(list)
    for view in await live_cases_of(account_ids):
        cases[view.case.account_id].append(view)
    return cases


async def open_cases_of_clients(
    audience: Audience, ids: Sequence[ClientId]
) -> dict[ClientId, list[CaseView]]:
    """The live cases of each client that the audience may see, newest first."""
    where = Where()
    where.add("a.client_id IN (?)", list(ids))
    where.add("c.status IN (?)", LIVE)
    where.sees(audience)
    cases: dict[ClientId, list[CaseView]] = defaultdict(list)
    rows = await fetch(f"{SELECT_CASE}{where} ORDER BY c.opened_at DESC, c.id DESC", *where.values)
    for view in readable(rows, case_from_row, "margin_case"):
        cases[view.account.client_id].append(view)
    return cases


async def last_closed_case(account_id: AccountId, alert_type: AlertType) -> CaseId | None:
    """The case that a new breach reopens."""
    row = await fetch_one(
        f"SELECT id FROM margin_case WHERE account_id = $1 AND alert_type = $2"
        f" AND status NOT IN ({LIVE_LIST}) ORDER BY closed_at DESC, id DESC LIMIT 1",
        account_id,
        alert_type,
    )
    return CaseId(row["id"]) if row else None


@dataclass(frozen=True, slots=True)
class DueAutoLiquidation:
    """A case whose automatic liquidation is due, and since when."""

    at: datetime
    case_id: CaseId


async def due_auto_liquidations(
    now: datetime, limit: int, after: DueAutoLiquidation | None = None
) -> list[DueAutoLiquidation]:
    """Live cases whose automatic liquidation is due, the longest due first, after `after`."""
    where = Where()
    where.add("status IN (?)", LIVE)
    where.add("auto_liquidate_at <= ?", now)
    where.add("(auto_liquidate_held_until IS NULL OR auto_liquidate_held_until <= ?)", now)
    if after is not None:
        where.add("(auto_liquidate_at, id) > (?, ?)", after.at, after.case_id)
    first = first_rows(
        f"SELECT id, auto_liquidate_at FROM margin_case{where} ORDER BY auto_liquidate_at, id", where
    )
    return await first_readable(first, _due, "margin_case", limit)


def _due(row: Row) -> DueAutoLiquidation:
    return DueAutoLiquidation(time(row["auto_liquidate_at"]), CaseId(row["id"]))


async def hold_auto_liquidation(case_id: CaseId, until: datetime) -> None:
    """Try again at `until`; the case is locked, and nothing visible to clients changes."""
    await execute("UPDATE margin_case SET auto_liquidate_held_until = $2 WHERE id = $1", case_id, until)


async def live_case_ids() -> list[CaseId]:
    """The ids of all live cases."""
    rows = await fetch(f"SELECT id FROM margin_case WHERE status IN ({LIVE_LIST}) ORDER BY id")
    return [CaseId(row["id"]) for row in rows]


async def figures_at_open(audience: Audience, ids: Sequence[CaseId]) -> dict[CaseId, MarginFigures]:
    """The figures at the opening of each case, if stored and visible to the audience."""
    where = Where()
    where.add("c.id IN (?)", list(ids))
    where.add("c.figures_at_open IS NOT NULL")
    where.sees(audience)
    rows = await fetch(f"SELECT c.id, c.figures_at_open {FROM_CASE}{where}", *where.values)
    read = readable(rows, _figures_at_open, "margin_case")
    return dict(read)


@reads("margin_case")
def _figures_at_open(row: Row) -> tuple[CaseId, MarginFigures]:
    return CaseId(row["id"]), figures_from_text(row["figures_at_open"])


@reads("margin_case")
def case_from_row(row: Row) -> CaseView:
    """From a row of `SELECT_CASE`."""
    case = Case(
        id=CaseId(row["id"]),
        case_no=row["case_no"],
        account_id=AccountId(row["account_id"]),
        alert_type=AlertType(row["alert_type"]),
        status=CaseStatus(row["status"]),
        figures=figures_from_text(row["figures"]),
        amount_at_open=decimal(row["amount_at_open"]),
        uncovered_amount=decimal(row["uncovered_amount"]),
        opened_at=time(row["opened_at"]),
        deadline=time(row["deadline"]),
        force_eligible=bool(row["force_eligible"]),
        plans=whole(row["plans"]),
        cured_since=time_or_none(row["cured_since"]),
        auto_liquidation=_auto_liquidation(row),
        remark=row["remark"],
        reopened_from=row["reopened_from"],
        closed_at=time_or_none(row["closed_at"]),
        close_reason=CaseCloseReason(row["close_reason"]) if row["close_reason"] else None,
        exempted_by=row["exempted_by"],
        version=whole(row["version"]),
        original_deadline=time_or_none(row["original_deadline"]),
        claim=_claim(row),
        follow_ups=whole(row["follow_ups"]),
        worth=_worth(row),
    )
    return CaseView(case, account_reference(row))


def _auto_liquidation(row: Row) -> AutoLiquidation | None:
    at = time_or_none(row["auto_liquidate_at"])
    if at is None:
        return None
    held = RefusalCode(row["auto_liquidate_held"]) if row["auto_liquidate_held"] else None
    trigger = AutoLiquidationTrigger(row["auto_liquidate_trigger"])
    held_until = time_or_none(row["auto_liquidate_held_until"])
    return AutoLiquidation(at, trigger, held, held_until, row["auto_liquidate_set_by"])


def _claim(row: Row) -> Claim | None:
    if row["claimed_by"] is None:
        return None
    return Claim(row["claimed_by"], time(row["claimed_at"]), time(row["claim_expires_at"]))


def _worth(row: Row) -> Worth | None:
    amount, currency = decimal_or_none(row["reporting_amount"]), row["reporting_currency"]
    return None if amount is None else Worth(amount, Currency(currency))


def _worth_values(case: Case) -> tuple[Decimal | None, Currency | None]:
    return (case.worth.amount, case.worth.currency) if case.worth else (None, None)


def _values(case: Case) -> list[Any]:
    auto, claim = case.auto_liquidation, case.claim
    return [
        case.id,
        case.case_no,
        case.account_id,
        case.alert_type,
        case.status,
        case.figures.amount,
        case.amount_at_open,
        case.uncovered_amount,
        figures_to_text(case.figures),
        case.opened_at,
        case.deadline,
        case.force_eligible,
        case.plans,
        case.cured_since,
        auto.at if auto else None,
        auto.trigger if auto else None,
        auto.held if auto else None,
        auto.held_until if auto else None,
        auto.set_by if auto else None,
        case.remark,
        case.reopened_from,
        case.closed_at,
        case.close_reason,
        case.version,
        case.original_deadline,
        claim.by if claim else None,
        claim.at if claim else None,
        claim.expires_at if claim else None,
        case.follow_ups,
        case.exempted_by,
        *_worth_values(case),
    ]
