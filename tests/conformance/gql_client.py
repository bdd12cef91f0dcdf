"""gql for Python: queries and a mutation over HTTP and over a WebSocket, case events over a WebSocket."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

from gql import Client, GraphQLRequest
from gql.client import AsyncClientSession
from gql.transport.async_transport import AsyncTransport
from gql.transport.exceptions import TransportConnectionFailed, TransportQueryError
from gql.transport.httpx import HTTPXAsyncTransport
from gql.transport.websockets import WebsocketsTransport

URL, CUT_URL = os.environ["DESK_URL"], os.environ["CUT_URL"]
AUTHORIZATION = f"Bearer {os.environ['TOKEN']}"
LAST_REMARK = os.environ["LAST_REMARK"]
FIRST = 3
PAUSE_S = 0.05

PAGE = """query ($first: Int!, $after: String) {
  cases(first: $first, after: $after) { edges { node { id version } } pageInfo { endCursor } }
}"""
REMARK = """mutation ($input: UpdateRemarkInput!) {
  updateRemark(input: $input) { result {
    __typename
    ... on CaseChanged { case { version remark } }
    ... on Refusal { code message details { case { version } } }
  } }
}"""
EVENTS = (
    "subscription ($after: String) { caseEvents(after: $after) { id cursor kind case { caseNo remark } } }"
)


# doc: gql
def over_http() -> AsyncTransport:
    return HTTPXAsyncTransport(URL, headers={"Authorization": AUTHORIZATION})


def over_websocket(url: str) -> AsyncTransport:
    return WebsocketsTransport(url.replace("http", "ws"), init_payload={"authorization": AUTHORIZATION})


async def case_events(url: str) -> AsyncIterator[dict[str, Any]]:
    """Without end; after a cut it goes on behind the last event."""
    after = None
    while True:
        try:
            async with Client(transport=over_websocket(url)) as session:
                request = GraphQLRequest(EVENTS, variable_values={"after": after})
                async for data in session.subscribe(request):
                    yield data["caseEvents"]
                    after = data["caseEvents"]["cursor"]
        except (TransportConnectionFailed, OSError):
            await asyncio.sleep(PAUSE_S)


# end


def report(**line: object) -> None:
    """To the runner."""
    print(json.dumps(line), flush=True)


async def go(transport: AsyncTransport) -> None:
    """Two pages, a remark, and one on a version that is past."""
    async with Client(transport=transport, fetch_schema_from_transport=True) as session:
        page = (await session.execute(GraphQLRequest(PAGE, variable_values={"first": FIRST})))["cases"]
        report(step="page")
        after = page["pageInfo"]["endCursor"]
        more = GraphQLRequest(PAGE, variable_values={"first": FIRST, "after": after})
        edges = page["edges"] + (await session.execute(more))["cases"]["edges"]
        assert len({edge["node"]["id"] for edge in edges}) == 2 * FIRST, edges
        report(step="next page")
        await change_remark(session, page["edges"][0]["node"])
        report(step="mutate")
        await read_code(session)
        report(step="errors")


async def read_code(session: AsyncClientSession) -> None:
    request = GraphQLRequest(PAGE, variable_values={"first": FIRST, "after": "nonsense"})
    errors: list[Any] = []
    try:
        await session.execute(request)
    except TransportQueryError as refused:
        errors += refused.errors or []
    assert [error["extensions"]["code"] for error in errors] == ["CURSOR_INVALID"], errors


async def change_remark(session: AsyncClientSession, case: dict[str, Any]) -> None:
    content = {"caseId": case["id"], "expectedVersion": case["version"], "remark": f"by gql {uuid4()}"}
    results = []
    for _ in range(2):
        request = GraphQLRequest(
            REMARK, variable_values={"input": content | {"idempotencyKey": str(uuid4())}}
        )
        results.append((await session.execute(request))["updateRemark"]["result"])
    changed, refused = results
    assert changed["case"]["remark"] == content["remark"], changed
    assert (refused["__typename"], refused["code"]) == ("CaseCommandRefused", "VERSION_CONFLICT"), refused
    assert refused["details"]["case"]["version"] == changed["case"]["version"], refused


async def main() -> None:
    """The whole way."""
    await go(over_websocket(URL) if "--websocket" in sys.argv else over_http())
    report(subscribed=True)
    async for event in case_events(CUT_URL):
        report(event=event["id"])
        if event["case"]["remark"] == LAST_REMARK:
            break
    report(step="resume")


if __name__ == "__main__":
    asyncio.run(main())
