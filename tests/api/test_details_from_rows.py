"""The page of one case that is read straight from rows shows what the objects of the domain show.

Prices, quantities, currencies and terms are drawn; each page is asked twice, once with a field that no row
has, so that everything beside it takes the way through the whole book.
"""

from datetime import date
from decimal import Decimal
from random import Random
from typing import Any

import pytest
import pytest_asyncio

from domain.principal import Permission
from models.sql.database import execute, fetch, is_sqlite
from resolvers.execution.compiling import SELECTIONS_MAX
from tests.api.trading import cases, liquidate
from tests.kit.book_files import APPLE, SUSPENDED, TENCENT, TESLA, of_the_worked_example, worked_quotes
from tests.kit.damage import damage
from tests.kit.desk_client import Caller
from tests.kit.desk_server import Desk, World

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.both_stacks]

SYMBOLS = (TENCENT, APPLE, SUSPENDED, TESLA)
EXTRA = {"figures", "totalCount", "messagesMuted"}
"""What is asked for only to go through the objects."""
INSTRUMENT = "__typename symbol name market currency kind lotSize multiplier tradeStatus averageDailyVolume"
POSITION = f"""__typename id quantity averageCost mark marketValue baseMarketValue
  instrument {{ {INSTRUMENT} negativePrices }}"""
ORDER = """__typename id clientOrderId symbol side type timeInForce session quantity limitPrice filledQuantity
  leavesQuantity averagePrice status rawStatus override cancellable terminal reason estimatedReduction
  placedBy createdAt updatedAt version"""

SNAPSHOTS = "edges { cursor node { __typename id kind occasion takenAt hash } }"


def page(*, rows: bool) -> str:
    """The details of one case; `rows`: without the fields that only objects have."""
    of_case, of_account, of_list = (
        ("", "", "") if rows else ("messagesMuted", "figures {amount}", "totalCount")
    )
    return f"""query ($id: ID!, $after: String) {{ case(id: $id) {{
      id caseNo status version {of_case} client {{ id name clientNo }}
      account {{ id accountNo baseCurrency {of_account}
        cashBalances {{ __typename currency balance fxRate baseValue accruedInterest }}
        all: positions {{ edges {{ cursor node {{ {POSITION} }} }} {of_list} }}
        some: positions(first: 2, after: $after) {{
          nodes {{ {POSITION} }} pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} {of_list}
        }}
      }}
      orders(first: 2) {{ nodes {{ {ORDER} }} pageInfo {{ hasNextPage endCursor }} {of_list} }}
      snapshots(first: 2) {{ {SNAPSHOTS} {of_list} }}
    }} }}"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(shared_world: World) -> Desk:
    """One case with three orders, of an account in HKD that holds stock in HKD and USD, one of it short."""
    desk = await shared_world.desk(of_the_worked_example(), case_refresh_interval_s=3600)
    await desk.market.says(*worked_quotes(desk.clock()))
    trader = desk.caller()

    async def called() -> bool:
        return len(await cases(trader)) == 1

    await desk.until(called, "a case")
    for quantity in ("100", "200", "300"):
        (case,) = await cases(trader)
        legs = [{"symbol": TENCENT, "quantity": quantity}]
        answer = await liquidate(trader, case["id"], legs=legs)
        assert answer["__typename"] == "LiquidationStarted", answer

    async def all_ended() -> bool:
        nodes = (await trader.ask("{ orders { nodes { terminal } } }"))["orders"]["nodes"]
        return len(nodes) == 3 and all(each["terminal"] for each in nodes)

    await desk.until(all_ended, "the end of the orders")
    return desk


async def case_id(caller: Caller) -> str:
    found = await caller.ask("{ cases(filter: {status: [OPEN, LIQUIDATING]}) { nodes { id } } }")
    (case,) = found["cases"]["nodes"]
    return str(case["id"])


def without_extra(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_extra(each) for key, each in value.items() if key not in EXTRA}
    return [without_extra(each) for each in value] if isinstance(value, list) else value


async def both(caller: Caller, **variables: Any) -> tuple[Any, Any]:
    """The same page, from rows and through objects."""
    given = {"id": await case_id(caller), **variables}
    from_rows = await caller.answer(page(rows=True), **given)
    through_objects = await caller.answer(page(rows=False), **given)
    return from_rows.body, without_extra(through_objects.body)


class Market(Random):
    """Draws what rows may hold."""

    def price(self) -> Decimal | None:
        return self.choice([None, Decimal(0), self.number(), self.number(), self.number()])

    def number(self) -> Decimal:
        digits, places = self.choice([3, 6, 20]), self.choice([0, 2, 10])
        return Decimal(self.randrange(1, 10**digits)).scaleb(-places) % Decimal(10**18)

    async def changes_everything(self) -> None:
        """Quotes, instruments, positions, cash and the rate."""
        for symbol in SYMBOLS:
            await execute(
                "UPDATE quote SET bid = $1, ask = $2, last_price = $3, previous_close = $4 WHERE symbol = $5",
                *(self.price() for _ in range(4)),
                symbol,
            )
            await execute(
                "UPDATE instrument SET lot_size = $1, multiplier = $2, currency = $3,"
                " average_daily_volume = $4, negative_prices = $5 WHERE symbol = $6",
                self.number() + 1,
                self.choice([Decimal(1), self.number() + 1]),
                self.choice(["HKD", "USD", "EUR"]),
                self.price(),
                self.choice([None, True, False]),
                symbol,
            )
            await self._term(symbol)
            await execute(
                "UPDATE position SET quantity = $1, average_cost = $2 WHERE instrument_id = $3",
                self.choice([Decimal(0), self.number(), -self.number()]),
                self.price(),
                symbol,
            )
        await execute("UPDATE cash_balance SET balance = $1", self.choice([Decimal(0), -self.number()]))
        await execute("UPDATE fx_rate SET rate = $1", self.number() % 1000 + Decimal("0.01"))

    async def _term(self, symbol: str) -> None:
        """Some are options, of which some have ended."""
        expiry = self.choice([None, None, date(2001, 1, 1), date(2091, 1, 1)])
        terms: tuple[object, ...] = (None,) * 4
        kind = self.choice(["STOCK", "FUND", "OPTION"])
        if expiry is not None:
            terms, kind = (TESLA, "CALL", self.number() + 1, expiry.isoformat()), "OPTION"
        await execute(
            "UPDATE instrument SET underlying = $1, option_right = $2, strike = $3, expiry = $4, kind = $5"
            " WHERE symbol = $6",
            *terms,
            kind,
            symbol,
        )


@pytest.mark.parametrize("seed", range(25))
async def test_rows_show_what_the_objects_show(desk: Desk, seed: int) -> None:
    caller = desk.caller()
    with desk.application.resources.database.active():
        await Market(seed).changes_everything()
    from_rows, through_objects = await both(caller)
    assert "errors" not in from_rows
    assert from_rows == through_objects
    account = from_rows["data"]["case"]["account"]
    end = account["some"]["pageInfo"]["endCursor"]
    if end is not None:
        next_from_rows, next_through_objects = await both(caller, after=end)
        assert next_from_rows == next_through_objects


async def test_who_may_not_see_names_sees_the_mask_both_ways(desk: Desk) -> None:
    from_rows, through_objects = await both(desk.caller(Permission.RISK_WARNING_READ_ONLY))
    assert from_rows == through_objects
    assert from_rows["data"]["case"]["client"]["name"] == "***"


async def test_a_case_outside_the_scope_is_null_both_ways(desk: Desk) -> None:
    given = {"id": await case_id(desk.caller())}
    stranger = desk.caller(accounts=["nothing"])
    for rows in (True, False):
        assert (await stranger.ask(page(rows=rows), **given))["case"] is None


@pytest.mark.parametrize(
    ("table", "column", "where"),
    [
        ("position", "quantity", f"instrument_id = '{TENCENT}'"),
        ("instrument", "lot_size", f"symbol = '{APPLE}'"),
        ("quote", "last_price", f"symbol = '{TESLA}'"),
        ("cash_balance", "balance", "currency = 'HKD'"),
    ],
)
async def test_a_damaged_row_answers_the_same_both_ways(
    desk: Desk, table: str, column: str, where: str
) -> None:
    caller = desk.caller()
    with desk.application.resources.database.active():
        await Market(7).changes_everything()
        await execute("UPDATE position SET quantity = 5")
        await execute("UPDATE quote SET last_price = 7")
        (before,) = await fetch(f"SELECT {column} AS value FROM {table} WHERE {where}")
        if table == "instrument":
            await without_checks()
        await damage(table, column, where)
    given = {"id": await case_id(caller)}
    from_rows = await caller.answer(page(rows=True), **given)
    through_objects = await caller.answer(page(rows=False), **given)
    with desk.application.resources.database.active():
        await execute(f"UPDATE {table} SET {column} = $1 WHERE {where}", Decimal(str(before["value"])))
    assert from_rows.body["data"] == without_extra(through_objects.body["data"])
    assert set(from_rows.codes) == set(through_objects.codes) == {"UNREADABLE_DATA"}
    restored, _ = await both(caller)
    assert "errors" not in restored


async def without_checks() -> None:
    """So that SQLite stores the damage; PostgreSQL has a number that is none."""
    if is_sqlite():
        await fetch("PRAGMA ignore_check_constraints = ON")


async def test_a_column_that_is_not_selected_is_not_read(desk: Desk) -> None:
    caller = desk.caller()
    asked = "query ($id: ID!) { case(id: $id) { account { positions { nodes { instrument { symbol } } } } } }"
    given = {"id": await case_id(caller)}
    with desk.application.resources.database.active():
        await execute("UPDATE position SET quantity = 5, average_cost = NULL")
        before = await caller.ask(asked, **given)
        await damage("position", "average_cost", f"instrument_id = '{TESLA}'")
    after = await caller.ask(asked, **given)
    with desk.application.resources.database.active():
        await execute("UPDATE position SET average_cost = NULL")
    assert after == before
    assert len(after["case"]["account"]["positions"]["nodes"]) == len(SYMBOLS)


async def test_more_combinations_of_directives_than_are_compiled_are_answered(desk: Desk) -> None:
    fields = ("id", "status", "version", "remark", "overdue", "amount")
    asked = f"""query ({", ".join(f"${name}: Boolean!" for name in fields)}) {{
      cases {{ nodes {{ caseNo {" ".join(f"{name} @include(if: ${name})" for name in fields)} }} }}
      clients {{ nodes {{ clientNo }} }} accounts {{ nodes {{ accountNo }} }}
    }}"""
    caller = desk.caller()
    for number in range(SELECTIONS_MAX + 1):
        chosen = {name: bool(number >> place & 1) for place, name in enumerate(fields)}
        (case,) = (await caller.ask(asked, **chosen))["cases"]["nodes"]
        assert list(case) == ["caseNo", *(name for name in fields if chosen[name])]
