"""A client that applies the events of requests and switches to its snapshot holds exactly what the lists say.

People ask, decide, freeze and unfreeze at random. Clients with different permissions and scopes follow lists
of every filter, and lose their connection in between.
"""

import random
from dataclasses import dataclass, field
from typing import Any

import pytest

from domain.principal import Permission
from tests.api.case_work import command
from tests.api.control import (
    APPROVAL_EVENTS,
    KILL_SWITCH_EVENTS,
    ask_for_a_setting,
    decide,
    requests,
    switches,
    turn,
)
from tests.api.moments import prices_call
from tests.api.trading import cases
from tests.kit.book_files import a_book, a_client, owing
from tests.kit.desk_client import Caller, Operation, Socket
from tests.kit.desk_server import Desk, World

pytestmark = pytest.mark.both_stacks

STEPS, CUTS = 60, (20, 40)
ACCOUNTS = tuple(f"M{number}" for number in range(1, 7))
LEFT = 5
"""Lists that nothing ever leaves prove little."""


@dataclass(slots=True)
class Followed:
    """One list of one client, and what the client holds of it."""

    caller: Caller
    of_requests: bool
    wanted: dict[str, Any]
    held: dict[str, Any] = field(default_factory=dict)
    cursor: str | None = None
    left: int = 0
    operation: Operation | None = None

    async def begin(self, socket: Socket) -> None:
        """From where it stands, or with a snapshot."""
        chosen = {"filter": self.wanted} if self.of_requests else self.wanted
        start: dict[str, Any] = {"snapshot": True} if self.cursor is None else {"after": self.cursor}
        document = APPROVAL_EVENTS if self.of_requests else KILL_SWITCH_EVENTS
        self.operation = await socket.operate(document, **chosen, **start)

    async def apply(self, socket: Socket) -> None:
        """What has arrived so far."""
        assert self.operation is not None
        while self.operation.unread():
            message = await self.operation.message()
            if message["type"] == "error":
                # It was cut off within its snapshot.
                assert message["payload"][0]["extensions"]["code"] == "CURSOR_EXPIRED", message
                self.held, self.cursor = {}, None
                await self.begin(socket)
                continue
            (event,) = message["payload"]["data"].values()
            row = event["request" if self.of_requests else "killSwitch"]
            if event["kind"] == "REMOVED":
                self.left += self.held.pop(row["id"], None) is not None
            else:
                self.held[row["id"]] = row
            self.cursor = event["cursor"]

    async def is_equal(self) -> bool:
        """Whether it holds what the list says now."""
        listed = (
            requests(self.caller, **self.wanted) if self.of_requests else switches(self.caller, **self.wanted)
        )
        return self.held == {row["id"]: row for row in await listed}


class People:
    """They do at random what they may."""

    def __init__(self, desk: Desk, choose: random.Random) -> None:
        self._choose = choose
        self._ann, self._ben = desk.caller(subject="ann"), desk.caller(subject="ben")
        self._bob = desk.caller(Permission.RISK_APPROVER, subject="bob")
        self._carol = desk.caller(Permission.RISK_SETTING_FULL, subject="carol")

    async def act(self) -> None:
        match self._choose.choice(["void", "setting", "freeze", "unfreeze", "unfreeze", "decide", "decide"]):
            case "void":
                await self._ask_for_a_void()
            case "setting":
                await ask_for_a_setting(self._carol)
            case "freeze":
                await turn(self._ann, on=True, **await self._whose())
            case "unfreeze":
                await self._unfreeze()
            case _:
                await self._decide()

    async def _ask_for_a_void(self) -> None:
        maker = self._choose.choice([self._ann, self._ben])
        if found := await cases(maker):
            case = self._choose.choice(found)
            await command(maker, "voidCase", case, reason="bad price")

    async def _unfreeze(self) -> None:
        """Some requests are approved at once, others wait."""
        maker, checker = self._choose.sample([self._bob, self._carol], 2)
        result = await turn(maker, on=False, **await self._whose())
        if result.get("approval") and self._choose.random() < 0.5:
            await decide(checker, "approve", result["approval"]["id"])

    async def _whose(self) -> dict[str, str]:
        found = await self._ann.ask("{ accounts(first: 2) { nodes { id client { id } } } }")
        account = self._choose.choice(found["accounts"]["nodes"])
        return self._choose.choice([{}, {"accountId": account["id"]}, {"clientId": account["client"]["id"]}])

    async def _decide(self) -> None:
        if pending := await requests(self._carol, status=["PENDING"]):
            request = self._choose.choice(pending)
            by = self._choose.choice([self._bob, self._carol, self._ann])
            await decide(
                by, self._choose.choice(["approve", "approve", "decline", "withdraw"]), request["id"]
            )


def followed_by(desk: Desk, case_id: str) -> list[Followed]:
    """Every kind of filter, for clients who see everything, no settings, and few accounts."""
    viewers = (
        desk.caller(Permission.AUDITOR, subject="all"),
        desk.caller(Permission.RISK_WARNING_OPERATOR, subject="no settings"),
        desk.caller(Permission.RISK_APPROVER, subject="few", accounts=["M1", "M2"]),
    )
    of_requests: list[dict[str, Any]] = [
        {},
        {"status": ["PENDING"]},
        {"status": ["APPROVED", "DECLINED"]},
        {"kind": ["VOID"]},
        {"kind": ["KILL_SWITCH_OFF", "SETTING"], "status": ["PENDING"]},
        {"maker": "ann"},
        {"caseId": case_id},
    ]
    of_switches: list[dict[str, Any]] = [{}, {"on": True}, {"on": False}]
    return [
        *(Followed(viewer, True, wanted) for viewer in viewers for wanted in of_requests),
        *(Followed(viewer, False, wanted) for viewer in viewers for wanted in of_switches),
    ]


async def connect(followed: list[Followed]) -> dict[Caller, Socket]:
    """A socket for each client, with all its lists."""
    sockets: dict[Caller, Socket] = {}
    for each in followed:
        if each.caller not in sockets:
            sockets[each.caller] = await each.caller.socket()
        await each.begin(sockets[each.caller])
    return sockets


async def test_applying_events_to_the_snapshot_gives_the_fetched_list(world: World) -> None:
    desk = await world.desk(
        a_book(
            a_client("C1", owing("M1"), owing("M2")),
            *(a_client(f"C{number}", owing(f"M{number}")) for number in range(3, 7)),
        )
    )
    await prices_call(desk, len(ACCOUNTS))
    people = People(desk, random.Random(2026))
    (case,) = await cases(desk.caller(), accountNo="M1")
    followed = followed_by(desk, case["id"])
    sockets = await connect(followed)
    for step in range(STEPS):
        await people.act()
        if step in CUTS:
            for each in followed:
                await each.apply(sockets[each.caller])
            for socket in sockets.values():
                await socket.close()
            sockets = await connect(followed)

    async def all_are_equal() -> bool:
        for each in followed:
            await each.apply(sockets[each.caller])
        return all([await each.is_equal() for each in followed])

    await desk.until(all_are_equal, "the lists to be what the events say")
    for of_requests in (True, False):
        assert sum(each.left for each in followed if each.of_requests is of_requests) >= LEFT
