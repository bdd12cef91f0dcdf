"""The list of accounts that the desk cannot judge."""

from dataclasses import dataclass
from datetime import datetime

from domain.doubt import DoubtReason
from domain.events import AccountReference
from domain.principal import Audience
from models.book import ACCOUNT_COLUMNS, account_reference
from models.sql.database import Row, fetch, fetch_one
from models.sql.readable import readable
from models.sql.values import time
from models.sql.where import Page, PageRequest, Where

_FROM = " FROM account_doubt d JOIN account a ON a.id = d.account_id"


@dataclass(frozen=True, slots=True)
class UnwatchedFilter:
    """Filter for unwatched accounts; None matches any."""

    reasons: tuple[DoubtReason, ...] | None = None
    account_no: str | None = None


@dataclass(frozen=True, slots=True)
class UnwatchedAccount:
    """An account with doubts; `since`: the start of the oldest that the filter matches."""

    account: AccountReference
    since: datetime


async def page_unwatched(
    audience: Audience, selection: UnwatchedFilter, request: PageRequest
) -> Page[UnwatchedAccount]:
    """Accounts with doubts, the oldest doubt first; the key of a row is (since, account id)."""
    where = _where(audience, selection)
    limit = where.value(request.first + 1)
    after = ""
    if request.after is not None:
        since, account_id = (where.value(each) for each in request.after)
        after = f" WHERE (u.since, u.account_id) > ({since}, {account_id})"
    rows = await fetch(
        f"SELECT {ACCOUNT_COLUMNS}, u.since FROM"
        f" (SELECT d.account_id, MIN(d.since) AS since{_FROM}{where} GROUP BY d.account_id) u"
        " JOIN account a ON a.id = u.account_id JOIN client k ON k.id = a.client_id"
        f"{after} ORDER BY u.since, u.account_id LIMIT {limit}",
        *where.values,
    )
    return Page(readable(rows[: request.first], _account, "account", "account_id"), len(rows) > request.first)


async def count_unwatched(audience: Audience, selection: UnwatchedFilter) -> int:
    """The number of accounts with a doubt that the filter matches."""
    where = _where(audience, selection)
    row = await fetch_one(f"SELECT COUNT(DISTINCT d.account_id) AS accounts{_FROM}{where}", *where.values)
    assert row is not None
    return int(row["accounts"])


def _account(row: Row) -> UnwatchedAccount:
    return UnwatchedAccount(account_reference(row), time(row["since"]))


def _where(audience: Audience, selection: UnwatchedFilter) -> Where:
    where = Where()
    where.sees(audience)
    where.add_if("d.reason IN (?)", selection.reasons)
    where.add_if("a.account_no = ?", selection.account_no)
    return where
