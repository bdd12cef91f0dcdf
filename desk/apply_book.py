"""Take in what the book of record states about cash and positions, one account and transaction at a time."""

from desk.assess_case import assess_account, tell_of_symbols
from desk.desk import Desk
from domain.book_changes import CashStated, PositionStated
from domain.events import BookChanged
from domain.ids import AccountId
from models import outbox
from models.book import lock_accounts
from models.database import UniqueViolated, transaction
from models.holding import account_id_of, bump_book, quantity_of, state_cash, state_position
from models.stock_recovery import open_recoveries_of


class UnknownSubject(ValueError):
    """The statement is about an account or an instrument that the desk does not know."""


async def apply_statement(desk: Desk, stated: PositionStated | CashStated) -> AccountId:
    """Store it unless a newer one is known; the account. Hearing it twice changes nothing."""
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


async def _store(desk: Desk, account_id: AccountId, stated: PositionStated | CashStated) -> None:
    await lock_accounts([account_id])
    if isinstance(stated, PositionStated):
        held = bool(await quantity_of(account_id, stated.symbol))
        changed = await state_position(desk.new_id(), account_id, stated)
        if changed and await open_recoveries_of([account_id]):
            # What is outstanding follows from the positions: it changes in the same transaction.
            await assess_account(desk, account_id, desk.clock(), (stated.symbol, held))
        elif changed:
            await tell_of_symbols(desk, account_id, stated.symbol, held)
    else:
        changed = await state_cash(desk.new_id(), account_id, stated)
    if changed:
        await bump_book(account_id)
        await outbox.append([BookChanged(desk.event_id(), desk.clock(), account_id)])
