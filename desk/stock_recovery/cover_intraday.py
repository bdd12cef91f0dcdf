"""Shorts of intraday accounts are covered before the close, as their debts are paid off.

Stock, like money, is lent to them within the day only. Their shorts are recalled, as with stock that can no
longer be borrowed, and the resulting recovery case covers them automatically (see flatten_intraday). Written
options are kept: their margin decides whether they may stay.
"""

from collections.abc import Sequence
from datetime import datetime

from desk.audit import entry
from desk.context import DeskContext
from desk.stock_recovery.open_recoveries import StockCall, StockDemand, open_recoveries
from domain.case import AlertType
from domain.ids import AccountId, Symbol
from domain.market import InstrumentKind
from domain.money import ZERO, plain_text
from domain.principal import SYSTEM
from domain.recall_allocation import AllocationRule
from domain.stock_recovery import RecallCause, Recovery, moved_up, recallable_quantity, short_quantity
from models import outbox
from models.audit import write_audit
from models.book import AccountBook, load_books
from models.stock_borrow import short_stocks_of
from models.stock_recovery import StockRecall, insert_recall, open_recoveries_of, save_moved

REASON = "Stock lent to intraday accounts must be returned within the day."


async def to_recall(ids: Sequence[AccountId]) -> list[AccountId]:
    """Those of these accounts with a short that is not recalled yet."""
    shorts = await short_stocks_of(ids)
    known = await open_recoveries_of([account_id for account_id, _ in shorts]) if shorts else []
    open_of = {key: recallable_quantity(quantity, _recalls(known, *key)) for key, quantity in shorts.items()}
    return list(dict.fromkeys(account_id for (account_id, _), quantity in open_of.items() if quantity))


def _recalls(known: Sequence[Recovery], account_id: AccountId, symbol: Symbol) -> list[Recovery]:
    return [
        each
        for each in known
        if each.account_id == account_id
        and each.alert_type is AlertType.SHORT_RECALL
        and each.symbol == symbol
    ]


async def recall(desk: DeskContext, account_id: AccountId) -> None:
    """Recall all of the account's shorts, in the caller's transaction, under the account's lock."""
    now = desk.clock()
    account = (await load_books([account_id], desk.policy.books, now))[account_id]
    recalled = [
        await _recalled(desk, account, held.instrument.symbol, now)
        for held in account.book.holdings
        if held.quantity < 0 and held.instrument.kind is not InstrumentKind.OPTION
    ]
    demands = [each for each in recalled if each is not None]
    if demands:
        call = StockCall(AlertType.SHORT_RECALL, demands, now)
        await outbox.append(await open_recoveries(desk, SYSTEM, account, call, now))


async def _recalled(
    desk: DeskContext, account: AccountBook, symbol: Symbol, now: datetime
) -> StockDemand | None:
    """The part of the short that no recall covers yet."""
    short = short_quantity(account.book, symbol)
    account_id = account.account.account_id
    known = _recalls(await open_recoveries_of([account_id]), account_id, symbol)
    quantity = recallable_quantity(short, known)
    if not quantity:
        return None
    await save_moved(moved_up(short, known))
    recall = StockRecall(
        id=desk.new_id(),
        symbol=symbol,
        quantity=quantity,
        allocated=quantity,
        rule=AllocationRule.FIFO,
        cause=RecallCause.UNBORROWED,
        due_at=now,
        reason=REASON,
        recalled_by=SYSTEM,
        recalled_at=now,
    )
    await insert_recall(recall)
    detail = {"symbol": symbol, "quantity": plain_text(quantity), "account": account_id}
    await write_audit([entry(SYSTEM, now, "recallStock", "stockRecall", recall.id, detail)])
    return StockDemand(symbol, quantity, ZERO, recall.cause, recall.id)
