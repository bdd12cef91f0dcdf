"""A margin call ends the client's trading limit, where the risk settings say so."""

from dataclasses import replace
from datetime import datetime

from desk.audit import MONITOR, entry
from domain.canonical import plain
from domain.money import ZERO
from models.audit import write_audit
from models.book import AccountBook
from models.holding import bump_book, set_trading_limit


async def expire_trading_limit(account: AccountBook, now: datetime) -> AccountBook:
    """The account without its trading limit, stored and audited; the caller holds its lock."""
    account_id, terms = account.account.account_id, account.book.terms
    await set_trading_limit(account_id, ZERO)
    await bump_book(account_id)
    ended = entry(MONITOR, now, "expireTradingLimit", "account", account_id).changing(
        before={"tradingLimit": plain(terms.trading_limit)}, after={"tradingLimit": plain(ZERO)}
    )
    await write_audit([ended])
    return replace(account, book=replace(account.book, terms=replace(terms, trading_limit=ZERO)))
