"""Watch the desk live: what happens to cases and orders, one line each, over one WebSocket.

    TOKEN=... python examples/tour/watch.py [--figures]

DESK says where the desk is, as for desk.sh; without it, at http://127.0.0.1:8000/graphql.
Events that only bring new figures of a case are left out unless asked for by --figures: there are many.

The protocol is graphql-transport-ws, spoken by hand here to show how little it is: connection_init with the
token, one subscribe per operation, then messages of type next. When the connection breaks it connects again
and resumes behind the last event it has seen, so that none is lost.
"""

import argparse
import asyncio
import json
import os
import sys
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

CASES = """subscription ($after: String) { caseEvents(after: $after) {
  cursor kind case { caseNo status amount uncoveredAmount closeReason account { accountNo baseCurrency } }
} }"""
ORDERS = """subscription ($after: String) { orderEvents(after: $after) {
  cursor kind previousStatus fill { quantity price }
  order { clientOrderId status side quantity filledQuantity limitPrice instrument { symbol } }
} }"""
DESK = os.environ.get("DESK") or "http://127.0.0.1:8000/graphql"
OPERATIONS = {"cases": CASES, "orders": ORDERS}
START_AGAIN = {"CURSOR_EXPIRED", "CURSOR_INVALID"}
GOING_AWAY = {1001, 1006, 1012, 1013}
RECONNECT_DELAY_S = 1.0


async def watch(url: str, token: str, figures: bool) -> None:
    """Until interrupted; raises ConnectionClosed when the desk says that trying again is of no use."""
    cursors: dict[str, str] = {}
    connected = True
    while True:
        try:
            async with connect(url, subprotocols=[Subprotocol("graphql-transport-ws")]) as socket:
                connected = True
                await follow(socket, token, cursors, figures)
        except ConnectionClosed as closed:
            if closed.code not in GOING_AWAY:
                raise
            say(f"connection lost ({closed.code}), trying again")
        except OSError as away:
            if connected:
                say(f"no desk at {url} ({away.strerror}), trying again; DESK=http://... names another place")
            connected = False
        await asyncio.sleep(RECONNECT_DELAY_S)


async def follow(socket: ClientConnection, token: str, cursors: dict[str, str], figures: bool) -> None:
    """Subscribe behind the cursors and keep them up to date; returns when a stream ended and has to go on."""
    await send(socket, type="connection_init", payload={"authorization": f"Bearer {token}"})
    async for frame in socket:
        message = json.loads(frame)
        match message["type"]:
            case "connection_ack":
                await subscribe(socket, cursors)
            case "next" if "errors" in message["payload"]:
                ended(message["id"], message["payload"]["errors"][0], cursors)
                return
            case "next":
                show(message["id"], message["payload"]["data"], cursors, figures)
            case "ping":
                await send(socket, type="pong")
            case "error":
                sys.exit(f"{message['id']}: {message['payload'][0]['message']}")


async def subscribe(socket: ClientConnection, cursors: dict[str, str]) -> None:
    """One operation per stream, each behind the last event it has seen."""
    for name, query in OPERATIONS.items():
        payload = {"query": query, "variables": {"after": cursors.get(name)}}
        await send(socket, id=name, type="subscribe", payload=payload)
    say("watching")


def show(name: str, data: dict[str, Any], cursors: dict[str, str], figures: bool) -> None:
    """Print an event and remember where it stands."""
    (event,) = data.values()
    cursors[name] = event["cursor"]
    if figures or event["kind"] != "UPDATED":
        say(line_of_case(event) if name == "cases" else line_of_order(event))


def ended(name: str, error: dict[str, Any], cursors: dict[str, str]) -> None:
    """Why a stream ended; a cursor that is of no use any more is forgotten."""
    if error["extensions"]["code"] in START_AGAIN:
        cursors.pop(name, None)
    say(f"{name}: {error['message']}")


async def send(socket: ClientConnection, **message: Any) -> None:
    """One message of the protocol."""
    await socket.send(json.dumps(message))


def line_of_case(event: dict[str, Any]) -> str:
    """What happened to which case, and what is still to be collected."""
    case = event["case"]
    account = case["account"]
    money = f"{case['amount']} {account['baseCurrency']} (uncovered {case['uncoveredAmount']})"
    return f"case  {case['caseNo']} {event['kind']:14} {case['closeReason'] or case['status']:17} {money}"


def line_of_order(event: dict[str, Any]) -> str:
    """What happened to which order, and how much of it is filled."""
    order, fill = event["order"], event["fill"]
    price = f" at {fill['price']}" if fill else ""
    what = f"{order['side']} {order['filledQuantity']}/{order['quantity']} {order['instrument']['symbol']}"
    return f"order {order['clientOrderId']} {event['kind']:14} {order['status']:17} {what}{price}"


def say(line: str) -> None:
    """At once, also into a pipe."""
    print(line, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Watch the desk live; the token is read from TOKEN.")
    parser.add_argument("--figures", action="store_true", help="show every change of a case's figures too")
    asked = parser.parse_args()
    if not os.environ.get("TOKEN"):
        sys.exit("TOKEN is not set: export TOKEN=$(.venv/bin/python -m gateway token ...), see README.md")
    try:
        asyncio.run(watch(DESK.replace("http", "ws", 1), os.environ["TOKEN"], asked.figures))
    except KeyboardInterrupt:
        pass
    except ConnectionClosed as closed:
        sys.exit(f"the desk closed the connection: {closed.code} {closed.reason}")
