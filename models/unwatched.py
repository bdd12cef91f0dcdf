"""The list of accounts that the desk cannot judge."""

from dataclasses import dataclass
from datetime import datetime

from domain.doubt import DoubtReason
from domain.events import AccountReference
from domain.principal import Audience
from models.book import ACCOUNT_COLUMNS, account_reference
from models.sql.database import Row, fetch_one
from models.sql.readable import first_rows, readable
from models.sql.values import time
from models.sql.where import Page, PageRequest, Where, cut, in_order

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
    inner, outer = _where(audience, selection), Where()
    outer.values = inner.values
    grouped = f"SELECT d.account_id, MIN(d.since) AS since{_FROM}{inner} GROUP BY d.account_id"
    listed = (
        f"SELECT {ACCOUNT_COLUMNS}, u.since FROM ({grouped}) u"
        " JOIN account a ON a.id = u.account_id JOIN client k ON k.id = a.client_id"
        f"{in_order(outer, request, 'u.since, u.account_id')}"
    )
    page = cut(await first_rows(listed, outer)(request.size + 1), request)
    return Page(readable(page.rows, _account, "account", "account_id"), page.more)


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
