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
    """The prices of a moment are there when it comes: a loop that looks in between would find them old."""
    await world.market.says(*quotes(world.clock() + timedelta(**time), size=size))
    world.clock.advance(**time)


async def all_are_looked_at(desk: Desk, witness: str, prices: tuple[str, ...] = STEPS) -> None:
    """Every account was looked at with what was committed before, while prices moved; the last one holds.

    The witness has a case. When it shows the first price, the monitor is in a round that may have begun
    before; with the second one it has followed the settings in a round that had not; with the third it has
    looked at whom that concerned.
    """
    for price in prices:
        await desk.market.says(*quotes(desk.clock(), price, size=0))
        await desk.until(lambda: _shows_the_price(desk, witness), f"{witness} to show {price}")


async def _shows_the_price(desk: Desk, account_no: str) -> bool:
    nodes = (await desk.caller().ask(_FIGURES, of=account_no))["cases"]["nodes"]
    return bool(nodes) and all(node["figures"] == node["account"]["figures"] for node in nodes)
