"""One account's share of a round over many: who is worked on at the moment is left to the next round."""

from collections.abc import Awaitable, Callable

import structlog

from domain.ids import AccountId
from models.book import lock_accounts
from models.database import Busy, transaction

log = structlog.get_logger()


async def unless_busy(account_id: AccountId, step: Callable[[], Awaitable[None]]) -> bool:
    """Run `step` in a transaction, under the account's lock; False: another transaction has the lock."""
    try:
        async with transaction():
            await lock_accounts([account_id], wait=False)
            await step()
    except Busy:
        log.info("an account is worked on and waits for the next round", account=account_id)
        return False
    return True
