"""Snapshots of cases at the moments that count, each taken once, in the transaction of the change.

Whatever changes a case calls `snapshot_change` with the case before and after, from which the due snapshots
follow. `snapshot_notice` takes those of notices, and `desk.evidence.daily_snapshots` the daily ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from desk.audit import snapshot_entry
from desk.context import DeskContext
from domain.case import Case
from domain.events import OrderView
from domain.ids import AccountId
from domain.open_orders import as_open_orders
from domain.principal import EVERYTHING
from domain.requested_amount import book_of
from domain.snapshot import (
    SnapshotInputs,
    SnapshotKind,
    content_of,
    due_kinds,
    text_and_hash,
)
from models.audit import write_audit
from models.book import AccountBook, load_books
from models.order import open_orders_of
from models.snapshot import StoredSnapshot, insert_snapshots
from models.stock_recovery import recoveries_of_cases

Moment = tuple[Case, SnapshotKind, str]
"""A case, the kind of snapshot, and the occasion that makes it unique."""


async def snapshot_change(
    desk: DeskContext,
    before: Case | None,
    after: Case,
    now: datetime,
    account: AccountBook | None = None,
    orders: Sequence[OrderView] | None = None,
) -> None:
    """Take the snapshots due after the change; `before` None: the case was opened. The caller locks the
    account.

    `account` and `orders` (the account's open orders) are read unless they are given.
    """
    moments = [(after, kind, occasion) for kind, occasion in due_kinds(before, after)]
    await _take(desk, moments, now, account, orders)


async def snapshot_notice(desk: DeskContext, case: Case, message_id: str, now: datetime) -> None:
    """Take the snapshot of a notice to the client, unique by the message's id. The caller locks the
    account.
    """
    await _take(desk, [(case, SnapshotKind.NOTICE, message_id)], now, None, None)


def inputs_of(
    desk: DeskContext, account: AccountBook, orders: Sequence[OrderView], now: datetime
) -> SnapshotInputs:
    """All inputs from which the figures of the account follow."""
    return SnapshotInputs(
        as_of=now,
        book=account.book,
        open_orders=tuple(as_open_orders(orders, account.book, desk.cover_conditions(now))),
        max_price_age=desk.policy.max_price_age,
        suspended_dead_after=desk.policy.books.suspended_dead_after,
    )


async def keep(
    desk: DeskContext, moments: Sequence[Moment], inputs: Mapping[AccountId, SnapshotInputs], now: datetime
) -> None:
    """Store the snapshots, and their hashes in the audit, whose chain protects them from then on."""
    asking = [case.id for case, _, _ in moments if case.is_recovery]
    recoveries = await recoveries_of_cases(EVERYTHING, asking) if asking else {}
    taken = []
    for case, kind, occasion in moments:
        demanded = tuple(view.recovery for view in recoveries.get(case.id, ()))
        of_account = inputs[case.account_id]
        known = replace(of_account, book=book_of(case.alert_type, of_account.book), recoveries=demanded)
        text, content_hash = text_and_hash(content_of(case, kind, occasion, known))
        taken.append(StoredSnapshot(desk.new_id(), case.id, kind, occasion, known.as_of, text, content_hash))
    kept = await insert_snapshots(taken)
    await write_audit([snapshot_entry(each, now) for each in kept])


async def _take(
    desk: DeskContext,
    moments: Sequence[Moment],
    now: datetime,
    account: AccountBook | None,
    orders: Sequence[OrderView] | None,
) -> None:
    if not moments:
        return
    account_id = moments[0][0].account_id
    if account is None:
        account = (await load_books([account_id], desk.policy.books, now))[account_id]
    if orders is None:
        orders = await open_orders_of([account_id])
    await keep(desk, moments, {account_id: inputs_of(desk, account, orders, now)}, now)
