"""How many files a reader opens to follow four values through the desk: `python -m tests.guards.ways`.

A desk runs on SQLite and the memory bus while a profiler looks at the arguments of every call. A file is on a
way if one of its functions receives the value that the way carries, in a task that serves the way; arithmetic
that receives only other values, such as prices, is not on it. Left out is the floor under every way, which a
reader learns once: the transport that reads a request, the scalars and ids of GraphQL, and the layer that
writes SQL. `--files` names the files in the order in which the value reaches them.
"""

import asyncio
import sys
import tempfile
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, is_dataclass
from decimal import Decimal
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
NO_ACCOUNT, COEFFICIENT = "M-NO-SUCH-ACCOUNT", "1.0937"
"""Values that only the request carries."""
_TOP = str(ROOT) + "/"


FLOOR = (
    "gateway/http/",
    "resolvers/execution/",
    "resolvers/kit/",
    "models/sql/",
    "domain/canonical.py",
    "domain/json_fields.py",
    "domain/money.py",
)
"""Passed by every request or statement, whatever it carries."""
_NESTING_MAX = 4
"""How deep the value is looked for inside an argument."""


@dataclass(slots=True)
class Trace:
    """The files that received one of the values, by task, in the order of their first call."""

    values: Sequence[str]
    by_task: dict[object, dict[str, None]] = field(default_factory=lambda: defaultdict(dict))
    _looking: bool = False

    @contextmanager
    def on(self) -> Iterator[None]:
        """Only calls in the thread of the desk are looked at."""
        sys.setprofile(self._note)
        try:
            yield
        finally:
            sys.setprofile(None)

    def _note(self, frame: FrameType, event: str, _: Any) -> None:
        path = frame.f_code.co_filename
        if event != "call" or self._looking or not path.startswith(_TOP):
            return
        name = path[len(_TOP) :]
        if name.startswith(PRODUCT) and not name.startswith(FLOOR) and frame.f_code.co_name != "<module>":
            self._looking = True  # Looking into an argument may call the product's own properties.
            try:
                if self._receives(frame):
                    self.by_task[_task()][name] = None
            finally:
                self._looking = False

    def _receives(self, frame: FrameType) -> bool:
        code = frame.f_code
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        return any(self.holds(frame.f_locals.get(name)) for name in names if name != "self")

    def holds(self, found: object, depth: int = _NESTING_MAX) -> bool:
        """Whether one of the values is somewhere inside of what was found."""
        match found:
            case str():
                return any(value in found for value in self.values)
            case bytes():
                return any(value.encode() in found for value in self.values)
            case Decimal():
                return str(found) in self.values
            case _ if depth == 0:
                return False
            case dict():
                return any(self.holds(each, depth - 1) for pair in found.items() for each in pair)
            case list() | tuple() | set() | frozenset():
                return any(self.holds(each, depth - 1) for each in found)
            case _ if is_dataclass(found) and not isinstance(found, type):
                return any(self.holds(getattr(found, each.name, None), depth - 1) for each in fields(found))
        return False

    def stages(self, stages: Sequence["Stage"]) -> list[str]:
        """The files of the tasks that serve one of the stages."""
        files = [
            stage.cut(list(task)) for stage in stages for task in self.by_task.values() if stage.by in task
        ]
        return list(dict.fromkeys(name for each in files for name in each))


def _task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of a way that one task walks: the file that identifies the task, and the file where it ends."""

    by: str
    end: str | None = None
    """None: with the task."""

    def cut(self, files: list[str]) -> list[str]:
        """The files up to the end of the stage."""
        assert self.end is None or self.end in files, (
            f"{self.end} received nothing: name where {self.by} ends"
        )
        return files if self.end is None else files[: files.index(self.end) + 1]


@dataclass(frozen=True, slots=True)
class Way:
    """A way: what it carries (values that occur nowhere else), what walks it, and its stages."""

    name: str
    values: Callable[[Desk], Awaitable[Sequence[str]]]
    walk: Callable[[Desk], Awaitable[None]]
    stages: Sequence[Stage]
    files_max: int


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
        "amountRule": {"accountType": "MARGIN", "coefficient": COEFFICIENT, "overFinancingTriggers": False}
        | rule
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
    await desk.caller().ask(CASES, filter={"accountNo": NO_ACCOUNT, "status": ["OPEN"]})


async def _has_other_amount(desk: Desk, than: str) -> bool:
    return bool((await desk.rows("SELECT amount FROM margin_case"))[0]["amount"] != than)


async def _has(desk: Desk, where: str) -> bool:
    return bool(await desk.rows(f"SELECT id FROM liquidation_order WHERE {where}"))


async def _filtered_account(desk: Desk) -> Sequence[str]:
    return [NO_ACCOUNT]


async def _coefficient(desk: Desk) -> Sequence[str]:
    return [COEFFICIENT]


async def _case(desk: Desk) -> Sequence[str]:
    (row,) = await desk.rows("SELECT id, case_no FROM margin_case")
    return [row["id"], row["case_no"]]


async def _orders(desk: Desk) -> Sequence[str]:
    return [row["id"] for row in await desk.rows("SELECT id FROM liquidation_order")]


WAYS = (
    Way(
        "the filter of cases, from GraphQL to SQL",
        _filtered_account,
        _filter,
        [Stage("resolvers/query.py")],
        files_max=6,
    ),
    Way(
        "a setting, from its request to being in force",
        _coefficient,
        _change_setting,
        [
            Stage("resolvers/commands/settings.py", end="models/audit.py"),
            Stage("desk/approvals.py"),
            Stage("desk/monitoring/follow_settings.py", end="desk/monitoring/follow_settings.py"),
        ],
        files_max=14,
    ),
    Way(
        "liquidate, from GraphQL to rows and venue",
        _case,
        _liquidate,
        [
            Stage("desk/liquidation/liquidate.py", end="models/outbox.py"),
            Stage("desk/orders/dispatch_orders.py", end="venues/paper.py"),
        ],
        files_max=25,
    ),
    Way(
        "an execution report, from its commit to a subscriber",
        _orders,
        _fill,
        [Stage("subscriptions/stream/outbox_relay.py"), Stage("subscriptions/live/group.py")],
        files_max=14,
    ),
)


async def walk() -> list[tuple[Way, list[str]]]:
    """Walk each way once on one desk."""
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
            return [(way, await _walk(desk, way)) for way in WAYS]


async def _walk(desk: Desk, way: Way) -> list[str]:
    trace = Trace(await way.values(desk))
    with trace.on():
        await way.walk(desk)
    return trace.stages(way.stages)


async def _called(desk: Desk) -> bool:
    return bool((await desk.caller().ask(CASES))["cases"]["nodes"])


def main(arguments: list[str]) -> None:
    """Print the counts, and the files where they are asked for; exit with 1 if a way is too long."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    walked = asyncio.run(walk())
    for way, files in walked:
        print(f"{len(files):>4} of at most {way.files_max:>2}  {way.name}")
        if "--files" in arguments:
            print(*(f"      {name}" for name in files), sep="\n")
    sys.exit(any(len(files) > way.files_max for way, files in walked))


if __name__ == "__main__":
    main(sys.argv[1:])
