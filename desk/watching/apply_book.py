"""Take in what the book of record states about cash and positions, one account and transaction at a time.

What another transaction works on at the moment is `Busy` at once: one account must not hold up the feed.
"""

from typing import Any

from desk.audit import BOOK, MARKET, entry
from desk.desk import Desk
from desk.watching.assess_case import assess_account
from desk.watching.case_event import tell_of_symbols
from desk.watching.excess_orders import compare_with_statement
from desk.watching.note_deposit import note_deposit
from domain.book_changes import CashStated, ContactStated, PositionStated, TradeStatusStated
from domain.canonical import plain
from domain.events import BookChanged
from domain.ids import AccountId
from domain.money import ZERO
from models import outbox
from models.audit import write_audit
from models.book import lock_accounts
from models.contact import client_id_of, lock_contact, state_contact
from models.database import UniqueViolated, transaction
from models.holding import (
    account_id_of,
    bump_book,
    cash_as_stored,
    position_as_stored,
    quantity_of,
    state_cash,
    state_position,
)
from models.market import lock_trade_status, save_trade_status
from models.stock_recovery import open_recoveries_of


class UnknownSubject(ValueError):
    """The statement is about an account or an instrument that the desk does not know."""


async def apply_statement(desk: Desk, stated: PositionStated | CashStated) -> AccountId:
    """Store it unless a newer one is known; the account. Hearing it twice changes nothing.

    Raises `UnknownSubject`, and `AmountTooLarge` where it cannot be stored together with later executions.
    """
    account_id = await account_id_of(stated.account_no)
    if account_id is None:
        raise UnknownSubject(f"account {stated.account_no} is not known")
    try:
        async with transaction():
            await _store(desk, account_id, stated)
    except UniqueViolated as violated:
        raise UnknownSubject(f"the statement names what is not known: {violated}") from None
    desk.on_commit()
    return account_id


async def take_trade_status(desk: Desk, stated: TradeStatusStated) -> bool:
    """Remember whether the instrument trades; False when it is unknown or the news is old."""
    async with transaction():
        before = await lock_trade_status(stated.symbol)
        changed = await save_trade_status(stated)
        if changed and before is not stated.status:
            was = None if before is None else {"tradeStatus": before}
            await write_audit(
                [
                    entry(
                        *(MARKET, desk.clock(), "state", "instrument", stated.symbol),
                        before=was,
                        after={"tradeStatus": stated.status},
                    )
                ]
            )
    return changed


async def apply_contact(desk: Desk, stated: ContactStated) -> str | None:
    """Store how a client is reached unless something newer is known; why not, if the client is not known."""
    client_id = await client_id_of(stated.client_no)
    if client_id is None:
        return f"client {stated.client_no} is not known"
    async with transaction():
        await lock_contact(client_id)
        if await state_contact(client_id, stated.contact, stated.as_of):
            # That it changed, not to what: the audit is read by who may not see addresses.
            detail = {"asOf": stated.as_of.isoformat(), "language": stated.language}
            await write_audit([entry(BOOK, desk.clock(), "state", "contact", client_id, detail)])
    return None


async def _store(desk: Desk, account_id: AccountId, stated: PositionStated | CashStated) -> None:
    await lock_accounts([account_id], wait=False)
    before = await _as_stored(account_id, stated)
    if isinstance(stated, PositionStated):
        quantity = await quantity_of(account_id, stated.symbol)
        held = bool(quantity)
        changed = await state_position(desk.new_id(), account_id, stated)
        if changed and await open_recoveries_of([account_id]):
            # What is outstanding follows from the positions: it changes in the same transaction.
            await assess_account(desk, account_id, desk.clock(), (stated.symbol, held))
        elif changed:
            await tell_of_symbols(desk, account_id, stated.symbol, held)
        if changed:
            await compare_with_statement(desk, account_id, stated, quantity)
    else:
        changed = await state_cash(desk.new_id(), account_id, stated)
        if changed:
            was, now_is = before, await _as_stored(account_id, stated)
            await note_deposit(
                desk, account_id, stated.currency, was["balance"] if was else ZERO, now_is["balance"]
            )
    if changed:
        await _audit(desk, account_id, stated, before)
        await bump_book(account_id)
        await outbox.append([BookChanged(desk.event_id(), desk.clock(), account_id)])


async def _as_stored(account_id: AccountId, stated: PositionStated | CashStated) -> Any:
    if isinstance(stated, PositionStated):
        return await position_as_stored(account_id, stated.symbol)
    return await cash_as_stored(account_id, stated.currency)


async def _audit(desk: Desk, account_id: AccountId, stated: PositionStated | CashStated, before: Any) -> None:
    """Who stated what; a statement that repeats what is known changes nothing but its own time."""
    after = await _as_stored(account_id, stated)
    if after == before:
        return
    detail = plain(stated)
    made = entry(
        *(BOOK, desk.clock(), "state", "account", account_id, detail),
        before=plain(before),
        after=plain(after),
    )
    await write_audit([made])
