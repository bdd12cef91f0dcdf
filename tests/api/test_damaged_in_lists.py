"""Damaged data that an item of a list refers to makes fields of that item null; it takes no list along."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from domain.principal import Permission
from tests.api.every_mutation import a_called_desk, a_scene, recalled
from tests.api.trading import liquidate
from tests.kit.book_files import BANK, RAIL, TENCENT
from tests.kit.damage import damage
from tests.kit.desk_client import Caller
from tests.kit.desk_server import World

LISTS = """{
  orders { nodes { symbol account { accountNo } instrument { symbol } } }
  cases { nodes { account { accountNo } orders { nodes { symbol instrument { symbol } } } } }
  shortRecoveries { nodes { symbol instrument { symbol } case { id } uncoveredQuantity } }
  stockBorrow { nodes { symbol instrument { symbol } totalShort } }
}"""


@dataclass(frozen=True, slots=True)
class Damaged:
    """What is damaged, and the fields that are null then, by list and the item's symbol."""

    table: str
    column: str
    condition: str
    value: str | None
    hidden: set[tuple[str, str, str]]


_SHORT = f"account_id = (SELECT id FROM account WHERE account_no = 'S-{TENCENT}')"
_INSTRUMENTS = {("shortRecoveries", TENCENT, "instrument"), ("stockBorrow", TENCENT, "instrument")}
DAMAGES: Mapping[str, Damaged] = {
    "an instrument that is ordered": Damaged(
        "instrument", "lot_size", f"symbol = '{BANK}'", None, {("orders", BANK, "instrument")}
    ),
    "an instrument that is short": Damaged(
        "instrument",
        "kind",
        f"symbol = '{TENCENT}'",
        "NO KIND",
        _INSTRUMENTS | {("shortRecoveries", TENCENT, "uncoveredQuantity")},
    ),
    "a case": Damaged("margin_case", "amount_at_open", _SHORT, None, {("shortRecoveries", TENCENT, "case")}),
    "a balance": Damaged(
        "cash_balance", "balance", _SHORT, None, {("shortRecoveries", TENCENT, "uncoveredQuantity")}
    ),
}


@pytest.fixture
async def trader(world: World) -> Caller:
    """Of a desk with an order and two recalled stocks."""
    desk = await a_called_desk(world, "A1")
    for symbol in (RAIL, TENCENT):
        recaller = await a_scene(desk, "A1", Permission.RISK_WARNING_FULL, "trader")
        await recalled(recaller, symbol)
    await liquidate(recaller.by, recaller.case["id"])
    return recaller.by


@pytest.mark.parametrize("what", DAMAGES)
async def test_damaged_data_hides_fields_of_its_items_and_no_item(
    world: World, trader: Caller, what: str
) -> None:
    before = (await trader.answer(LISTS)).body
    assert "errors" not in before
    assert not _hidden(before["data"])
    damaged = DAMAGES[what]
    resources = (await world.desk()).application.resources
    with resources.database.active():
        await damage(damaged.table, damaged.column, damaged.condition, damaged.value)
    after = (await trader.answer(LISTS)).body
    assert _hidden(after["data"]) == damaged.hidden
    assert {each["extensions"]["code"] for each in after["errors"]} == {"UNREADABLE_DATA"}
    for name in ("orders", "shortRecoveries", "stockBorrow"):
        assert _symbols(after["data"], name) == _symbols(before["data"], name)


def _symbols(data: Any, name: str) -> list[str]:
    return [node["symbol"] for node in data[name]["nodes"]]


def _hidden(data: Any) -> set[tuple[str, str, str]]:
    return {
        (name, node["symbol"], field)
        for name in ("orders", "shortRecoveries", "stockBorrow")
        for node in data[name]["nodes"]
        for field, value in node.items()
        if value is None
    }
