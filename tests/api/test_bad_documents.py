"""Requests that are no GraphQL, or too much of it: refused with a code, never an internal error."""

import asyncio
import gzip
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.kit.book_files import a_book
from tests.kit.desk_client import Answer, Caller
from tests.kit.desk_server import Desk, World
from tests.kit.patience import PATIENCE_S

pytestmark = pytest.mark.asyncio(loop_scope="module")

JSON = {"Content-Type": "application/json"}
LATIN = "application/json; charset=iso-8859-1"
MUTATION = 'mutation { setKillSwitch(input: {scope: DESK, on: true, reason: "x"}) { __typename } }'
VIEWER = "{ viewer { subject } }"
_NESTED = "account client accounts client openCases account client".split()
DEEP = f"{{ cases {{ nodes {{ {' { '.join(_NESTED)} {{ id {'}' * 10}"
ROWS_OF_ROWS = "clients(first: 100) { nodes { accounts { positions { nodes { mark } } } } }"
CYCLE = "{ viewer { ...A } } fragment A on Viewer { ...B } fragment B on Viewer { ...A }"
DOUBLING = "".join(f"fragment F{n} on Viewer {{ ...F{n + 1} ...F{n + 1} }} " for n in range(60))


def _query(document: Any, **more: Any) -> dict[str, Any]:
    return {"json": {"query": document, **more}}


REQUESTS: dict[str, tuple[dict[str, Any], int, str]] = {
    "ten megabytes": (
        {"content": b'{"query": "' + b" " * 10_000_000, "headers": JSON},
        413,
        "BODY_TOO_LARGE",
    ),
    "no body": ({"content": b"", "headers": JSON}, 400, "BAD_REQUEST"),
    "malformed JSON": ({"content": b'{"query": ', "headers": JSON}, 400, "BAD_REQUEST"),
    "bytes that are no UTF-8": ({"content": b'{"query": "\xff"}', "headers": JSON}, 400, "BAD_REQUEST"),
    "half a surrogate pair": ({"content": rb'{"query": "\ud800"}', "headers": JSON}, 400, "BAD_REQUEST"),
    "NaN in JSON": ({"content": b'{"query": NaN}', "headers": JSON}, 400, "BAD_REQUEST"),
    "a query that is there twice": (
        {
            "content": b'{"query": "{ viewer { subject } }", "query": "{ clients { totalCount } }"}',
            "headers": JSON,
        },
        400,
        "BAD_REQUEST",
    ),
    "a variable that is there twice": (
        {
            "content": b'{"query": "query ($n: Int!) { cases(first: $n) { nodes { id } } }", '
            b'"variables": {"n": 1, "n": 2}}',
            "headers": JSON,
        },
        400,
        "BAD_REQUEST",
    ),
    "a byte order mark": (
        {"content": b'\xef\xbb\xbf{"query": "{ viewer { subject } }"}', "headers": JSON},
        400,
        "BAD_REQUEST",
    ),
    "a JSON array": ({"json": [{"query": VIEWER}]}, 400, "BAD_REQUEST"),
    "an empty JSON array": ({"json": []}, 400, "BAD_REQUEST"),
    "a JSON string": ({"json": VIEWER}, 400, "BAD_REQUEST"),
    "a JSON number": ({"json": 7}, 400, "BAD_REQUEST"),
    "a JSON null": ({"content": b"null", "headers": JSON}, 400, "BAD_REQUEST"),
    "no query": ({"json": {}}, 400, "BAD_REQUEST"),
    "an empty query": (_query(""), 400, "BAD_REQUEST"),
    "a query that is a number": (_query(7), 400, "BAD_REQUEST"),
    "a query that is a list": (_query([VIEWER]), 400, "BAD_REQUEST"),
    "variables that are a list": (_query(VIEWER, variables=[1]), 400, "BAD_REQUEST"),
    "variables that are text": (_query(VIEWER, variables="x"), 400, "BAD_REQUEST"),
    "an operation name that is a number": (_query(VIEWER, operationName=7), 400, "BAD_REQUEST"),
    "extensions that are text": (_query(VIEWER, extensions="x"), 400, "BAD_REQUEST"),
    "an operation that is not there": (_query(VIEWER, operationName="X"), 400, "BAD_REQUEST"),
    "two operations and no name": (
        _query(f"query A {VIEWER} query B {VIEWER}"),
        200,
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "lists in lists": (
        _query("{ cases(filter: {search: %s}) { nodes { id } } }" % ("[" * 450 + "]" * 450)),
        200,
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "selections in selections": (_query("{ a " * 300 + "}" * 300), 200, "GRAPHQL_VALIDATION_FAILED"),
    "nothing but a fragment": (_query("fragment A on Viewer { subject }"), 400, "BAD_REQUEST"),
    "text that is not called JSON": (
        {"content": VIEWER, "headers": {"Content-Type": "text/plain"}},
        415,
        "UNSUPPORTED_MEDIA_TYPE",
    ),
    "a form": ({"data": {"query": VIEWER}}, 415, "UNSUPPORTED_MEDIA_TYPE"),
    "an upload": ({"files": {"operations": b"{}"}}, 415, "UNSUPPORTED_MEDIA_TYPE"),
    "text that is JSON in another encoding": (
        {"content": b'{"query": "{ viewer { subject } }"}', "headers": {"Content-Type": LATIN}},
        415,
        "UNSUPPORTED_MEDIA_TYPE",
    ),
    "an answer in another format": (
        {**_query(VIEWER), "headers": {"Accept": "application/xml, text/plain"}},
        406,
        "NOT_ACCEPTABLE",
    ),
    "a mutation by GET": ({"method": "GET", "params": {"query": MUTATION}}, 405, "METHOD_NOT_ALLOWED"),
    "a subscription by GET": (
        {"method": "GET", "params": {"query": "subscription { caseEvents { cursor } }"}},
        405,
        "METHOD_NOT_ALLOWED",
    ),
    "a GET without a query": ({"method": "GET"}, 400, "BAD_REQUEST"),
    "a GET with variables that are not JSON": (
        {"method": "GET", "params": {"query": VIEWER, "variables": "{"}},
        400,
        "BAD_REQUEST",
    ),
    "a PUT": ({"method": "PUT", **_query(VIEWER)}, 405, "METHOD_NOT_ALLOWED"),
    "a DELETE": ({"method": "DELETE"}, 405, "METHOD_NOT_ALLOWED"),
    "a syntax error": (_query("{ viewer { "), 200, "GRAPHQL_VALIDATION_FAILED"),
    "a syntax error in a string": (
        _query('{ quote(symbol: "\\ud800") { mark } }'),
        200,
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "only a comment": (_query("# nothing"), 200, "GRAPHQL_VALIDATION_FAILED"),
    "an unknown field": (_query("{ secrets }"), 200, "GRAPHQL_VALIDATION_FAILED"),
    "an unknown argument": (_query("{ viewer(x: 1) { subject } }"), 200, "GRAPHQL_VALIDATION_FAILED"),
    "an unknown variable": (_query("{ node(id: $id) { id } }"), 200, "GRAPHQL_VALIDATION_FAILED"),
    "a missing argument": (_query("{ node { id } }"), 200, "GRAPHQL_VALIDATION_FAILED"),
    "a fragment cycle": (_query(CYCLE), 200, "GRAPHQL_VALIDATION_FAILED"),
    "fragments that double each other": (
        _query("{ viewer { ...F0 } } " + DOUBLING + "fragment F60 on Viewer { subject }"),
        200,
        "QUERY_TOO_EXPENSIVE",
    ),
    "too deep": (_query(DEEP), 200, "GRAPHQL_VALIDATION_FAILED"),
    "too many aliases": (
        _query("{ " + " ".join(f"a{n}: viewer {{ subject }}" for n in range(16)) + " }"),
        200,
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "too many rows of rows": (
        _query("{ " + " ".join(f"a{n}: {ROWS_OF_ROWS}" for n in range(15)) + " }"),
        200,
        "QUERY_TOO_EXPENSIVE",
    ),
    "too many tokens": (_query("{ " + "viewer { subject } " * 300 + "}"), 200, "GRAPHQL_VALIDATION_FAILED"),
    "one field again and again": (
        _query("{ cases { nodes { " + "account { accountNo } " * 200 + "} } }"),
        200,
        "QUERY_TOO_EXPENSIVE",
    ),
    "one unknown field again and again": (_query("{ " + "secrets " * 900 + "}"), 200, "QUERY_TOO_EXPENSIVE"),
    "one field again and again by fragments": (
        _query(
            "{ viewer { "
            + " ".join(f"...F{n}" for n in range(80))
            + " } } "
            + " ".join(f"fragment F{n} on Viewer {{ subject }}" for n in range(80))
        ),
        200,
        "QUERY_TOO_EXPENSIVE",
    ),
    "too many root fields": (
        _query("{ " + "viewer { subject } clients { totalCount } orders { totalCount } " * 11 + "}"),
        200,
        "QUERY_TOO_EXPENSIVE",
    ),
    "JSON in JSON": (
        {
            "content": b'{"query": "{ viewer { subject } }", "variables": '
            + b'{"a":' * 5000
            + b"1"
            + b"}" * 5001,
            "headers": JSON,
        },
        400,
        "BAD_REQUEST",
    ),
    "a compressed body": (
        {
            "content": gzip.compress(b'{"query": "' + b" " * 1_000_000 + b'{ viewer { subject } }"}'),
            "headers": {**JSON, "Content-Encoding": "gzip"},
        },
        415,
        "UNSUPPORTED_MEDIA_TYPE",
    ),
    "an operation name of 90 kilobytes": (_query(VIEWER, operationName="x" * 90_000), 400, "BAD_REQUEST"),
    "a subscription by POST": (_query("subscription { caseSummary { openCases } }"), 400, "BAD_REQUEST"),
    "a variable of the wrong type": (
        _query("query ($n: Int!) { cases(first: $n) { nodes { id } } }", variables={"n": "many"}),
        200,
        "BAD_USER_INPUT",
    ),
    "a missing variable": (
        _query("query ($n: Int!) { cases(first: $n) { nodes { id } } }"),
        200,
        "BAD_USER_INPUT",
    ),
    "an integer that is too large": (
        _query("query ($n: Int!) { cases(first: $n) { nodes { id } } }", variables={"n": 2**31}),
        200,
        "BAD_USER_INPUT",
    ),
    "a literal of five thousand digits": (
        _query("{ cases(filter: {amountAtLeast: %s}) { nodes { id } } }" % ("9" * 5000)),
        200,
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "an integer literal of sixty thousand digits": (
        _query("{ cases(first: %s) { nodes { id } } }" % ("9" * 60_000)),
        200,
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "a fraction of five thousand digits": (
        _query("{ cases(first: 1.%s) { nodes { id } } }" % ("9" * 5000)),
        200,
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "an integer of five thousand digits in a list in a default value": (
        _query("query ($n: [Int!] = [1, -%s]) { cases { nodes { id } } }" % ("9" * 5000)),
        200,
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "an alias of ninety kilobytes": (
        _query("{ clients(first: 100) { nodes { %s: clientNo } } }" % ("x" * 90_000)),
        200,
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "a time before all time": (
        _query('{ cases(filter: {openedAfter: "0001-01-01T00:00:00+14:00"}) { nodes { id } } }'),
        200,
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "a week in place of a day": (
        _query(
            'mutation ($day: Date!) { setMarketDay(input: {idempotencyKey: "k", market: "XNYS", day: $day,'
            ' kind: CLOSED, reason: "storm"}) { __typename } }',
            variables={"day": "2026-W05-6"},
        ),
        200,
        "BAD_USER_INPUT",
    ),
    "a value that is no enum": (
        _query("{ cases(filter: {status: SLEEPING}) { nodes { id } } }"),
        200,
        "GRAPHQL_VALIDATION_FAILED",
    ),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(shared_world: World) -> Desk:
    return await shared_world.desk(a_book())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def trader(desk: Desk) -> Caller:
    return desk.caller()


async def sent(caller: Caller, request: dict[str, Any]) -> Answer:
    """By a client that knows forms, uploads and queries in the address."""
    async with httpx.AsyncClient(verify=False, timeout=PATIENCE_S) as client:
        headers = {"Authorization": f"Bearer {caller.token}"} | request.get("headers", {})
        arguments = {"method": "POST"} | request | {"headers": headers}
        answer = await client.request(url=f"http://{caller.address}", **arguments)
        return Answer(answer.status_code, answer.json(), answer.headers)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("a subscription by POST", "use a WebSocket, or POST with Accept: text/event-stream"),
        ("a mutation by GET", "use POST"),
        ("an answer in another format", "accept one of them"),
        ("a query that is there twice", "the field 'query' occurs twice in one object"),
        ("a variable that is there twice", "the field 'n' occurs twice in one object"),
        ("a byte order mark", "UTF-8 byte order mark (BOM) is not supported"),
        ("text that is not called JSON", "The body must be JSON: send Content-Type: application/json"),
        ("an upload", "Content-Type: application/json"),
        ("a compressed body", "Content-Encoding"),
        ("a PUT", "Send POST"),
    ],
)
async def test_the_refusal_names_the_fault_or_the_remedy(trader: Caller, name: str, says: str) -> None:
    answer = await sent(trader, REQUESTS[name][0])
    assert says in answer.body["errors"][0]["message"]


@pytest.mark.parametrize("name", REQUESTS)
async def test_a_request_that_makes_no_sense_is_refused_with_a_code(trader: Caller, name: str) -> None:
    request, status, code = REQUESTS[name]
    answer = await sent(trader, request)
    assert isinstance(answer.body, dict), answer
    assert (answer.status, answer.codes) == (status, [code]), answer
    assert not answer.body.get("data")


async def test_many_stalling_requests_at_once_do_not_take_the_lease(desk: Desk, trader: Caller) -> None:
    await desk.until(desk.leads, "the process to lead")
    before = await desk.rows("SELECT holder FROM lease")
    request, status, code = REQUESTS["one field again and again"]
    answers = await asyncio.gather(*(sent(trader, request) for _ in range(18)))
    assert {(answer.status, *answer.codes) for answer in answers} == {(status, code)}
    assert await desk.leads()
    assert await desk.rows("SELECT holder FROM lease") == before


async def test_each_of_two_ids_that_are_none_has_its_own_refusal(trader: Caller) -> None:
    liquidated = await trader.ask(
        """mutation { liquidate(input: {idempotencyKey: "two", cases: [{caseId: "x"}, {caseId: "y"}]}) {
        results { ... on Refusal { code } } } }"""
    )
    assert liquidated["liquidate"]["results"] == [{"code": "NOT_FOUND"}] * 2
