"""A lender recalls stock: allocate it to the clients who are short of it, each with a case of its own.

One transaction under the locks of all accounts that are short of the stock, so that no two recalls demand the
same shares, and none more than the short.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from desk.audit import entry
from desk.command import UNREADABLE, CommandRequest, run_once
from desk.context import DeskContext
from desk.outcomes import Done, Outcome
from desk.stock_recovery.open_recoveries import StockCall, StockDemand, open_recoveries
from domain.case import AlertType
from domain.events import CaseEvent
from domain.ids import AccountId, Symbol
from domain.market import Instrument, InstrumentKind
from domain.money import plain_text, total
from domain.principal import Audience, Capability, Principal
from domain.recall_allocation import AllocationRule, RecallableShort, RecallShare, allocate
from domain.refusals import Refusal, RefusalCode
from domain.stock_recovery import RecallCause, Recovery, moved_up, recallable_quantity
from models import outbox
from models.audit import AuditEntry, write_audit
from models.book import load_books, lock_accounts
from models.case import live_cases_of
from models.market import load_instruments
from models.sql.readable import all_or_each
from models.stock_borrow import ShortHolding, accounts_short_of, shorts_in
from models.stock_recovery import StockRecall, insert_recall, open_recoveries_of, save_moved

BOOKS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class RecallStock:
    """The stock and the quantity to recall, in units above zero."""

    idempotency_key: str
    symbol: Symbol
    quantity: Decimal
    due_at: datetime
    cause: RecallCause
    rule: AllocationRule
    reason: str


async def recall_stock(desk: DeskContext, principal: Principal, command: RecallStock) -> Outcome:
    """`Done` names the recall."""

    async def decide() -> Outcome | Refusal:
        return await _decide(desk, principal, command)

    content, needs = _plain(command), (Capability.HANDLE_STOCK,)
    request = CommandRequest(principal, "recall_stock", command.idempotency_key, content, needs)
    return await run_once(desk, request, command.symbol, decide)


async def _decide(desk: DeskContext, principal: Principal, command: RecallStock) -> Outcome | Refusal:
    now = desk.clock()
    instrument = (await load_instruments([command.symbol], strict=True)).get(command.symbol)
    refused = _refused(command, instrument, now)
    if refused is not None:
        return refused
    assert instrument is not None
    locked = await _lock_shorts(desk, principal.audience, command.symbol)
    if isinstance(locked, Refusal):
        return locked
    held, left_out = await _readable(desk, principal.audience, command.symbol, locked, now)
    recoveries = await _open_recalls([short.account.account_id for short in held], command.symbol)
    shorts = _recallable(held, recoveries)
    shares = allocate(command.quantity, shorts.values(), command.rule, instrument.lot_size)
    if not shares and left_out:
        return Refusal(RefusalCode.UNREADABLE, UNREADABLE)
    if not shares:
        return Refusal(
            RefusalCode.NOTHING_TO_COLLECT,
            f"No account is short of a whole lot of {command.symbol} beyond what is already recalled.",
        )
    recall = _recall(desk, principal, command, total(share.quantity for share in shares), now)
    await insert_recall(recall)
    recalled = {share.account_id for share in shares}
    await _make_room([short for short in held if short.account.account_id in recalled], recoveries)
    await write_audit([_audit(principal, recall, command, shares, left_out)])
    await _open(desk, principal, recall, shares, shorts, now)
    return Done(recall.id)


def _refused(command: RecallStock, instrument: Instrument | None, now: datetime) -> Refusal | None:
    if instrument is None or instrument.kind is InstrumentKind.OPTION:
        return Refusal(RefusalCode.NOT_FOUND, f"No stock of symbol {command.symbol} is known.")
    if command.due_at <= now:
        return Refusal(RefusalCode.TOO_LATE, "`dueAt` of the recall is past: give a future time.")
    return None


async def _lock_shorts(desk: DeskContext, audience: Audience, symbol: Symbol) -> list[AccountId] | Refusal:
    """The accounts within scope that are short of the stock, locked."""
    most = desk.policy.recall_max_accounts
    ids = await accounts_short_of(audience, symbol, most + 1)
    if len(ids) > most:
        return Refusal(
            RefusalCode.TOO_MANY,
            f"More than {most} accounts are short of {symbol}: recall it for fewer accounts at a time.",
        )
    if ids:
        await lock_accounts(ids)
    return ids


async def _readable(
    desk: DeskContext, audience: Audience, symbol: Symbol, ids: Sequence[AccountId], now: datetime
) -> tuple[list[ShortHolding], list[AccountId]]:
    """The shorts of these accounts by account number, and the accounts omitted because their stored data is
    damaged.

    A case that cannot be processed would be of no use to the lender.
    """

    async def read(some: Sequence[AccountId]) -> dict[AccountId, ShortHolding]:
        await load_books(some, desk.policy.books, now)
        await open_recoveries_of(some)
        await live_cases_of(some)
        shorts = await shorts_in(audience, [symbol], some)
        return {short.account.account_id: short for short in shorts.get(symbol, ())}

    readable: list[ShortHolding] = []
    left_out: list[AccountId] = []
    for start in range(0, len(ids), BOOKS_AT_ONCE):
        whole, damaged = await all_or_each(read, ids[start : start + BOOKS_AT_ONCE])
        readable += whole.values()
        left_out += damaged
    return sorted(readable, key=lambda short: short.account.account_no), left_out


async def _open_recalls(ids: Sequence[AccountId], symbol: Symbol) -> Mapping[AccountId, list[Recovery]]:
    recalls: dict[AccountId, list[Recovery]] = defaultdict(list)
    for each in await open_recoveries_of(ids):
        if each.alert_type is AlertType.SHORT_RECALL and each.symbol == symbol:
            recalls[each.account_id].append(each)
    return recalls


def _recallable(
    shorts: Sequence[ShortHolding], recoveries: Mapping[AccountId, list[Recovery]]
) -> dict[AccountId, RecallableShort]:
    recallable = {}
    for short in shorts:
        id_ = short.account.account_id
        quantity = recallable_quantity(short.quantity, recoveries.get(id_, ()))
        if quantity > 0:
            recallable[id_] = RecallableShort(id_, short.account.account_no, quantity, short.short_since)
    return recallable


async def _make_room(
    shorts: Sequence[ShortHolding], recoveries: Mapping[AccountId, Sequence[Recovery]]
) -> None:
    await save_moved(
        [
            recall
            for short in shorts
            for recall in moved_up(short.quantity, recoveries.get(short.account.account_id, ()))
        ]
    )


async def _open(
    desk: DeskContext,
    principal: Principal,
    recall: StockRecall,
    shares: Sequence[RecallShare],
    shorts: Mapping[AccountId, RecallableShort],
    now: datetime,
) -> None:
    for start in range(0, len(shares), BOOKS_AT_ONCE):
        chunk = shares[start : start + BOOKS_AT_ONCE]
        books = await load_books([share.account_id for share in chunk], desk.policy.books, now)
        events: list[CaseEvent] = []
        for share in chunk:
            demand = _demand(recall, share, shorts[share.account_id])
            call = StockCall(AlertType.SHORT_RECALL, [demand], recall.due_at)
            events += await open_recoveries(desk, principal, books[share.account_id], call, now)
        await outbox.append(events)


def _demand(recall: StockRecall, share: RecallShare, short: RecallableShort) -> StockDemand:
    may_stay = total([short.quantity, share.quantity.copy_negate()])
    return StockDemand(recall.symbol, share.quantity, may_stay, recall.cause, recall.id)


def _recall(
    desk: DeskContext, principal: Principal, command: RecallStock, allocated: Decimal, now: datetime
) -> StockRecall:
    return StockRecall(
        id=desk.new_id(),
        symbol=command.symbol,
        quantity=command.quantity,
        allocated=allocated,
        rule=command.rule,
        cause=command.cause,
        due_at=command.due_at,
        reason=command.reason,
        recalled_by=principal.subject,
        recalled_at=now,
    )


def _plain(command: RecallStock) -> dict[str, object]:
    return {
        "symbol": command.symbol,
        "quantity": plain_text(command.quantity),
        "dueAt": command.due_at.isoformat(),
        "cause": command.cause,
        "rule": command.rule,
        "reason": command.reason,
    }


def _audit(
    principal: Principal,
    recall: StockRecall,
    command: RecallStock,
    shares: Sequence[RecallShare],
    left_out: Sequence[AccountId],
) -> AuditEntry:
    after = {
        **_plain(command),
        "allocated": plain_text(recall.allocated),
        "shares": [[share.account_id, plain_text(share.quantity)] for share in shares],
    }
    detail: dict[str, object] = {"idempotencyKey": command.idempotency_key}
    if left_out:
        detail["leftOut"] = list(left_out)
    record = entry(principal, recall.recalled_at, "recallStock", "stockRecall", recall.id, detail)
    return record.changing(after=after)
