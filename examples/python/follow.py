"""Follow margin calls live, and after a cut go on behind the last one: none is missed, none is seen twice.

TOKEN=... python examples/python/follow.py [ws://127.0.0.1:8000/graphql]     (pip install "gql[websockets]")
"""

import asyncio
import os
import random
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any

from gql import Client, GraphQLRequest
from gql.transport.exceptions import TransportError, TransportQueryError
from gql.transport.websockets import WebsocketsTransport
from websockets.exceptions import ConnectionClosed

CASES = """subscription ($after: String) {
  caseEvents(after: $after) { id kind case { caseNo status amount } }
}"""
CLIENT_MISTAKES = {4400, 4401, 4406, 4409, 4429}
REMEMBERED_IDS = 1000


async def case_events(url: str, token: Callable[[], str]) -> AsyncIterator[dict[str, Any]]:
    """Events without end. Raises errors that a retry cannot solve, such as CURSOR_EXPIRED: query the list."""
    after, reported, seen = None, "", deque[str](maxlen=REMEMBERED_IDS)
    while True:
        transport = WebsocketsTransport(url, init_payload={"authorization": f"Bearer {token()}"})
        try:
            async with Client(transport=transport) as session:
                request = GraphQLRequest(CASES, variable_values={"after": after})
                async for result in session.subscribe(request, get_execution_result=True):
                    event = result.data["caseEvents"]
                    if event["id"] not in seen:
                        yield event
                    seen.append(event["id"])
                    after = result.extensions["cursor"]  # Only now: an unprocessed event comes again.
        except TransportQueryError:
            raise
        except (TransportError, OSError) as cut:
            closed = cut.__cause__
            if isinstance(closed, ConnectionClosed) and closed.rcvd and closed.rcvd.code in CLIENT_MISTAKES:
                raise
            if (why := str(closed or cut)) != reported:
                print(f"trying {url} again: {(reported := why)} (4403: TOKEN is refused)", file=sys.stderr)
            await asyncio.sleep(random.uniform(0.1, 1))


async def main(url: str = "ws://127.0.0.1:8000/graphql") -> None:
    """One line per event."""
    async for event in case_events(url, lambda: os.environ.get("TOKEN") or sys.exit("TOKEN is not set")):
        case = event["case"]
        print(event["id"], event["kind"], case["caseNo"], case["status"], case["amount"], flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
