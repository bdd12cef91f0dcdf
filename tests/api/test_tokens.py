"""No token, no data: over HTTP and over sockets."""

import base64
import json
from typing import Any

import jwt
import pytest
import pytest_asyncio

from domain.principal import Permission
from gateway.auth import ALGORITHM, AUDIENCE, ISSUER
from tests.kit.book_files import a_book
from tests.kit.desk_server import TOKEN_MINUTES, Desk, World
from tests.kit.outside import MORNING

pytestmark = pytest.mark.asyncio(loop_scope="module")

VIEWER = "{ viewer { subject } }"
NOW = int(MORNING.timestamp())
CLAIMS = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": "trader",
    "iat": NOW,
    "exp": NOW + 600,
    "permissions": ["RISK_WARNING_FULL"],
}


def signed(secret: str, algorithm: str = ALGORITHM, **changes: Any) -> str:
    claims = {name: value for name, value in (CLAIMS | changes).items() if value is not ...}
    return jwt.encode(claims, secret, algorithm=algorithm)


def unsigned() -> str:
    parts = ({"alg": "none", "typ": "JWT"}, CLAIMS)
    return (
        ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)
        + "."
    )


BAD_CLAIMS: dict[str, tuple[dict[str, Any], str]] = {
    "expired": ({"iat": NOW - 600, "exp": NOW - 10}, "TOKEN_EXPIRED"),
    "of tomorrow": ({"iat": NOW + 100}, "TOKEN_CLAIMS"),
    "not to be used yet": ({"nbf": NOW + 100}, "TOKEN_CLAIMS"),
    "for another audience": ({"aud": "another-desk"}, "TOKEN_CLAIMS"),
    "of another issuer": ({"iss": "another-desk"}, "TOKEN_CLAIMS"),
    "of nobody": ({"sub": ...}, "TOKEN_CLAIMS"),
    "without an end": ({"exp": ...}, "TOKEN_CLAIMS"),
    "without permissions": ({"permissions": ...}, "TOKEN_CLAIMS"),
    "with a permission that is none": ({"permissions": ["EVERYTHING"]}, "TOKEN_CLAIMS"),
    "with accounts that are null": ({"accounts": None}, "TOKEN_CLAIMS"),
    "with accounts that are text": ({"accounts": "M1"}, "TOKEN_CLAIMS"),
}
OTHERS = {
    "none": (None, "TOKEN_MISSING"),
    "no token": ("abc", "TOKEN_MALFORMED"),
    "no token in three parts": ("a.b.c", "TOKEN_MALFORMED"),
    "forged": (signed("x" * 32), "TOKEN_FORGED"),
    "unsigned": (unsigned(), "TOKEN_ALGORITHM"),
    "signed in another way": (signed("x" * 64, "HS512"), "TOKEN_ALGORITHM"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(shared_world: World) -> Desk:
    return await shared_world.desk(a_book())


def _token(desk: Desk, name: str) -> tuple[str | None, str]:
    if name in OTHERS:
        return OTHERS[name]
    changes, code = BAD_CLAIMS[name]
    return signed(desk.settings.auth_secret.get_secret_value(), **changes), code


@pytest.mark.parametrize("name", [*BAD_CLAIMS, *OTHERS])
async def test_a_request_with_a_bad_token_is_answered_with_401(desk: Desk, name: str) -> None:
    token, code = _token(desk, name)
    answer = await desk.caller_with(token).answer(VIEWER)
    assert (answer.status, answer.codes) == (401, [code])
    assert "data" not in answer.body


@pytest.mark.parametrize("name", [*BAD_CLAIMS, *OTHERS])
async def test_a_socket_with_a_bad_token_is_closed(desk: Desk, name: str) -> None:
    token, _ = _token(desk, name)
    caller = desk.caller_with(None)
    for payload in ({"authorization": f"Bearer {token}"}, {"Authorization": token}):
        assert await (await caller.socket(payload, acknowledged=False)).closed() == 4403


@pytest.mark.parametrize(
    "payload", [None, {}, {"authorization": None}, {"authorization": 7}, {"authorization": []}]
)
async def test_a_socket_without_a_token_is_closed(desk: Desk, payload: Any) -> None:
    assert await (await desk.caller_with(None).socket(payload, acknowledged=False)).closed() == 4403


async def test_a_scheme_that_is_not_bearer_is_refused(desk: Desk) -> None:
    caller, good = desk.caller_with(None), desk.caller().token
    for header in (f"Basic {good}", str(good), "Bearer"):
        answer = await caller.post(json={"query": VIEWER}, headers={"Authorization": header})
        assert (answer.status, answer.codes) == (401, ["TOKEN_MALFORMED"]), header


async def test_a_good_token_is_accepted_in_the_header_and_in_the_payload(desk: Desk) -> None:
    caller = desk.caller()
    viewer = {"subject": "trader", "permissions": ["RISK_WARNING_FULL"], "accountScope": None}
    document = "{ viewer { subject permissions accountScope } }"
    assert (await caller.ask(document))["viewer"] == viewer
    for payload in ({"authorization": f"Bearer {caller.token}"}, {"Authorization": f"bearer {caller.token}"}):
        socket = await desk.caller_with(None).socket(payload)
        assert await socket.ask(document) == viewer


async def test_a_token_without_any_permission_sees_nothing_and_is_refused(desk: Desk) -> None:
    nobody = desk.caller_with(signed(desk.settings.auth_secret.get_secret_value(), permissions=[]))
    assert (await nobody.ask(VIEWER))["viewer"] == {"subject": "trader"}
    for field in (
        "cases { nodes { id } }",
        "clients { totalCount }",
        'node(id: "x") { id }',
        'quote(symbol: "x") { mark }',
    ):
        assert (await nobody.answer(f"{{ {field} }}")).codes == ["FORBIDDEN"]
    operation = await nobody.subscribe("subscription { caseEvents { id } }")
    assert await operation.error_codes() == ["FORBIDDEN"]


@pytest.mark.asyncio(loop_scope="function")
async def test_a_socket_outlives_its_token_by_no_operation(world: World) -> None:
    desk = await world.desk(a_book())
    caller = desk.caller(Permission.RISK_WARNING_READ_ONLY)
    socket = await caller.socket()
    assert await socket.ask(VIEWER) == {"subject": "trader"}
    desk.clock.advance(minutes=TOKEN_MINUTES)
    await socket.operate(VIEWER)
    assert await socket.closed() == 4403
