"""What clients ordered themselves: cancelled where the desk is to trade, or the account must be flat."""

from desk.audit import entry
from desk.desk import Desk
from domain.events import AccountReference
from domain.principal import SYSTEM
from models.audit import write_audit
from models.kill_switch import switch_over
from models.sql.database import transaction
from venues.base import CancelsClientOrders, Venue, VenueUnavailable


async def cancel_client_orders(desk: Desk, venue: Venue, account: AccountReference) -> bool:
    """False when the venue was away, so that it may be asked again; no transaction may be open.

    A venue that cannot do it, or does not know of them, is none to ask; they are let be under a kill switch.
    """
    if not isinstance(venue, CancelsClientOrders) or await switch_over(account) is not None:
        return True
    try:
        cancelled = await venue.cancel_client_orders(account.account_no)
    except VenueUnavailable:
        return False
    if cancelled:
        detail = {"accountNo": account.account_no, "orders": cancelled}
        told = entry(SYSTEM, desk.clock(), "cancelClientOrders", "account", account.account_id, detail)
        async with transaction():
            await write_audit([told])
    return True
