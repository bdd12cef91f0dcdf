"""An auditor sees personal data, and that is kept: who, when, which fields, of whom."""

from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from graphql import build_schema

from domain.principal import Permission
from models.sql.codec import loads
from resolvers.execution.personal import PERSONAL
from resolvers.kit.node import global_id
from resolvers.schema import sdl
from tests.api.every_mutation import a_called_desk
from tests.kit.desk_client import Caller
from tests.kit.desk_server import Desk, World

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAMES = "{ cases { nodes { client { name } } } }"
SHOWN = {
    "a list": (NAMES, ["Client.name"], 2),
    "clients by a fragment": (
        "{ clients(first: 1) { nodes { ...who } } } fragment who on Client { fullName: name }",
        ["Client.name"],
        1,
    ),
    "addresses": (
        '{ clients(filter: {search: "M1"}) { nodes { contact { email phone } } } }',
        ["ClientContact.email", "ClientContact.phone"],
        1,
    ),
}
NOT_SHOWN = {
    "no personal field": "{ clients { nodes { clientNo contact { language } } } }",
    "nobody": '{ clients(filter: {search: "nobody of that name"}) { nodes { name } } }',
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(shared_world: World) -> Desk:
    return await a_called_desk(shared_world, "M1", "M2")


@pytest.fixture
def auditor(desk: Desk) -> Caller:
    return desk.caller(Permission.AUDITOR, subject="aud")


async def kept(desk: Desk) -> list[Any]:
    return await desk.rows("SELECT * FROM audit WHERE action = 'readPersonalData' ORDER BY id")


@pytest.mark.parametrize("what", SHOWN)
async def test_the_reads_of_an_auditor_are_recorded_once_per_request(
    desk: Desk, auditor: Caller, what: str
) -> None:
    document, fields, clients = SHOWN[what]
    before, request = len(await kept(desk)), uuid4().hex
    answer = await auditor.post(json={"query": document}, headers={"X-Request-ID": request})
    assert "***" not in str(answer.data)
    (entry,) = (await kept(desk))[before:]
    assert (entry["actor"], entry["request_id"]) == ("aud", request)
    detail = loads(entry["detail"])
    assert (detail["fields"], detail["clientCount"]) == (fields, clients)
    shown = [global_id("Client", id_) for id_ in detail["clients"]]
    listed = await auditor.ask("{ clients { nodes { id } } }")
    assert set(shown) <= {node["id"] for node in listed["clients"]["nodes"]}
    assert "example.org" not in entry["detail"]


async def test_over_a_socket_too(desk: Desk, auditor: Caller) -> None:
    before = len(await kept(desk))
    socket = await auditor.socket()
    await socket.ask(NAMES)
    assert len(await kept(desk)) == before + 1
    await (
        await socket.operate("subscription { caseEvents(snapshot: true) { case { client { name } } } }")
    ).next()
    *_, entry = await kept(desk)
    assert loads(entry["detail"])["operation"] == "subscription"
    assert len(await kept(desk)) == before + 2


@pytest.mark.parametrize("what", NOT_SHOWN)
async def test_a_request_that_shows_nothing_personal_leaves_nothing(
    desk: Desk, auditor: Caller, what: str
) -> None:
    before = len(await kept(desk))
    assert (await auditor.answer(NOT_SHOWN[what])).status == 200
    assert len(await kept(desk)) == before


@pytest.mark.parametrize(
    "permission", [Permission.RISK_WARNING_FULL, Permission.RISK_APPROVER, Permission.SERVICE]
)
async def test_of_others_nothing_is_kept(desk: Desk, permission: Permission) -> None:
    before = len(await kept(desk))
    await desk.caller(permission).ask(NAMES)
    assert len(await kept(desk)) == before


async def test_every_masked_field_counts_as_personal() -> None:
    """What is masked says so, in the description of the field or of its type."""
    types = build_schema(sdl()).type_map
    masked: dict[str, set[str]] = {}
    for name, type_ in types.items():
        fields = getattr(type_, "fields", {}) if not name.startswith("__") else {}
        for field, definition in fields.items():
            text = f"{getattr(definition, 'description', None)} {type_.description}"
            if "***" in text:
                masked.setdefault(name, set()).add(field)
    assert masked.pop("ClientContact") >= PERSONAL["ClientContact"]
    assert masked == {name: set(fields) for name, fields in PERSONAL.items() if name != "ClientContact"}
