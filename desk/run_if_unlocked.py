"""One account's share of a round over many: who is worked on at the moment is left to the next round."""

from collections.abc import Awaitable, Callable

from domain.ids import AccountId
from models.book import lock_accounts
from models.sql.database import Busy, transaction
from outages.log import OutageLogs


def busy_accounts() -> OutageLogs:
    """Of the rounds of one loop."""
    return OutageLogs(
        "account",
        "an account is worked on and waits for the next round",
        "an account waits for its round no longer",
        level="info",
    )


async def run_if_unlocked(
    account_id: AccountId, step: Callable[[], Awaitable[None]], busy: OutageLogs
) -> bool:
    """Run `step` in a transaction, under the account's lock; False: another transaction has the lock."""
    try:
        async with transaction():
            await lock_accounts([account_id], wait=False)
            await step()
    except Busy as locked:
        busy.tell(account_id, locked)
        return False
    busy.over(account_id)
    return True
