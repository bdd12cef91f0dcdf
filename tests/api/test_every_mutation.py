"""Whatever a mutation does, it does once however often it is sent, and the audit says who did it and what."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from graphql import build_schema

from resolvers.schema import sdl
from tests.api.every_mutation import EVERY, a_called_desk, a_scene, use
from tests.kit.desk_server import Desk, World

pytestmark = pytest.mark.asyncio(loop_scope="module")

AT_ONCE = 50
REFUSED_WITH_A_REQUEST = {"voidCase", "writeOff"}
"""They always take two people: what they do is to ask for the second."""
CONTESTED = {
    **dict.fromkeys(
        ("updateRemark", "markException", "clearException", "adjustDeadline"), "VERSION_CONFLICT"
    ),
    **dict.fromkeys(("approve", "decline"), "APPROVAL_DECIDED"),
    "claimCase": "CASE_CLAIMED",
}
"""The answer to the second of two people."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(shared_world: World) -> Desk:
    """An account for each test, named after it."""
    return await a_called_desk(shared_world, *EVERY, *(f"{name}-2" for name in CONTESTED))


async def test_every_mutation_is_here() -> None:
    mutations = build_schema(sdl()).mutation_type
    assert mutations is not None
    assert set(mutations.fields) == EVERY.keys(), "say in tests/api/every_mutation.py how it is used"


@pytest.mark.parametrize("name", EVERY)
async def test_fifty_times_at_once_it_has_one_effect_which_the_audit_tells(desk: Desk, name: str) -> None:
    subject = f"who does {name.lower()}"
    scene = await a_scene(desk, name, EVERY[name].by, subject=subject)
    asked = await EVERY[name].prepare(scene) | {"idempotencyKey": uuid4().hex}
    requests = [uuid4().hex for _ in range(AT_ONCE)]
    results = await asyncio.gather(*(use(scene.by, name, asked, request) for request in requests))
    assert all(result == results[0] for result in results), results
    _expect_success(name, results[0])
    assert await use(scene.by, name, asked) == results[0]
    written = await _audited(desk, requests)
    assert written, "the audit does not say who did it"
    assert len({row["request_id"] for row in written}) == 1, "it was done more than once"
    assert {row["actor"] for row in written} == {subject}
    assert all(row["before_state"] or row["after_state"] for row in written), written


@pytest.mark.parametrize("name", CONTESTED)
async def test_of_two_people_at_the_same_moment_one_succeeds_and_one_is_refused(
    desk: Desk, name: str
) -> None:
    scene = await a_scene(desk, f"{name}-2", EVERY[name].by, subject="ann")
    rival = desk.caller(EVERY[name].by, subject="bob")
    asked = await EVERY[name].prepare(scene)
    results = await asyncio.gather(
        *(use(caller, name, asked | {"idempotencyKey": uuid4().hex}) for caller in (scene.by, rival))
    )
    assert {result.get("code") for result in results} == {None, CONTESTED[name]}, results


def _expect_success(name: str, result: Any) -> None:
    if name in REFUSED_WITH_A_REQUEST:
        assert result["code"] == "APPROVAL_REQUIRED", result
    else:
        assert "code" not in result, result


async def _audited(desk: Desk, requests: list[str]) -> list[Any]:
    ids = ", ".join(f"'{request}'" for request in requests)
    return await desk.rows(
        f"SELECT actor, action, request_id, before_state, after_state FROM audit WHERE request_id IN ({ids})"
    )
