"""Stored rows that cannot be read, as clients and operators see them: everything else is answered."""

from typing import Any

import pytest

from models.sql.database import Database
from tests.api.doubts import unwatched
from tests.api.readiness import readiness
from tests.api.risk_desk import AMOUNT_RULE, approve, ask_for, checker, maker
from tests.api.test_risk_settings import FACTORS
from tests.api.trading import cases, liquidate
from tests.kit.book_files import BANK, a_book, a_client, owing, quotes
from tests.kit.damage import damage, damage_settings
from tests.kit.desk_client import Caller
from tests.kit.desk_server import Desk, World, scraped

pytestmark = pytest.mark.both_stacks

ACCOUNTS = """{ clients { nodes { clientNo accounts { accountNo figures { amount } positions { nodes { id } }
  cashBalances { balance } openOrders { id } lookAhead { calls } } } } }"""
LISTS = """{
  cases { nodes { account { accountNo figures { amount } } orders { nodes { id } } } }
  orders { nodes { account { accountNo } case { id } } }
  caseSummary { openCases }
  agingBuckets { cases }
}"""


async def three_called(world: World, *, sold: bool = True) -> tuple[Desk, Caller]:
    clients = [a_client(f"C-{no}", owing(no)) for no in ("A1", "A2", "A3")]
    desk = await world.desk(a_book(*clients))
    await desk.market.says(*quotes(desk.clock()))
    trader = desk.caller()

    async def all_called() -> bool:
        return len(await cases(trader)) == 3

    await desk.until(all_called, "three cases")
    for case in await cases(trader) if sold else ():
        await liquidate(trader, case["id"])
    return desk, trader


async def hurt(desk: Desk, table: str, column: str, account_no: str, value: str | None = None) -> None:
    resources = desk.application.resources
    with resources.database.active():
        condition = f"account_id = (SELECT id FROM account WHERE account_no = '{account_no}')"
        await damage(table, column, condition, value)


async def test_fields_of_a_damaged_account_answer_that_it_is_damaged(world: World) -> None:
    desk, trader = await three_called(world, sold=False)
    asked = """{ accounts(search: "A1") { nodes { id positions { nodes { id } } } } }"""
    (account,) = (await trader.ask(asked))["accounts"]["nodes"]
    (position, *_) = account["positions"]["nodes"]
    resources = desk.application.resources
    with resources.database.active():
        await damage("account", "base_currency", "account_no = 'A1'", "")
    asked_of = f'accountId: "{account["id"]}", scenario: {{}}'
    questions = {
        "an account": f"""{{ node(id: "{account["id"]}") {{ id }} }}""",
        "a position": f"""{{ node(id: "{position["id"]}") {{ id }} }}""",
        "a scenario": f"{{ whatIf(input: {{ {asked_of} }}) {{ __typename }} }}",
    }
    answered = {what: (await trader.answer(each)).codes for what, each in questions.items()}
    assert {code for codes in answered.values() for code in codes} == {"UNREADABLE_DATA"}, answered
    assert all(answered.values()), answered


@pytest.mark.parametrize(
    ("table", "column", "where"),
    [
        ("instrument", "currency", f"symbol = '{BANK}'"),
        ("cash_balance", "currency", "account_id = (SELECT id FROM account WHERE account_no = 'A1')"),
    ],
)
async def test_a_currency_that_is_none_is_damage_and_no_missing_rate(
    world: World, table: str, column: str, where: str
) -> None:
    desk, trader = await three_called(world, sold=False)
    resources = desk.application.resources
    with resources.database.active():
        await damage(table, column, where, "")
    asked = """{ accounts(search: "A1") { nodes { figures { amount } } } }"""
    answer = await trader.answer(asked)
    assert (answer.codes, answer.body["data"]["accounts"]["nodes"]) == (
        ["UNREADABLE_DATA"],
        [{"figures": None}],
    )


async def test_a_damaged_position_hides_the_figures_of_its_account_and_of_no_other(world: World) -> None:
    desk, trader = await three_called(world)
    await hurt(desk, "position", "quantity", "A1")
    answer = await trader.answer(ACCOUNTS)
    nodes = answer.body["data"]["clients"]["nodes"]
    by_number = {account["accountNo"]: account for node in nodes for account in node["accounts"]}
    own = ("figures", "positions", "cashBalances", "openOrders", "lookAhead")
    assert [by_number["A1"][each] for each in own] == [None] * len(own)
    assert all(by_number[no][each] is not None for no in ("A2", "A3") for each in own)
    errors = answer.body["errors"]
    assert {each["extensions"]["code"] for each in errors} == {"UNREADABLE_DATA"}
    assert len(errors) == len(own)


async def test_a_damaged_case_is_absent_from_lists_and_totals_and_its_account_is_listed(
    world: World,
) -> None:
    desk, trader = await three_called(world)
    # A refresh of the figures does not write this column anew.
    await hurt(desk, "margin_case", "amount_at_open", "A1")
    answer: Any = await trader.ask(LISTS)
    assert sorted(each["account"]["accountNo"] for each in answer["cases"]["nodes"]) == ["A2", "A3"]
    orders = {each["account"]["accountNo"]: each["case"] for each in answer["orders"]["nodes"]}
    assert orders["A1"] is None
    assert orders["A2"] is not None

    async def told() -> bool:
        desk.clock.advance(seconds=1)
        await desk.market.says(*quotes(desk.clock(), "99"))
        return await unwatched(trader) == {"A1": [("FAULT", "")]}

    await desk.until(told, "the account of the damaged case to be listed")
    metrics = await scraped(desk)
    assert metrics['desk_unreadable_rows_total{table="margin_case"}'] == 1


async def damage_settings_of(world: World, condition: str) -> None:
    database = Database(world.database_url, pool_size=1)
    await database.open()
    with database.active():
        await damage_settings(condition)
    await database.close()


async def settled(desk: Desk, status: str, **checks: bool) -> dict[str, Any]:
    """What `/readyz` says when it says that, which it has to, with 200."""
    said: dict[str, Any] = {}

    async def says() -> bool:
        said.update(await readiness(desk))
        return (said["code"], said["status"]) == (200, status) and checks.items() <= said.items()

    await desk.until(says, f"the process to be {status}")
    return said


async def test_a_damaged_setting_degrades_the_process_until_it_is_set_again(world: World) -> None:
    desk, _ = await three_called(world)
    for coefficient in ("1", "2"):
        asked = await ask_for(maker(desk), {"amountRule": AMOUNT_RULE | {"coefficient": coefficient}})
        await approve(checker(desk), asked["approval"]["id"])
    await desk.stop()
    await damage_settings_of(world, "number = 2")
    again = await world.desk()
    await settled(again, "degraded", settings=False)
    assert (await scraped(again))["desk_unreadable_settings"] == 1
    asked = await ask_for(maker(again), {"amountRule": AMOUNT_RULE})
    await approve(checker(again), asked["approval"]["id"])
    await settled(again, "ready", settings=True, data=True)


async def test_damaged_factors_degrade_the_process_until_they_are_set_again(world: World) -> None:
    desk, _ = await three_called(world)
    change = {"instrumentFactors": {"symbol": BANK, "factors": FACTORS}}
    await approve(checker(desk), (await ask_for(maker(desk), change))["approval"]["id"])
    await desk.stop()
    await damage_settings_of(world, "kind = 'INSTRUMENT_FACTORS'")
    again = await world.desk()
    said = await settled(again, "degraded", data=False)
    assert said["dataTrouble"] == f"stored rows cannot be read: risk_setting INSTRUMENT_FACTORS:{BANK}"
    assert (await scraped(again))['desk_damaged_rows{table="risk_setting"}'] == 1
    asked = await ask_for(maker(again), change)
    await approve(checker(again), asked["approval"]["id"])
    await settled(again, "ready", data=True)


async def test_a_damaged_row_counts_until_it_is_restored(world: World) -> None:
    """Of a case, in a column that is not written again while nothing is sold."""
    desk, trader = await three_called(world, sold=False)
    await hurt(desk, "margin_case", "amount_at_open", "A1")
    assert len(await cases(trader)) == 2
    said = await settled(desk, "degraded", data=False)
    assert "margin_case" in said["dataTrouble"]
    await hurt(desk, "margin_case", "amount_at_open", "A1", "1")
    assert len(await cases(trader)) == 3
    await settled(desk, "ready", data=True)
