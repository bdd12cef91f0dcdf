"""Every root field and every role, allowed or refused: tests/api/permission_matrix.py has the table."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from graphql import build_schema

from domain.principal import Permission
from gateway.auth import issue
from resolvers.schema import sdl
from tests.api.a_busy_desk import a_busy_desk
from tests.api.control import turn
from tests.api.permission_matrix import MUTATIONS, QUERIES, SUBSCRIPTIONS, Row
from tests.kit.desk_client import Caller
from tests.kit.desk_server import Desk, World

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROLES: tuple[Permission | None, ...] = (None, *Permission)
"""None: a token that grants nothing."""
ANSWERED_TO_ANYBODY = {"viewer"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(shared_world: World) -> Desk:
    """An account is frozen, and a second person is asked to end that."""
    busy = await a_busy_desk(shared_world)
    frozen = busy.ids["account"]
    await turn(busy.trader, on=True, accountId=frozen)
    asked = await turn(busy.desk.caller(Permission.RISK_APPROVER, subject="bob"), on=False, accountId=frozen)
    assert asked["code"] == "APPROVAL_REQUIRED", asked
    return busy.desk


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def callers(desk: Desk) -> dict[Permission | None, Caller]:
    """One of each role."""
    secret = desk.settings.auth_secret.get_secret_value()
    return {
        role: desk.caller_with(issue(secret, f"the {role}", [role] if role else [], None, 60, desk.clock()))
        for role in ROLES
    }


@pytest.mark.parametrize(
    ("root", "rows"),
    [("query_type", QUERIES), ("mutation_type", MUTATIONS), ("subscription_type", SUBSCRIPTIONS)],
)
async def test_every_root_field_has_a_row(root: str, rows: Mapping[str, Row]) -> None:
    fields = set(getattr(build_schema(sdl()), root).fields)
    assert fields - rows.keys() == set(), "say in tests/api/permission_matrix.py who may use it"
    assert rows.keys() - fields == set()


@pytest.mark.parametrize("name", [*QUERIES, *MUTATIONS])
async def test_a_field_answers_exactly_the_permitted_callers(
    callers: dict[Permission | None, Caller], name: str
) -> None:
    row = {**QUERIES, **MUTATIONS}[name]
    assert {role for role in ROLES if await _answered(callers[role], row)} == _allowed(name, row)


@pytest.mark.parametrize("name", SUBSCRIPTIONS)
async def test_a_subscription_opens_for_exactly_the_permitted_callers(
    callers: dict[Permission | None, Caller], name: str
) -> None:
    row = SUBSCRIPTIONS[name]
    assert {role for role in ROLES if await _opened(callers[role], row)} == _allowed(name, row)


async def test_masked_data_is_searched_for_in_the_whole_answer() -> None:
    assert _codes({"a": [{"b": {"code": "FORBIDDEN"}}]}) == {"FORBIDDEN"}


def _allowed(name: str, row: Row) -> set[Permission | None]:
    return {*row.allowed, *((None,) if name in ANSWERED_TO_ANYBODY else ())}


async def _answered(caller: Caller, row: Row) -> bool:
    """Not FORBIDDEN, whether as an error or as a refusal. A document that does not fit is a failure."""
    variables = json.loads(json.dumps(dict(row.variables)).replace("{key}", uuid4().hex))
    answer = await caller.answer(row.document, **variables)
    codes = _codes(answer.body)
    assert answer.status == 200, answer
    assert not codes & {"BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED", "INTERNAL"}, answer.body
    return "FORBIDDEN" not in codes


async def _opened(caller: Caller, row: Row) -> bool:
    """Every subscription of the table has something to say at once."""
    operation = await caller.subscribe(row.document, **row.variables)
    first = await operation.message()
    await operation.stop()
    assert first["type"] == "next" or _codes(first) == {"FORBIDDEN"}, first
    return bool(first["type"] == "next")


def _codes(found: Any) -> set[str]:
    """Every value of a key `code`, however deep."""
    if isinstance(found, list):
        return {code for each in found for code in _codes(each)}
    if isinstance(found, dict):
        own = {found["code"]} if isinstance(found.get("code"), str) else set()
        return own | {code for each in found.values() for code in _codes(each)}
    return set()
