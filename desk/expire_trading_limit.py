"""A margin call ends the client's trading limit, where the risk settings say so."""

from dataclasses import replace
from datetime import datetime

from desk.outcomes import plain
from domain.money import ZERO
from models.audit import AuditEntry, write_audit
from models.book import AccountBook
from models.holding import bump_book, set_trading_limit

SYSTEM = "system"
"""Who did what nobody asked for."""


async def expire_trading_limit(account: AccountBook, now: datetime) -> AccountBook:
    """The account without its limit, stored and audited; the caller holds its lock."""
    account_id, terms = account.account.account_id, account.book.terms
    await set_trading_limit(account_id, ZERO)
    await bump_book(account_id)
    detail = {"before": plain(terms.trading_limit), "after": plain(ZERO)}
    await write_audit([AuditEntry(now, SYSTEM, "expireTradingLimit", "account", account_id, detail)])
    return replace(account, book=replace(account.book, terms=replace(terms, trading_limit=ZERO)))
