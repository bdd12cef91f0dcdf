"""The clients' own orders: cancelled before the desk trades, or when the account must be flat."""

from desk.audit import entry
from desk.context import DeskContext
from domain.events import AccountReference
from domain.principal import SYSTEM
from models.audit import write_audit
from models.kill_switch import switch_over
from models.sql.database import transaction
from venues.base import CancelsClientOrders, Venue, VenueUnavailable


async def cancel_client_orders(desk: DeskContext, venue: Venue, account: AccountReference) -> bool:
    """False if the venue was not available and has to be called again; no transaction may be open.

    Venues that do not support it, or do not know of client orders, are skipped; under a kill switch they are
    kept.
    """
    if not isinstance(venue, CancelsClientOrders) or await switch_over(account) is not None:
        return True
    try:
        cancelled = await venue.cancel_client_orders(account.account_no)
    except VenueUnavailable:
        return False
    if cancelled:
        detail = {"accountNo": account.account_no, "orders": cancelled}
        record = entry(SYSTEM, desk.clock(), "cancelClientOrders", "account", account.account_id, detail)
        async with transaction():
            await write_audit([record])
    return True
