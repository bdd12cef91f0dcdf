"""One person is one subject, however the token spells it: four eyes, claims, keys, requests, revocation."""

from typing import Any
from uuid import uuid4

import pytest

from domain.principal import Permission
from models.revocation import revoke_subject
from models.sql.database import transaction
from tests.api.case_work import approve, command, work
from tests.api.moments import prices_call
from tests.api.test_four_eyes import REQUESTS, ask, asked_for
from tests.api.trading import cases
from tests.kit.book_files import BANK, a_book, a_client, owing
from tests.kit.desk_client import Caller
from tests.kit.desk_server import Desk, World

VIEWER = "{ viewer { subject } }"
SPELLINGS = {
    "the same": "ann.lee",
    "capitals": "ANN.Lee",
    "full width": "\uff41\uff4e\uff4e\uff0elee",
    "a ligature of compatibility": "ann.\u2113ee",
    "blanks at the ends": " ann.lee\u3000",
}
INVISIBLE = {
    "zero width space": "ann\u200b.lee",
    "joiner": "ann\u200d.lee",
    "byte order mark": "\ufeffann.lee",
    "soft hyphen": "ann\u00ad.lee",
    "right-to-left mark": "ann.lee\u200f",
    "right-to-left override": "ann\u202e.lee",
    "isolate": "\u2066ann.lee\u2069",
    "variation selector": "ann.lee\ufe0f",
    "tag": "ann.lee\U000e0061",
    "grapheme joiner": "ann\u034f.lee",
    "hangul filler": "ann.lee\u3164",
    "braille blank": "ann.lee\u2800",
    "null notehead": "ann.lee\U0001d159",
    "place of an object": "ann.lee\ufffc",
    "control": "ann.lee\x07",
    "new line": "ann.lee\n",
}
INBOX = "query { approvalRequests { nodes { mayDecide } } }"


@pytest.fixture
async def desk(world: World) -> Desk:
    """M1 owes 20,000; above 25,000 it takes two."""
    desk = await world.desk(a_book(a_client("C1", owing("M1"))), approval_notional=25_000)
    await prices_call(desk, 1)
    return desk


@pytest.fixture
async def called(desk: Desk) -> Any:
    return (await cases(desk.caller(subject="ann.lee"), accountNo="M1"))[0]


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
async def test_a_maker_cannot_approve_their_own_request_in_another_spelling(
    desk: Desk, called: Any, spelling: str
) -> None:
    request = await asked_for(desk.caller(subject="Ann.Lee"), called)
    assert request["maker"] == "ann.lee"
    same = desk.caller(Permission.RISK_APPROVER, subject=spelling)
    assert (await same.ask(INBOX))["approvalRequests"]["nodes"] == [{"mayDecide": False}]
    assert (await approve(same, request["id"]))["code"] == "SAME_PERSON"
    other = desk.caller(Permission.RISK_APPROVER, subject="bob")
    assert (await approve(other, request["id"]))["approval"]["status"] == "APPROVED"


@pytest.mark.parametrize("subject", INVISIBLE.values(), ids=INVISIBLE)
async def test_a_subject_with_a_sign_that_is_not_shown_is_refused(desk: Desk, subject: str) -> None:
    answer = await desk.caller(subject=subject).answer(VIEWER)
    assert (answer.status, answer.codes) == (401, ["TOKEN_CLAIMS"])
    assert "invisible" in answer.body["errors"][0]["message"]


async def test_claims_keys_and_filters_know_one_person_in_every_spelling(desk: Desk, called: Any) -> None:
    ann, loud = desk.caller(subject="ann.lee"), desk.caller(subject="ANN.LEE")
    assert (await loud.ask(VIEWER))["viewer"] == {"subject": "ann.lee"}
    await command(ann, "claimCase", called, expectedVersion=None)
    claimed = await work(ann, called["id"])
    renewed = await command(loud, "claimCase", claimed, expectedVersion=None)
    assert (renewed["__typename"], renewed["case"]["claim"]["by"]) == ("CaseChanged", "ann.lee")
    key, item = uuid4().hex, {"caseId": called["id"], "legs": [{"symbol": BANK, "quantity": "300"}]}
    (first,) = await ask(ann, item, key=key)
    (again,) = await ask(loud, item, key=key)
    assert first["approval"]["id"] == again["approval"]["id"]
    assert await _makers(ann, "ANN.LEE") == ["ann.lee"]


async def _makers(caller: Caller, maker: str) -> list[str]:
    found = await caller.ask(REQUESTS, filter={"maker": maker})
    return [node["maker"] for node in found["approvalRequests"]["nodes"]]


async def test_a_revocation_in_any_spelling_ends_the_tokens_of_every_spelling(desk: Desk) -> None:
    """As rows were written before there was one form."""
    callers = [desk.caller(subject=spelling) for spelling in SPELLINGS.values()]
    with desk.application.resources.database.active():
        async with transaction():
            await revoke_subject("Ann.LEE", desk.clock())

    async def all_are_out() -> bool:
        answers = [await caller.answer(VIEWER) for caller in callers]
        return all(answer.codes == ["TOKEN_REVOKED"] for answer in answers)

    await desk.until(all_are_out, "every spelling to be refused")
    assert (await desk.caller(subject="bob").ask(VIEWER))["viewer"] == {"subject": "bob"}


async def test_a_venue_or_the_desk_is_no_subject_in_another_spelling(desk: Desk) -> None:
    for subject in ("SYSTEM", "\uff50aper", "Desk:import-book", " desk "):
        assert (await desk.caller(subject=subject).answer(VIEWER)).codes == ["TOKEN_CLAIMS"]
