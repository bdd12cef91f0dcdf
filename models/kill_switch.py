"""Kill switches: set, end, and check whether an order may be sent."""

from collections.abc import Sequence
from datetime import datetime

from domain.events import AccountReference
from domain.ids import AccountId, KillSwitchId
from domain.kill_switch import Frozen, KillSwitch, KillSwitchScope
from domain.principal import Audience
from models.sql.codec import dumps, loads
from models.sql.database import Row, execute, fetch, fetch_one, insert_sql, is_sqlite, placeholders
from models.sql.readable import first_rows, readable, readable_page
from models.sql.unreadable import reads
from models.sql.values import time, time_or_none
from models.sql.where import Page, PageRequest, Where, in_order

_COLUMNS = ("id", "scope", "subject", "set_by", "reason", "since", "ended_at", "ended_by")
_SELECT = f"SELECT {', '.join(f's.{column}' for column in _COLUMNS)} FROM kill_switch s"
GUARD = 7_302_021
"""An arbitrary lock number that nothing else uses in this database."""
_COVERS = (
    "(s.scope = 'DESK' OR (s.scope = 'ACCOUNT' AND s.subject = $1)"
    " OR (s.scope = 'CLIENT' AND s.subject = $2))"
)


async def guard_sending() -> None:
    """In the transaction that sends an order: a switch set meanwhile waits for the transaction's end.

    Once a switch is on, therefore, no order under it is between being recorded as sent and being sent.
    """
    if not is_sqlite():
        await fetch("SELECT pg_advisory_xact_lock_shared($1)", GUARD)


async def guard_setting() -> None:
    """In the transaction that sets a switch: wait until no order is being sent. On SQLite transactions
    exclude each other anyway.
    """
    if not is_sqlite():
        await fetch("SELECT pg_advisory_xact_lock($1)", GUARD)


async def insert_switch(switch: KillSwitch) -> None:
    """Store a switch that is on; `UniqueViolated` if it is on already."""
    await execute(insert_sql("kill_switch", _COLUMNS), *_values(switch))


async def end_switch(switch: KillSwitch) -> None:
    """Store the end of a switch."""
    await execute(
        "UPDATE kill_switch SET ended_at = $2, ended_by = $3 WHERE id = $1",
        switch.id,
        switch.ended_at,
        dumps(list(switch.ended_by)),
    )


async def switch_on(frozen: Frozen) -> KillSwitch | None:
    """The switch that is on for exactly this scope."""
    row = await fetch_one(
        f"{_SELECT} WHERE s.scope = $1 AND s.subject = $2 AND s.ended_at IS NULL",
        frozen.scope,
        frozen.subject,
    )
    return _switch(row) if row else None


async def switch_over(account: AccountReference, since: datetime | None = None) -> KillSwitch | None:
    """A switch that is on and covers the account; with `since` also one that was on at any time after it."""
    after = "" if since is None else " OR s.ended_at >= $3"
    values = (account.account_id, account.client_id, *(() if since is None else (since,)))
    row = await fetch_one(
        f"{_SELECT} WHERE {_COVERS} AND (s.ended_at IS NULL{after}) ORDER BY s.since, s.id LIMIT 1", *values
    )
    return _switch(row) if row else None


async def frozen_accounts(accounts: Sequence[AccountReference]) -> set[AccountId]:
    """Those of these accounts that are covered by a switch that is on."""
    subjects = sorted({id_ for each in accounts for id_ in (each.account_id, each.client_id)})
    rows = await fetch(
        "SELECT s.scope, s.subject FROM kill_switch s WHERE s.ended_at IS NULL"
        f" AND (s.scope = 'DESK' OR s.subject IN ({placeholders(subjects)}))",
        *subjects,
    )
    on = [Frozen(KillSwitchScope(row["scope"]), row["subject"]) for row in rows]
    return {each.account_id for each in accounts if any(frozen.covers(each) for frozen in on)}


async def account_nos_of(frozen: Frozen) -> tuple[str, ...]:
    """The numbers of the accounts that a switch of this scope freezes, sorted; empty for the whole desk."""
    if frozen.scope is KillSwitchScope.DESK:
        return ()
    column = "id" if frozen.scope is KillSwitchScope.ACCOUNT else "client_id"
    rows = await fetch(
        f"SELECT a.account_no FROM account a WHERE a.{column} = $1 ORDER BY a.account_no", frozen.subject
    )
    return tuple(row["account_no"] for row in rows)


async def load_switches(audience: Audience, ids: Sequence[KillSwitchId]) -> dict[KillSwitchId, KillSwitch]:
    """Those of these switches that the audience may see."""
    where = _visible(audience)
    where.add("s.id IN (?)", list(ids))
    switches = readable(await fetch(f"{_SELECT}{where}", *where.values), _switch, "kill_switch")
    return {switch.id: switch for switch in switches}


async def page_switches(audience: Audience, on: bool | None, request: PageRequest) -> Page[KillSwitch]:
    """One page, newest first; the key of a row is (since, id)."""
    where = _where(audience, on)
    sorted_ = in_order(where, request, "s.since, s.id", descending=True)
    newest = first_rows(f"{_SELECT}{sorted_}", where)
    return await readable_page(newest, _switch, "kill_switch", request)


async def count_switches(audience: Audience, on: bool | None) -> int:
    """The number of matching switches."""
    where = _where(audience, on)
    row = await fetch_one(f"SELECT COUNT(*) AS switches FROM kill_switch s{where}", *where.values)
    assert row is not None
    return int(row["switches"])


def _where(audience: Audience, on: bool | None) -> Where:
    where = _visible(audience)
    if on is not None:
        where.add("s.ended_at IS NULL" if on else "s.ended_at IS NOT NULL")
    return where


def _visible(audience: Audience) -> Where:
    """The desk's switch is visible to every audience, since it concerns all accounts; others with an account
    in scope.
    """
    where = Where()
    if not audience.may_see:
        where.add("1 = 0")
    elif audience.account_scope is not None:
        where.add(
            "(s.scope = 'DESK' OR EXISTS (SELECT 1 FROM account a WHERE a.account_no IN (?)"
            " AND s.subject IN (a.id, a.client_id)))",
            sorted(audience.account_scope),
        )
    return where


@reads("kill_switch")
def _switch(row: Row) -> KillSwitch:
    return KillSwitch(
        id=KillSwitchId(row["id"]),
        frozen=Frozen(KillSwitchScope(row["scope"]), row["subject"]),
        set_by=row["set_by"],
        reason=row["reason"],
        since=time(row["since"]),
        ended_at=time_or_none(row["ended_at"]),
        ended_by=tuple(loads(row["ended_by"])),
    )


def _values(switch: KillSwitch) -> list[object]:
    return [
        switch.id,
        switch.frozen.scope,
        switch.frozen.subject,
        switch.set_by,
        switch.reason,
        switch.since,
        switch.ended_at,
        dumps(list(switch.ended_by)),
    ]
