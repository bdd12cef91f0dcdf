"""Records a stream of the demo desk for the console: `python -m tests.console.record`, in half a minute.

Writes console/tests/recorded.json. Of each filter: the messages of one subscription to cases, and the rows of
a second one that began later. Both saw the same events, so that the first leads to the rows of the second.

One filter lets cases enter and leave the list as prices move; in the list without one, the recorder ends
cases by selling all.
"""

import asyncio
import json
from typing import Any
from uuid import uuid4

from tests.kit.demo_desk import served_demo, token_of
from tests.kit.desk_client import Caller, Operation
from tests.kit.patience import PATIENCE_S, pauses
from tests.kit.source import ROOT

FILE = ROOT / "console/tests/recorded.json"
LOG = ROOT / "build/recorded.log"
FILTERS: dict[str, dict[str, Any] | None] = {"amountAtLeast": {"amountAtLeast": "2000"}, "live": None}
KINDS_NEEDED = {
    "amountAtLeast": {"SNAPSHOT", "OPENED", "UPDATED", "REMOVED"},
    "live": {"SNAPSHOT", "OPENED", "UPDATED", "STATUS_CHANGED", "CLOSED"},
}
EVENTS = 250
SOLD = 3
"""Cases that the recorder ends."""
CASES_NEEDED = 8
STREAM = """subscription ($filter: CaseFilter, $after: String, $snapshot: Boolean!) {
  caseEvents(filter: $filter, after: $after, snapshot: $snapshot) {
    id kind case { id caseNo status version amount uncoveredAmount deadline account { accountNo } }
  }
}"""
CASES = "{ cases(first: 100) { nodes { id } } }"
SELL = """mutation ($key: String!, $case: ID!) {
  liquidate(input: { idempotencyKey: $key, cases: [{ caseId: $case, policy: ALL, orderType: MARKET }] }) {
    results { __typename }
  }
}"""


async def recorded() -> dict[str, Any]:
    """What the file contains."""
    async with served_demo({}, LOG) as port:
        caller = Caller(port, token_of("recorder"))
        try:
            cases = await _cases(caller)
            streams = {
                name: await caller.subscribe(STREAM, filter=filters, snapshot=True)
                for name, filters in FILTERS.items()
            }
            for case in cases[:SOLD]:
                await caller.ask(SELL, key=uuid4().hex, case=case)
            return {name: await _recording(caller, name, stream) for name, stream in streams.items()}
        finally:
            await caller.close()


async def _cases(caller: Caller) -> list[str]:
    """As soon as there are enough."""
    async with asyncio.timeout(PATIENCE_S):
        for pause in pauses():
            found = [node["id"] for node in (await caller.ask(CASES))["cases"]["nodes"]]
            if len(found) >= CASES_NEEDED:
                return found
            await asyncio.sleep(pause)
    raise AssertionError("unreachable")


async def _recording(caller: Caller, name: str, stream: Operation) -> dict[str, Any]:
    """The messages up to the first event that came after the second snapshot, and the rows of that one."""
    messages: list[dict[str, Any]] = []
    while len(messages) < EVENTS or not {_event(each)["kind"] for each in messages} >= KINDS_NEEDED[name]:
        messages.append(await _payload(stream))
    second = await caller.subscribe(STREAM, filter=FILTERS[name], snapshot=True)
    snapshot = [await _payload(second)]
    rows = snapshot[0]["extensions"]["stream"]["snapshotEvents"]
    snapshot += [await _payload(second) for _ in range(rows - 1)]
    boundary = _id(await _payload(second))
    while boundary not in map(_id, messages):
        messages.append(await _payload(stream))
    until = [*map(_id, messages)].index(boundary)
    return {"messages": messages[:until], "rows": [_event(each)["case"] for each in snapshot]}


async def _payload(operation: Operation) -> dict[str, Any]:
    message = await operation.message()
    assert message["type"] == "next", message
    payload: dict[str, Any] = message["payload"]
    return payload


def _event(payload: dict[str, Any]) -> dict[str, Any]:
    event: dict[str, Any] = payload["data"]["caseEvents"]
    return event


def _id(payload: dict[str, Any]) -> str:
    return str(_event(payload)["id"])


def _rendered(recordings: dict[str, Any]) -> str:
    """One message a line. Cursors are signed and long: their places do as well."""
    parts = []
    for name, recording in recordings.items():
        for place, message in enumerate(recording["messages"]):
            message["extensions"]["cursor"] = str(place)
        lists = (
            f'"{of}": [\n' + ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows) + "\n]"
            for of, rows in recording.items()
        )
        parts.append(f'"{name}": {{\n' + ",\n".join(lists) + "\n}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    FILE.write_text(_rendered(asyncio.run(recorded())))
