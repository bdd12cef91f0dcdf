"""How many files four ways through the desk touch: `python -m tests.guards.ways`, `--files` names them.

A desk runs on SQLite and the memory bus, and a profiler notes of which modules of the product each task
executes code. A way is what the tasks executed that served it. Left out are `gateway/`, which starts and
watches them, and the types of GraphQL, which only say what the way carries.
"""

import asyncio
import sys
import tempfile
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import structlog

from domain.principal import Permission
from models.sql.database import Database
from tests.kit.book_files import a_book, a_client, owing, quotes
from tests.kit.desk_server import Desk, World
from tests.kit.source import PRODUCT, ROOT

CASES = "query ($filter: CaseFilter) { cases(filter: $filter) { nodes { id caseNo } } }"
LIQUIDATE = """mutation ($input: LiquidateInput!) { liquidate(input: $input) { results { __typename
  ... on LiquidationStarted { orders { id } } ... on Refused { code message } } } }"""
ORDER_EVENTS = "subscription { orderEvents { id kind order { status } } }"
REQUEST = """mutation ($input: RequestSettingChangeInput!) { requestSettingChange(input: $input) { result {
  __typename ... on SettingChangeRequested { approval { id } } ... on Refused { code message } } } }"""
APPROVE = """mutation ($input: DecideApprovalsInput!) { approve(input: $input) { results { __typename
  ... on Refused { code message } } } }"""
_TOP = str(ROOT) + "/"


@dataclass(slots=True)
class Trace:
    """Which files of the product each task executed, while it is on."""

    by_task: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))

    @contextmanager
    def on(self) -> Iterator[None]:
        """Only what the thread of the desk does is noted."""
        sys.setprofile(self._note)
        try:
            yield
        finally:
            sys.setprofile(None)

    def _note(self, frame: FrameType, event: str, _: Any) -> None:
        path = frame.f_code.co_filename
        if event == "call" and path.startswith(_TOP) and frame.f_code.co_name != "<module>":
            name = path[len(_TOP) :]
            if name.startswith(PRODUCT):
                task = asyncio.current_task() if _has_loop() else None
                self.by_task[id(task)].add(name)

    def way(self, *marks: str) -> list[str]:
        """What the tasks executed that came by all files of one of the marks, `a.py+b.py`."""
        wanted = [set(mark.split("+")) for mark in marks]
        found = {
            name
            for files in self.by_task.values()
            if any(mark <= files for mark in wanted)
            for name in files
            if not name.startswith(("gateway/", "resolvers/types/", "resolvers/enums/"))
        }
        return sorted(found)


def _has_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Way:
    """A way, what walks it, and by which files its tasks are known."""

    name: str
    walk: Callable[[Desk], Awaitable[None]]
    marks: Sequence[str]


async def _liquidate(desk: Desk) -> None:
    trader = desk.caller()
    (case,) = (await trader.ask(CASES))["cases"]["nodes"]
    asked = {"idempotencyKey": "k", "cases": [{"caseId": case["id"], "policy": "ALL"}]}
    (result,) = (await trader.ask(LIQUIDATE, input=asked))["liquidate"]["results"]
    assert result["__typename"] == "LiquidationStarted", result
    await desk.until(
        lambda: _has(desk, "status <> 'QUEUED' AND status <> 'PENDING_NEW'"), "the order to be sent"
    )


async def _fill(desk: Desk) -> None:
    events = await desk.caller().subscribe(ORDER_EVENTS)
    await desk.market.says(*quotes(desk.clock(), size=100_000))
    await events.until(lambda event: event["order"]["status"] == "FILLED")


async def _change_setting(desk: Desk) -> None:
    amount = (await desk.rows("SELECT amount FROM margin_case"))[0]["amount"]
    rule: dict[str, object] = dict.fromkeys(
        ("withInterest", "withOutstandingMargin", "withTradingLimit", "withOverFinancing"), True
    )
    setting = {
        "amountRule": {"accountType": "MARGIN", "coefficient": "1.1", "overFinancingTriggers": False} | rule
    }
    maker = desk.caller(Permission.RISK_SETTING_FULL, subject="mary")
    asked = {"idempotencyKey": "k", "setting": setting, "reason": "as agreed"}
    requested = (await maker.ask(REQUEST, input=asked))["requestSettingChange"]["result"]
    checker = desk.caller(Permission.RISK_APPROVER, subject="carl")
    decided = {"idempotencyKey": "k", "ids": [requested["approval"]["id"]], "reason": None}
    (result,) = (await checker.ask(APPROVE, input=decided))["approve"]["results"]
    assert result["__typename"] == "ApprovalDecided", result
    await desk.until(lambda: _has_other_amount(desk, amount), "the setting to be in force")


async def _filter(desk: Desk) -> None:
    await desk.caller().ask(CASES, filter={"accountNo": "M1", "status": ["OPEN"]})


async def _has_other_amount(desk: Desk, than: str) -> bool:
    return bool((await desk.rows("SELECT amount FROM margin_case"))[0]["amount"] != than)


async def _has(desk: Desk, where: str) -> bool:
    return bool(await desk.rows(f"SELECT id FROM liquidation_order WHERE {where}"))


WAYS = (
    Way("the filter of cases to SQL", _filter, ["resolvers/query.py+models/case_list.py"]),
    Way(
        "a setting, from its request to being in force",
        _change_setting,
        [
            "resolvers/commands/settings.py+desk/four_eyes/change_setting.py",
            "resolvers/types/approval.py+desk/approvals.py",
            "desk/monitoring/follow_settings.py+models/risk_setting.py",
        ],
    ),
    Way(
        "liquidate, from GraphQL to rows and venue",
        _liquidate,
        [
            "resolvers/commands/liquidation.py+desk/liquidation/liquidate.py",
            "desk/orders/dispatch_orders.py+venues/paper.py",
        ],
    ),
    Way(
        "an execution report to a subscriber",
        _fill,
        [
            "desk/orders/record_execution.py+models/outbox.py",
            "subscriptions/stream/outbox_relay.py+models/outbox.py",
            "subscriptions/stream/fan_out.py+subscriptions/live/group.py",
        ],
    ),
)


async def walk() -> list[tuple[Way, list[str]]]:
    """Each way, walked once on one desk."""
    with tempfile.TemporaryDirectory() as directory:
        url = f"sqlite://{directory}/desk.sqlite3"
        database = Database(url, pool_size=1)
        await database.open()
        with database.active():
            await database.migrate()
        await database.close()
        world = World(url, None, Path(directory))
        async with world.running:
            desk = await world.desk(a_book(a_client("C1", owing("M1"))))
            await desk.market.says(*quotes(desk.clock(), size=0))
            await desk.until(lambda: _called(desk), "the call")
            found = []
            for way in WAYS:
                trace = Trace()
                with trace.on():
                    await way.walk(desk)
                found.append((way, trace.way(*way.marks)))
            return found


async def _called(desk: Desk) -> bool:
    return bool((await desk.caller().ask(CASES))["cases"]["nodes"])


def main(arguments: list[str]) -> None:
    """Print the counts, and the files where they are asked for."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    for way, files in asyncio.run(walk()):
        print(f"{len(files):>4}  {way.name}")
        if "--files" in arguments:
            print(*(f"      {name}" for name in files), sep="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
