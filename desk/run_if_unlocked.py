"""One account's part of a round over many: an account that is locked is left to the next round."""

from collections.abc import Awaitable, Callable

from domain.ids import AccountId
from models.book import lock_accounts
from models.sql.database import transaction
from models.sql.faults import Busy
from outages.log import OutageLogs


def busy_accounts() -> OutageLogs:
    """The outage log of locked accounts, for the rounds of one loop."""
    return OutageLogs(
        "account",
        "an account is locked and waits for the next round",
        "a locked account is processed again",
        level="info",
    )


async def run_if_unlocked(
    account_id: AccountId, step: Callable[[], Awaitable[None]], busy: OutageLogs
) -> bool:
    """Run `step` in a transaction under the account's lock; False if another transaction holds the lock."""
    try:
        async with transaction():
            await lock_accounts([account_id], wait=False)
            await step()
    except Busy as locked:
        busy.report(account_id, locked)
        return False
    busy.over(account_id)
    return True
