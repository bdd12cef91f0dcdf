"""Store statements of the book of record about cash and positions, one account and transaction at a time.

A row that another transaction locks raises `Busy` at once, so that one account cannot delay the feed.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from desk.assessment.assess_case import assess_account
from desk.assessment.case_event import publish_symbols
from desk.assessment.excess_orders import compare_with_statement
from desk.audit import BOOK, MARKET, entry
from desk.context import DeskContext
from desk.statements.note_deposit import note_deposit
from domain.book_changes import CashStated, ContactStated, PositionStated, TradeStatusStated
from domain.canonical import plain
from domain.currencies import unknown_currencies
from domain.events import BookChanged
from domain.ids import AccountId
from domain.market import suspension_began
from domain.money import ZERO, AmountTooLarge, InvalidDecimal
from models import outbox
from models.audit import write_audit
from models.book import lock_accounts
from models.contact import client_id_of, lock_contact, state_contact, stated_contact
from models.holding import (
    account_id_of,
    bump_book,
    cash_as_stored,
    cash_stated_at,
    position_as_stored,
    position_stated_at,
    quantity_of,
    state_cash,
    state_position,
)
from models.market import load_instruments, lock_trade_status, markets_of, save_trade_status
from models.sql.database import transaction
from models.stock_recovery import open_recoveries_of


class UnknownSubject(ValueError):
    """The statement is about an account, client or instrument that the desk does not know."""


class CannotBeHeld(UnknownSubject):
    """The account is known, but the desk cannot store what is stated about it."""

    def __init__(self, account_id: AccountId, why: str) -> None:
        super().__init__(why)
        self.account_id = account_id


@dataclass(frozen=True, slots=True)
class Applied:
    """A valid statement. `newer`: the time of what the desk holds, if that is newer."""

    account_id: AccountId | None = None
    newer: datetime | None = None


async def apply_statement(desk: DeskContext, stated: PositionStated | CashStated) -> Applied:
    """Store the statement unless a newer one is known; a repeat changes nothing.

    Raises `UnknownSubject` or `CannotBeHeld`.
    """
    account_id = await account_id_of(stated.account_no)
    if account_id is None:
        raise UnknownSubject(f"account {stated.account_no} is not known")
    await _require_place(account_id, stated)
    try:
        async with transaction():
            newer = await _store(desk, account_id, stated)
    except (AmountTooLarge, InvalidDecimal):
        raise CannotBeHeld(account_id, "the figure has more digits than can be stored") from None
    desk.on_commit()
    return Applied(account_id, newer)


async def take_trade_status(desk: DeskContext, stated: TradeStatusStated) -> Applied:
    """Store whether the instrument trades, and since when it does not; raises `UnknownSubject`."""
    now = desk.clock()
    async with transaction():
        before = await lock_trade_status(stated.symbol)
        if before is None:
            raise UnknownSubject(f"instrument {stated.symbol} is not known")
        began = suspension_began(before.suspended_since, stated.status, stated.at, stated.since)
        if not await save_trade_status(stated, began, now):
            return Applied(newer=before.at)
        if before.status is not stated.status:
            changed = entry(MARKET, now, "state", "instrument", stated.symbol).changing(
                before={"tradeStatus": before.status}, after={"tradeStatus": stated.status}
            )
            await write_audit([changed])
    return Applied()


async def apply_contact(desk: DeskContext, stated: ContactStated) -> Applied:
    """Store how to reach a client unless a newer contact is known; raises `UnknownSubject`."""
    client_id = await client_id_of(stated.client_no)
    if client_id is None:
        raise UnknownSubject(f"client {stated.client_no} is not known")
    now = desk.clock()
    async with transaction():
        await lock_contact(client_id)
        before = await stated_contact(client_id)
        if not await state_contact(client_id, stated.contact, stated.as_of, now):
            return Applied(newer=before.as_of if before else now)
        if before is None or before.contact != stated.contact:
            # That it changed, not to what: operators who may not see addresses read the audit too.
            detail = {"asOf": stated.as_of.isoformat(), "language": stated.language}
            await write_audit([entry(BOOK, now, "state", "contact", client_id, detail)])
    return Applied()


async def _require_place(account_id: AccountId, stated: PositionStated | CashStated) -> None:
    if isinstance(stated, CashStated):
        if unknown := unknown_currencies([stated.currency]):
            raise CannotBeHeld(account_id, f"the currency {unknown[0]} is not known")
    elif not await markets_of([stated.symbol]):
        raise CannotBeHeld(account_id, f"instrument {stated.symbol} is not known")
    elif stated.average_cost is not None and stated.average_cost < 0:
        if any(not each.negative_prices for each in (await load_instruments([stated.symbol])).values()):
            why = (
                f"averageCost is below zero, and prices of {stated.symbol} cannot be negative "
                "(negativePrices)"
            )
            raise CannotBeHeld(account_id, why)


async def _store(
    desk: DeskContext, account_id: AccountId, stated: PositionStated | CashStated
) -> datetime | None:
    """None, or the time of the newer statement that is known."""
    await lock_accounts([account_id], wait=False)
    before = await _as_stored(account_id, stated)
    if isinstance(stated, PositionStated):
        changed = await _store_position(desk, account_id, stated)
    else:
        changed = await _store_cash(desk, account_id, stated, before)
    if not changed:
        return await _stated_at(account_id, stated)
    await _audit(desk, account_id, stated, before)
    await bump_book(account_id)
    await outbox.append([BookChanged(desk.event_id(), desk.clock(), account_id)])
    return None


async def _store_position(desk: DeskContext, account_id: AccountId, stated: PositionStated) -> bool:
    quantity = await quantity_of(account_id, stated.symbol)
    held = bool(quantity)
    changed = await state_position(desk.new_id(), account_id, stated, desk.clock())
    if changed and await open_recoveries_of([account_id]):
        # Outstanding stock follows from the positions, so it changes in the same transaction.
        await assess_account(desk, account_id, desk.clock(), (stated.symbol, held))
    elif changed:
        await publish_symbols(desk, account_id, stated.symbol, held)
    if changed:
        await compare_with_statement(desk, account_id, stated, quantity)
    return changed


async def _store_cash(desk: DeskContext, account_id: AccountId, stated: CashStated, before: Any) -> bool:
    changed = await state_cash(desk.new_id(), account_id, stated, desk.clock())
    if changed:
        after = await _as_stored(account_id, stated)
        await note_deposit(
            desk, account_id, stated.currency, before["balance"] if before else ZERO, after["balance"]
        )
    return changed


async def _stated_at(account_id: AccountId, stated: PositionStated | CashStated) -> datetime | None:
    if isinstance(stated, PositionStated):
        return await position_stated_at(account_id, stated.symbol)
    return await cash_stated_at(account_id, stated.currency)


async def _as_stored(account_id: AccountId, stated: PositionStated | CashStated) -> Any:
    if isinstance(stated, PositionStated):
        return await position_as_stored(account_id, stated.symbol)
    return await cash_as_stored(account_id, stated.currency)


async def _audit(
    desk: DeskContext, account_id: AccountId, stated: PositionStated | CashStated, before: Any
) -> None:
    """Audit the statement and its source; a statement that repeats the known state only changes its time."""
    after = await _as_stored(account_id, stated)
    if after == before:
        return
    detail = plain(stated)
    record = entry(BOOK, desk.clock(), "state", "account", account_id, detail)
    await write_audit([record.changing(before=plain(before), after=plain(after))])
