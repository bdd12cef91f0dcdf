"""What a document must not exceed is refused alike over HTTP, a WebSocket and an event stream."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from resolvers.execution.limits import NAME_CHARACTERS_MAX, NUMBER_CHARACTERS_MAX, Limit
from tests.kit.executing import LIMITS
from tests.kit.live_desk import LiveDesk, served_desk
from tests.kit.patience import PATIENCE_S
from tests.kit.raw_sse import event_stream
from tests.kit.transport_ws_harness import ready, refusal

pytestmark = pytest.mark.asyncio(loop_scope="module")

Refusal = Callable[..., Awaitable[dict[str, Any]]]
VIEWER = "viewer { subject }"
_NESTED = "account client accounts client openCases account client accounts".split()
EXCEEDED = {
    Limit.TOKENS: "{ " + "viewer { subject } " * LIMITS.tokens + "}",
    Limit.NAME: f"{{ viewer {{ {'x' * (NAME_CHARACTERS_MAX + 1)}: subject }} }}",
    Limit.NUMBER: f"{{ cases(first: {'9' * (NUMBER_CHARACTERS_MAX + 1)}) {{ nodes {{ id }} }} }}",
    Limit.DEPTH: "{ cases { nodes { " + " { ".join(_NESTED) + " { id " + "}" * (len(_NESTED) + 3),
    Limit.ALIASES: f"{{ {' '.join(f'a{n}: {VIEWER}' for n in range(LIMITS.aliases + 1))} }}",
    Limit.FIELDS: "{ viewer { ...F0 } } "
    + "".join(
        f"fragment F{n} on Viewer {{ ... {{ ...F{n + 1} }} ... {{ ...F{n + 1} }} }} " for n in range(60)
    )
    + "fragment F60 on Viewer { subject }",
    Limit.EQUAL_FIELDS: f"{{ viewer {{ {'subject ' * (LIMITS.equal_fields + 1)} }} }}",
    Limit.SPREADS: "{ viewer { " + "...F " * (LIMITS.spreads + 1) + "} } fragment F on Viewer { subject }",
    Limit.INPUT_FIELDS: "query ($input: ScenarioInput!) { bookWhatIf(input: $input) { __typename } }",
    Limit.ROOT_FIELDS: "{ " + "viewer { subject } clients { totalCount } orders { totalCount } " * 11 + "}",
    Limit.ONCE: "{ ...A b: bookWhatIf(input: {priceMove: 1}) { accounts } } "
    "fragment A on Query { a: bookWhatIf(input: {priceMove: 1}) { accounts } }",
    Limit.COST: "{ "
    + " ".join(
        f"a{n}: clients(first: 100) {{ nodes {{ accounts {{ positions {{ nodes {{ mark }} }} }} }} }}"
        for n in range(LIMITS.aliases)
    )
    + " }",
}


VARIABLES: dict[Limit, dict[str, Any]] = {
    Limit.INPUT_FIELDS: {"input": {"prices": [{}] * LIMITS.input_fields}}
}


async def over_http(desk: LiveDesk, document: str, **more: Any) -> dict[str, Any]:
    async with httpx.AsyncClient(verify=False, base_url=desk.url, timeout=PATIENCE_S) as client:
        headers = {"authorization": desk.token()}
        return only((await client.post("/graphql", json={"query": document, **more}, headers=headers)).json())


async def over_a_socket(desk: LiveDesk, document: str, **more: Any) -> dict[str, Any]:
    async with ready(desk) as socket:
        return await refusal(socket, document, **more)


async def over_an_event_stream(desk: LiveDesk, document: str, **more: Any) -> dict[str, Any]:
    headers = {"authorization": desk.token()}
    async with (
        httpx.AsyncClient(verify=False, base_url=desk.url, timeout=PATIENCE_S) as client,
        event_stream(client, "POST", "/graphql", json={"query": document, **more}, headers=headers) as reader,
    ):
        result, _ = await reader.rest()
        return only(result.json)


def only(answer: dict[str, Any]) -> dict[str, Any]:
    (error,) = answer["errors"]
    assert isinstance(error, dict)
    assert answer.get("data") is None
    return error


TRANSPORTS: list[Refusal] = [over_http, over_a_socket, over_an_event_stream]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LiveDesk]:
    async with served_desk(Path(tmp_path_factory.mktemp("desk")), introspection=False) as served:
        yield served


@pytest.mark.parametrize("limit", Limit, ids=lambda limit: limit.name)
async def test_a_document_over_a_limit_is_refused_with_one_code_over_every_transport(
    desk: LiveDesk, limit: Limit
) -> None:
    more = {"variables": VARIABLES[limit]} if limit in VARIABLES else {}
    errors = [await refused(desk, EXCEEDED[limit], **more) for refused in TRANSPORTS]
    assert [error["extensions"]["code"] for error in errors] == [limit.code] * len(TRANSPORTS)
    assert len({error["message"] for error in errors}) == 1


async def test_a_subscription_has_a_limit_of_its_own_for_each_event(desk: LiveDesk) -> None:
    position = "mark quantity marketValue"
    wide = " ".join(f"a{n}: positions(first: 100) {{ nodes {{ {position} }} }}" for n in range(15))
    cases = f"case {{ client {{ openCases {{ account {{ {wide} }} }} }} }}"
    document = f"subscription {{ caseEvents {{ {cases} }} }}"
    for refused in (over_a_socket, over_an_event_stream):
        error = await refused(desk, document)
        assert error["extensions"]["code"] == Limit.COST.code
        assert f"more than {LIMITS.event_cost:,}" in error["message"]


@pytest.mark.parametrize("refused", TRANSPORTS)
async def test_without_introspection_an_error_suggests_no_names(desk: LiveDesk, refused: Refusal) -> None:
    error = await refused(desk, "{ viewer { subjet } }")
    assert error["message"] == "Cannot query field 'subjet' on type 'Viewer'."
