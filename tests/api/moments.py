"""Moments of a desk's day that a test must not fall in between of: prices that change, time that passes."""

from datetime import timedelta

from tests.api.trading import CASE_EVENTS
from tests.kit.book_files import quotes
from tests.kit.desk_server import Desk, World

_FIGURES = """query ($of: String!) { cases(filter: {accountNo: $of}) { nodes {
  figures { longMarketValue stale } account { figures { longMarketValue stale } } } } }"""
STEPS = ("98", "99", "99.5")


async def prices_call(desk: Desk, accounts: int = 2) -> None:
    """Prices at which so many accounts owe; nothing trades. Returns when their calls are published."""
    events = await desk.caller().subscribe(CASE_EVENTS)
    await desk.market.says(*quotes(desk.clock(), size=0))
    for _ in range(accounts):
        await events.next()


async def time_comes(world: World, size: int = 0, **time: float) -> None:
    """Publish the prices of a later moment, then advance the clock to it, so that no loop sees old ones."""
    await world.market.says(*quotes(world.clock() + timedelta(**time), size=size))
    world.clock.advance(**time)


async def all_accounts_assessed(desk: Desk, witness: str, prices: tuple[str, ...] = STEPS) -> None:
    """Wait until the monitor has assessed every account on everything that was committed before this call.

    `witness` is an account with a case, whose figures show how far the monitor is. When they show the first
    price, the current round may still have begun before the call. When they show the second, a round after
    the call has applied the settings; with the third, the accounts affected by the settings are assessed. The
    last price remains.
    """
    for price in prices:
        await desk.market.says(*quotes(desk.clock(), price, size=0))
        await desk.until(lambda: _shows_the_price(desk, witness), f"{witness} to show {price}")


async def _shows_the_price(desk: Desk, account_no: str) -> bool:
    nodes = (await desk.caller().ask(_FIGURES, of=account_no))["cases"]["nodes"]
    return bool(nodes) and all(node["figures"] == node["account"]["figures"] for node in nodes)
