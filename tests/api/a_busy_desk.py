"""A desk with something of everything, for tests of what must not change it."""

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from domain.book_changes import CashStated
from domain.ids import Symbol
from domain.market import Quote, TradeStatus
from models.sql.database import Row
from resolvers.kit.node import global_id
from tests.api.trading import case, liquidate, order
from tests.kit.book_files import (
    BANK,
    HKD,
    RAIL,
    a_book,
    a_client,
    a_quote,
    an_account,
    an_instrument,
    owing,
    quotes,
)
from tests.kit.desk_client import Caller
from tests.kit.desk_server import Desk, World

CLOSED, SUSPENDED, ONE_SIDED, STALE = map(Symbol, ("71.HK", "72.HK", "73.HK", "74.HK"))
ODD = {CLOSED: 100, SUSPENDED: 100, ONE_SIDED: 100, STALE: 100}
STATE = (
    "margin_case",
    "liquidation_order",
    "order_change",
    "execution",
    "audit",
    "counter",
    "account",
    "position",
    "cash_balance",
    "quote",
    "client",
)


@dataclass(frozen=True, slots=True)
class BusyDesk:
    """M1 is called, M2 too and has an order that rests, M3's case is closed, M4 owes nothing."""

    desk: Desk
    trader: Caller
    ids: dict[str, str]
    """Global ids: the cases M1, M2 and M3, the order `resting`, one `account` and one `client`."""
    at_first: dict[str, list[Row]] = field(default_factory=dict)
    """The state when it was made."""

    async def state(self) -> dict[str, list[Row]]:
        """All rows that a request could change, and the number of events.

        The audit entries about reads by an auditor are left out, since such a read changes nothing.
        """
        tables = {table: await self.desk.rows(f"SELECT * FROM {table} ORDER BY 1") for table in STATE}
        tables["audit"] = [row for row in tables["audit"] if row["action"] != "readPersonalData"]
        return tables | {"outbox": await self.desk.rows("SELECT COUNT(*) AS events FROM outbox")}

    async def is_quiet(self) -> bool:
        """The figures of every case are those of the prices now, and nothing waits to be published."""
        waiting = await self.desk.rows("SELECT id FROM outbox WHERE stream_offset IS NULL")
        figures = (
            "{ cases { nodes { figures { stale amount } account { accountNo figures { stale amount } } } } }"
        )
        found = (await self.trader.ask(figures))["cases"]["nodes"]
        return not waiting and all(each["figures"] == each["account"]["figures"] for each in found)


async def a_busy_desk(world: World) -> BusyDesk:
    """Brings it about, through the market and the API."""
    desk = await world.desk(_book())
    trader, now = desk.caller(), world.clock()
    odd = [a_quote(symbol, now, "100") for symbol in (CLOSED, SUSPENDED, STALE)]
    await world.market.says(*quotes(now), *odd, Quote(ONE_SIDED, now, last=Decimal(100)))
    await desk.until(lambda: _called(trader, 3), "three cases")
    ids = {found["account"]["accountNo"]: found["id"] for found in await _cases(trader)}
    await world.market.says(CashStated("M3", HKD, Decimal(0), now))
    await desk.until(lambda: _amount_is(trader, ids["M3"], "0"), "M3 to owe nothing")
    world.clock.advance(seconds=desk.settings.close_hold_s)
    await desk.until(lambda: _called(trader, 2), "M3 to be closed")
    world.clock.advance(seconds=desk.settings.max_price_age_s + 1)
    await world.market.says(
        *quotes(world.clock(), size=0), Quote(ONE_SIDED, world.clock(), last=Decimal(100))
    )
    leg = {"symbol": BANK, "quantity": "300"}
    (resting,) = (await liquidate(trader, ids["M2"], legs=[leg]))["orders"]
    await desk.until(lambda: _works(trader, resting["id"]), "the order to rest")
    (client,) = (await trader.ask(CLIENT))["clients"]["nodes"]
    account = client["accounts"][0]["id"]
    nothing = {"unknown": global_id("Case", "0" * 32), "unknown order": global_id("Order", "0" * 32)}
    ids |= {"resting": resting["id"], "client": client["id"], "account": account} | nothing
    busy = BusyDesk(desk, trader, ids)
    await desk.until(busy.is_quiet, "all of it to be over")
    return replace(busy, at_first=await busy.state())


CLIENT = "{ clients(first: 1) { nodes { id accounts { id } } } }"


async def _cases(trader: Caller) -> Any:
    return (await trader.ask("{ cases { nodes { id account { accountNo } } } }"))["cases"]["nodes"]


async def _called(trader: Caller, number: int) -> bool:
    return len(await _cases(trader)) == number


async def _amount_is(trader: Caller, case_id: str, amount: str) -> bool:
    found = await case(trader, case_id)
    return bool(found["amount"] == amount)


async def _works(trader: Caller, order_id: str) -> bool:
    found = await order(trader, order_id)
    return bool(found["status"] == "NEW")


def _book() -> Any:
    m1 = an_account("M1", "-150000", {BANK: 1000, RAIL: 600} | ODD)
    return a_book(
        a_client("C1", m1),
        a_client("C2", owing("M2"), group="VIP"),
        a_client("C3", owing("M3")),
        a_client("C4", an_account("M4", "0", {BANK: 1000})),
        instruments=(
            an_instrument(BANK, lot=100),
            an_instrument(RAIL, lot=100),
            an_instrument(CLOSED, status=TradeStatus.CLOSED),
            an_instrument(SUSPENDED, status=TradeStatus.SUSPENDED),
            an_instrument(ONE_SIDED),
            an_instrument(STALE),
        ),
    )
