"""What people write is taken in any script; what hides or reorders letters is refused by name."""

from typing import Any

import pytest
import pytest_asyncio

from domain.principal import Permission
from tests.api.a_busy_desk import BusyDesk, a_busy_desk
from tests.kit.desk_server import World

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.both_stacks]

FOLLOW_UP = """mutation ($input: AddFollowUpInput!) { addFollowUp(input: $input) { result {
  __typename ... on CaseCommandRefused { code } } } }"""
SETTING = """mutation ($input: RequestSettingChangeInput!) { requestSettingChange(input: $input) {
  result { __typename } } }"""
FACTORS = dict.fromkeys(("initial", "maintenance", "marginCall", "forceClose"), "0.5")
IN_ANY_SCRIPT = {
    "an ideographic blank": "\u9673\u3000\u5927\u6587",
    "a blank that does not break": "HKD\u00a05,000",
    "a joiner": "\u0645\u0647\u200c\u0633\u0627",
    "several lines": "called\r\n\tno answer",
    "1000 characters": "\u9673" * 1000,
}
HIDDEN = {
    "an override": "pay \u202e0005 DKH",
    "a zero width space": "call\u200bed",
    "a NUL": "a\x00b",
    "blanks only": "\u3000\u00a0",
    "nothing that shows": "\u200e",
    "too much": "x" * 1001,
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def busy(shared_world: World) -> BusyDesk:
    return await a_busy_desk(shared_world)


def follow_up(busy: BusyDesk, text: str, key: str) -> dict[str, Any]:
    return {"input": {"idempotencyKey": key, "caseId": busy.ids["M1"], "text": text}}


@pytest.mark.parametrize("name", HIDDEN)
async def test_a_note_that_hides_something_is_refused(busy: BusyDesk, name: str) -> None:
    answer = await busy.trader.answer(FOLLOW_UP, **follow_up(busy, HIDDEN[name], f"hidden: {name}"))
    assert answer.codes == ["BAD_USER_INPUT"]
    assert answer.body["errors"][0]["message"].startswith("text must be ")
    assert await busy.state() == busy.at_first


@pytest.mark.parametrize("key", ["", "x" * 201, "a\nb", "a\u202eb", "\u3000", "\ufb2c" * 150])
async def test_a_key_that_hides_something_is_refused(busy: BusyDesk, key: str) -> None:
    answer = await busy.trader.answer(FOLLOW_UP, **follow_up(busy, "called", key))
    assert answer.codes == ["BAD_USER_INPUT"]
    assert await busy.state() == busy.at_first


@pytest.mark.parametrize("symbol", ["", "7\u3000", "700.HK\n", "x" * 41, "A\u200dB", "\u9673"])
async def test_a_symbol_that_no_instrument_can_have_is_refused(busy: BusyDesk, symbol: str) -> None:
    setting = {"instrumentFactors": {"symbol": symbol, "factors": FACTORS}}
    asked = {"idempotencyKey": "k", "reason": "r", "setting": setting}
    person = busy.desk.caller(Permission.RISK_SETTING_FULL, subject="setter")
    answer = await person.answer(SETTING, input=asked)
    assert answer.codes == ["BAD_USER_INPUT"]
    assert answer.body["errors"][0]["message"] == "symbol must be 1 to 40 letters, digits or . _ : / -."


@pytest.mark.parametrize("name", IN_ANY_SCRIPT)
async def test_a_note_in_any_script_is_kept_as_it_was_written(busy: BusyDesk, name: str) -> None:
    text = IN_ANY_SCRIPT[name]
    done = await busy.trader.ask(FOLLOW_UP, **follow_up(busy, text, f"\u9673\u3000{name}"))
    assert done["addFollowUp"]["result"] == {"__typename": "CaseChanged"}
    document = "query ($id: ID!) { case(id: $id) { followUps { nodes { text } } } }"
    found = (await busy.trader.ask(document, id=busy.ids["M1"]))["case"]["followUps"]["nodes"]
    assert text in [each["text"] for each in found]
