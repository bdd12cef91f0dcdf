"""A list of cases that is read straight from rows shows what the cases themselves show."""

import json
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from domain.money import plain_text
from domain.principal import Permission
from models.sql.database import fetch
from resolvers.kit.node import global_id
from tests.api.a_full_desk import a_full_desk
from tests.kit.damage import damage
from tests.kit.desk_client import Caller
from tests.kit.desk_server import Desk, World

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.both_stacks]

FIGURES = """asOf stale unvalued cash longMarketValue shortMarketValue deadMarketValue equity liquidNetAssets
  initialMargin maintenanceMargin marginCallMargin forceCloseMargin netAssetRatio debt overFinancing
  accruedInterest outstandingMargin tradingLimit amount riskLevel"""
NODE = f"""__typename id caseNo alertType status amount amountAtOpen uncoveredAmount openedAt deadline overdue
  forceEligible elapsedHours longTermUnsettled followUpCount remark closedAt closeReason version
  figures {{ __typename {FIGURES} }}
  client {{ id clientNo name group }} account {{ id accountNo type baseCurrency closeOnly }}"""
STATUSES = "[OPEN, LIQUIDATING, EXCEPTION, RESOLVED, WRITTEN_OFF, VOID]"


def page(selected: str, order: str = "OPENED_AT", first: int = 100) -> str:
    return f"""{{ cases(first: {first}, filter: {{status: {STATUSES}}},
      orderBy: {{field: {order}, direction: ASC}}) {{ {selected} }} }}"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(shared_world: World) -> Desk:
    return await a_full_desk(shared_world)


async def through_objects(caller: Caller, selected: str, order: str = "OPENED_AT") -> list[Any]:
    """`totalCount` cannot be read from a row, so the whole page takes the other way."""
    answer = await caller.ask(page(f"nodes {{ {selected} }} totalCount", order))
    nodes: list[Any] = answer["cases"]["nodes"]
    return nodes


async def from_rows(caller: Caller, selected: str, order: str = "OPENED_AT") -> list[Any]:
    answer = await caller.ask(page(f"nodes {{ {selected} }}", order))
    nodes: list[Any] = answer["cases"]["nodes"]
    return nodes


async def at_one_moment(
    caller: Caller, selected: str, order: str = "OPENED_AT"
) -> tuple[list[Any], list[Any]]:
    """The page from rows and through objects, while the desk refreshed no figures between the two."""
    while True:
        objects = await through_objects(caller, selected, order)
        rows = await from_rows(caller, selected, order)
        if await through_objects(caller, selected, order) == objects:
            return rows, objects


@pytest.mark.parametrize("permission", [Permission.RISK_WARNING_FULL, Permission.RISK_WARNING_READ_ONLY])
@pytest.mark.parametrize("order", ["OPENED_AT", "DEADLINE", "AMOUNT"])
async def test_rows_show_what_the_cases_show(desk: Desk, permission: Permission, order: str) -> None:
    caller = desk.caller(permission)
    rows, expected = await at_one_moment(caller, NODE, order)
    assert len(expected) > 20
    assert rows == expected


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("remark", "a remark with quotes and 信"),
        ("deadline", "2020-01-01 00:00:00.000000+00:00"),
        ("follow_ups", "7"),
        ("uncovered_amount", "0.5000"),
        ("amount_at_open", "1200"),
    ],
)
async def test_changed_columns_are_shown_too(desk: Desk, column: str, value: str) -> None:
    with desk.application.resources.database.active():
        await damage("margin_case", column, "case_no LIKE '%7'", value)
    rows, expected = await at_one_moment(desk.caller(), NODE)
    assert rows == expected


@pytest.mark.parametrize("equity", ["0E-10", "-0", "1E+3", "12.3400", "-0.000", "7"])
async def test_figures_are_plain_decimals_whatever_form_they_are_stored_in(desk: Desk, equity: str) -> None:
    (row, *_) = await desk.rows("SELECT id, figures FROM margin_case WHERE case_no LIKE '%7' ORDER BY id")
    figures = json.dumps(json.loads(row["figures"]) | {"equity": equity})
    with desk.application.resources.database.active():
        await damage("margin_case", "figures", f"id = '{row['id']}'", figures)
    caller = desk.caller()
    nodes = await from_rows(caller, NODE)
    assert nodes == await through_objects(caller, NODE)
    (shown,) = [node for node in nodes if node["id"] == global_id("Case", row["id"])]
    assert shown["figures"]["equity"] == plain_text(Decimal(equity))


async def test_keys_and_cursors_of_edges_are_those_of_the_objects(desk: Desk) -> None:
    caller = desk.caller()
    edges = "edges { cursor node { c: caseNo same: caseNo amount ... on Node { id } } }"
    info = "pageInfo { hasNextPage endCursor startCursor }"
    rows = (await caller.ask(page(f"{edges} {info}", first=7)))["cases"]
    objects = (await caller.ask(page(f"{edges} {info} totalCount", first=7)))["cases"]
    assert rows == {key: value for key, value in objects.items() if key != "totalCount"}
    assert list(rows["edges"][0]["node"]) == ["c", "same", "amount", "id"]


@pytest.mark.parametrize(
    "changes",
    [
        {"unvalued": [1]},
        {"unvalued": "AB"},
        {"stale": "no"},
        {"risk_level": 9},
        {"as_of": 7},
        {"equity": None},
        {"equity": "1_0"},
        {"net_asset_ratio": "NaN"},
    ],
    ids=str,
)
async def test_the_objects_decide_about_figures_in_an_unusual_form(
    desk: Desk, changes: dict[str, object]
) -> None:
    caller = desk.caller()
    before = await from_rows(caller, NODE)
    (row, *_) = await desk.rows("SELECT id, figures FROM margin_case WHERE case_no LIKE '%8' ORDER BY id")
    database = desk.application.resources.database
    with database.active():
        await damage(
            "margin_case", "figures", f"id = '{row['id']}'", json.dumps(json.loads(row["figures"]) | changes)
        )
    after, expected = await from_rows(caller, NODE), await through_objects(caller, NODE)
    with database.active():
        await damage("margin_case", "figures", f"id = '{row['id']}'", row["figures"])
    assert after == expected
    assert len(after) >= len(before) - 1
    assert await from_rows(caller, NODE) == before


@pytest.mark.only("sqlite")
@pytest.mark.parametrize("column", ["version", "follow_ups", "opened_at", "status", "amount_at_open"])
async def test_a_column_of_another_type_leaves_out_its_case_alone(desk: Desk, column: str) -> None:
    caller = desk.caller()
    before = await from_rows(caller, NODE)
    (row, *_) = await desk.rows(f"SELECT id, {column} FROM margin_case WHERE case_no LIKE '%9' ORDER BY id")
    database = desk.application.resources.database
    with database.active():
        await fetch("PRAGMA ignore_check_constraints = ON")
        await damage("margin_case", column, f"id = '{row['id']}'", "1abc")
    after = await caller.answer(page(f"nodes {{ {NODE} }}"))
    with database.active():
        await damage("margin_case", column, f"id = '{row['id']}'", str(row[column]))
    assert after.data["cases"]["nodes"] == [
        node for node in before if node["id"] != global_id("Case", row["id"])
    ]


async def test_a_row_that_cannot_be_read_is_left_out_as_everywhere(desk: Desk) -> None:
    caller = desk.caller()
    before = await from_rows(caller, NODE)
    with desk.application.resources.database.active():
        await damage("margin_case", "figures", "case_no LIKE '%3'", "{}")
    after = await from_rows(caller, NODE)
    assert 0 < len(after) < len(before)
    assert after == await through_objects(caller, NODE)
