"""A command on damaged data is refused with UNREADABLE, and the other items of its batch are done.

The table is checked against the schema: a new mutation needs a line.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from graphql import GraphQLObjectType, GraphQLUnionType, build_schema, get_named_type, is_list_type
from graphql.type import get_nullable_type

from resolvers.schema import sdl
from tests.api.every_mutation import EVERY, Scene, a_called_desk, a_scene, document, first, recalled, use
from tests.api.trading import cancel_all
from tests.kit.book_files import BANK, RAIL, TENCENT
from tests.kit.damage import damage
from tests.kit.desk_server import Desk, World

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass(frozen=True, slots=True)
class Damage:
    """What is damaged of the item that `where` finds, by the number of its account or its id in the input."""

    table: str
    column: str
    where: str
    value: str | None = None


_OF_ACCOUNT = "account_id = (SELECT id FROM account WHERE account_no = '{no}')"
_CASE = Damage("margin_case", "amount_at_open", _OF_ACCOUNT)
_SWITCH = Damage(
    "kill_switch", "ended_by", "subject = (SELECT id FROM account WHERE account_no = '{no}')", "{"
)
_ORDER = Damage("liquidation_order", "estimated_reduction", _OF_ACCOUNT)
_APPROVAL = Damage("approval", "approver", _OF_ACCOUNT, "SOMEBODY")
_WEBHOOK = Damage("webhook", "events", "owner = '{owner}'", "{")
_RECOVERY = Damage("stock_recovery", "outstanding", f"instrument_id = '{TENCENT}'")

BATCHES: Mapping[str, Damage] = {
    "cancelAll": _ORDER,
    "setAutoLiquidation": _CASE,
    "approve": _APPROVAL,
    "decline": _APPROVAL,
    "withdraw": _APPROVAL,
    "recoverStock": _RECOVERY,
    "sendMessage": _CASE,
    "liquidate": _CASE,
    "cancel": _ORDER,
}
"""Mutations that answer each item on its own; the one that chooses its orders before there are others."""
SINGLE: Mapping[str, Damage] = {
    **dict.fromkeys(("updateRemark", "addFollowUp", "claimCase", "releaseCase", "markException"), _CASE),
    **dict.fromkeys(("clearException", "adjustDeadline", "voidCase", "writeOff"), _CASE),
    "setKillSwitch": _SWITCH,
    **dict.fromkeys(("removeWebhook", "replayWebhook", "rotateWebhookSecret"), _WEBHOOK),
}
"""Mutations of one item, which stand beside others in one document."""
READ_NO_ROW_OF_ONE = {
    "setMarketDay",
    "registerWebhook",
    "requestSettingChange",
    "recallStock",
    "acceptIncomplete",
}
"""They make something new, or read only columns that the database itself keeps whole."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(shared_world: World) -> Desk:
    """Two accounts for each batch, one for every other mutation."""
    pairs = [f"{name}-{which}" for name in BATCHES for which in (1, 2)]
    return await a_called_desk(shared_world, *pairs, *SINGLE, "sound-1", "sound-2", "repeated")


def _batches() -> set[str]:
    """By the schema: what they answer has a list of results."""
    mutations = build_schema(sdl()).mutation_type
    assert mutations is not None
    return {name for name, field in mutations.fields.items() if _answers_each(get_named_type(field.type))}


def _answers_each(answer: Any) -> bool:
    if isinstance(answer, GraphQLUnionType):
        return any(_answers_each(each) for each in answer.types)
    if not isinstance(answer, GraphQLObjectType):
        return False
    if "results" in answer.fields:
        return is_list_type(get_nullable_type(answer.fields["results"].type))
    return "result" in answer.fields and _answers_each(get_named_type(answer.fields["result"].type))


async def test_every_mutation_is_here() -> None:
    assert _batches() == BATCHES.keys()
    assert BATCHES.keys() | SINGLE.keys() | READ_NO_ROW_OF_ONE == EVERY.keys()


async def _hurt(desk: Desk, scene: Scene, subject: str, what: Damage) -> None:
    resources = desk.application.resources
    with resources.database.active():
        where = what.where.format(no=scene.account_no, owner=subject)
        await damage(what.table, what.column, where, what.value)


def _together(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return one | {key: one[key] + value for key, value in other.items() if isinstance(value, list)}


@pytest.mark.parametrize("name", BATCHES)
async def test_the_damaged_item_of_a_batch_is_refused_and_the_other_is_done(desk: Desk, name: str) -> None:
    subject = f"who does {name.lower()}"
    damaged, sound = [await a_scene(desk, f"{name}-{which}", EVERY[name].by, subject) for which in (1, 2)]
    other = recalled(sound, RAIL) if name == "recoverStock" else EVERY[name].prepare(sound)
    asked = _together(await EVERY[name].prepare(damaged), await other)
    await _hurt(desk, damaged, subject, BATCHES[name])
    asked["idempotencyKey"] = uuid4().hex
    for _ in range(2):
        if name == "cancelAll":
            answer = await cancel_all(damaged.by, asked["idempotencyKey"], symbol=BANK)
            results = answer["results"]
        else:
            answered = await damaged.by.ask(document(name), input=asked)
            results = answered[name]["results"]
        codes = [each.get("code") for each in results]
        assert codes == ["UNREADABLE", None], results


@pytest.mark.parametrize("name", SINGLE)
async def test_a_command_on_damaged_data_is_refused_as_an_answer(desk: Desk, name: str) -> None:
    subject = f"who does {name.lower()}"
    scene = await a_scene(desk, name, EVERY[name].by, subject)
    asked = await EVERY[name].prepare(scene)
    if name == "setKillSwitch":
        await first(scene, name, asked)
    await _hurt(desk, scene, subject, SINGLE[name])
    result = await use(scene.by, name, asked | {"idempotencyKey": uuid4().hex})
    assert result["code"] == "UNREADABLE", result


async def test_a_mutation_beside_one_on_a_damaged_case_is_done(desk: Desk) -> None:
    damaged, sound = [
        await a_scene(desk, name, EVERY["claimCase"].by, "who claims") for name in ("sound-1", "sound-2")
    ]
    await _hurt(desk, damaged, "who claims", _CASE)
    both = " ".join(
        f"""{name}: claimCase(input: {{ idempotencyKey: "{uuid4().hex}", caseId: "{scene.case["id"]}" }})
            {{ result {{ ... on CaseCommandRefused {{ code }} }} }}"""
        for name, scene in (("damaged", damaged), ("sound", sound))
    )
    answer = await sound.by.ask(f"mutation {{ {both} }}")
    assert answer == {"damaged": {"result": {"code": "UNREADABLE"}}, "sound": {"result": {}}}


async def test_an_answer_given_before_the_damage_is_repeated_as_damaged_data(desk: Desk) -> None:
    scene = await a_scene(desk, "repeated", EVERY["claimCase"].by, "who claims")
    document = """mutation ($input: ClaimCaseInput!) { claimCase(input: $input) { result {
      ... on CaseChanged { case { id } } } } }"""
    asked = {"idempotencyKey": uuid4().hex, "caseId": scene.case["id"]}
    done = (await scene.by.ask(document, input=asked))["claimCase"]["result"]
    assert done == {"case": {"id": scene.case["id"]}}
    await _hurt(desk, scene, "who claims", _CASE)
    assert (await scene.by.answer(document, input=asked)).codes == ["UNREADABLE_DATA"]
