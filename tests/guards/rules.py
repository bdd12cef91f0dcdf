"""House rules that a linter does not know, each a function from a syntax tree to the nodes that break it.

A rule carries examples that break it and examples that do not, so that a rule which finds nothing is known to
be able to find something.
"""

import ast
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.kit.source import PRODUCT, calls, dotted, imported_roots

Offences = Iterator[ast.AST]

_WALL_CLOCKS = {
    *(
        f"{kind}.{call}"
        for kind in ("datetime", "date", "datetime.datetime")
        for call in ("now", "utcnow", "today")
    ),
    *(f"time.{call}" for call in ("time", "time_ns", "localtime", "gmtime")),
}
_JUDGED = {
    "liquid_net_assets",
    "initial_margin",
    "maintenance_margin",
    "margin_call_margin",
    "force_close_margin",
    "over_financing",
}
_ENVIRONMENT = {"environ", "environb", "getenv", "getenvb"}
_STARTS_TASKS = {
    "create_task",
    "ensure_future",
    "gather",
    "TaskGroup",
    "start_soon",
    "as_completed",
    "wait_for",
}
_OUTSIDE_WORLD = {"venue", "bus", "loader", "loaders"}
_IMPURE = {"asyncio", "io", "logging", "os", "random", "secrets", "socket", "subprocess", "threading", "time"}


@dataclass(frozen=True, slots=True)
class Rule:
    """`check` yields the offending nodes of a module in `folders`; files in `except_in` are let off."""

    name: str
    folders: tuple[str, ...]
    check: Callable[[ast.Module], Offences]
    breaks: tuple[str, ...]
    keeps: tuple[str, ...]
    except_in: tuple[str, ...] = ()


def floats(tree: ast.Module) -> Offences:
    """A float literal or a call of `float`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield node
    yield from (call for name, call in calls([tree]) if name == "float")


def expiry_compared(tree: ast.Module) -> Offences:
    """A comparison of the last day of an option with another day."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = (node.left, *node.comparators)
            if any(isinstance(side, ast.Attribute) and side.attr == "expiry" for side in sides):
                yield node


def figures_judged(tree: ast.Module) -> Offences:
    """A comparison of an account's margin figures, or a judgement that is made by hand."""
    yield from (call for name, call in calls([tree]) if name.split(".")[-1] == "Judgement")
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            compared = [part for side in (node.left, *node.comparators) for part in ast.walk(side)]
            if any(isinstance(part, ast.Attribute) and part.attr in _JUDGED for part in compared):
                yield node


def wall_clock(tree: ast.Module) -> Offences:
    """Asking what time it is, or importing the means to."""
    yield from (call for name, call in calls([tree]) if name in _WALL_CLOCKS)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            yield from (alias for alias in node.names if f"time.{alias.name}" in _WALL_CLOCKS)


def environment(tree: ast.Module) -> Offences:
    """Reading environment variables, by hand or through pydantic-settings."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in _ENVIRONMENT and dotted(node.value) == "os":
            yield node
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            yield from (alias for alias in node.names if alias.name in _ENVIRONMENT)
    yield from (statement for root, statement in imported_roots(tree) if root == "pydantic_settings")


def outside_calls_in_a_transaction(tree: ast.Module) -> Offences:
    """A task started, or a venue, bus or loader called, between the begin and the commit of a transaction."""
    for node in ast.walk(tree):
        if isinstance(node, ast.AsyncWith) and any(_opens_transaction(item) for item in node.items):
            yield from (call for name, call in calls(node.body) if _leaves_the_transaction(name))


def _opens_transaction(item: ast.withitem) -> bool:
    return any(
        name.split(".")[-1] in {"transaction", "in_transaction"} for name, _ in calls([item.context_expr])
    )


def _leaves_the_transaction(name: str) -> bool:
    *receiver, called = name.removeprefix("self.").split(".")
    return called in _STARTS_TASKS or (bool(receiver) and receiver[0].strip("_") in _OUTSIDE_WORLD)


def broad_except(tree: ast.Module) -> Offences:
    """Catching every exception, in whatever words, other than to clean up and raise it again."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and (node.type is None or _is_broad(node.type)):
            if not _raises_again(node):
                yield node
    for name, call in calls([tree]):
        if name.split(".")[-1] == "suppress" and any(map(_is_broad, call.args)):
            yield call


def _raises_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    leaves_early = any(isinstance(node, ast.Return | ast.Continue | ast.Break) for node in ast.walk(handler))
    return isinstance(last, ast.Raise) and last.exc is None and not leaves_early


def _is_broad(node: ast.expr) -> bool:
    caught = node.elts if isinstance(node, ast.Tuple) else [node]
    return any(dotted(kind).split(".")[-1] in {"Exception", "BaseException"} for kind in caught)


def missing_docstring(tree: ast.Module) -> Offences:
    """No words about what the module is for."""
    if not (ast.get_docstring(tree) or "").strip():
        yield tree


def impure(tree: ast.Module) -> Offences:
    """What a pure function cannot do: other people's packages, I/O, waiting, logging, chance."""
    for root, statement in imported_roots(tree):
        if root != "domain" and (root not in sys.stdlib_module_names or root in _IMPURE):
            yield statement
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef | ast.Await))
    yield from (call for name, call in calls([tree]) if name in {"open", "print", "input"})


def warned_of_in_a_handler(tree: ast.Module) -> Offences:
    """A line of the log for each time that something is caught: a loop would repeat it for hours."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            for name, call in calls(node.body):
                if name.endswith(("log.warning", "log.error")):
                    yield call


def outage_without_an_end(tree: ast.Module) -> Offences:
    """An outage whose beginning is logged and whose end is not, or the reverse."""
    made = [call for name, call in calls([tree]) if name in {"OutageLog", "OutageLogs"}]
    ends = {name.split(".")[-1] for name, _ in calls([tree])}
    yield from made if "report" not in ends or ends.isdisjoint({"over", "only"}) else []


def literal_unpacked(tree: ast.Module) -> Offences:
    """A literal tuple, list, set or mapping of names that is unpacked where it is written."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Starred) and isinstance(node.value, ast.Tuple | ast.List | ast.Set):
            yield node
        if isinstance(node, ast.keyword) and node.arg is None and _is_of_names(node.value):
            yield node.value


_OF_SESSIONS = re.compile(
    r"SET (?!LOCAL |TRANSACTION )|LISTEN |DECLARE |PREPARE |CREATE TEMP|.*pg_(try_)?advisory_lock(_shared)?\("
)


def session_changed(tree: ast.Module) -> Offences:
    """SQL whose effect on the session outlasts its transaction."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _OF_SESSIONS.match(node.value):
            yield node


_PARAMETERS_MAX = 6


def _is_api_field(function: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> bool:
    decorators = [] if isinstance(function, ast.Lambda) else function.decorator_list
    return any(ast.unparse(each).startswith("strawberry.field(") for each in decorators)


def too_many_parameters(tree: ast.Module) -> Offences:
    """More parameters than a reader keeps apart; `self` and `cls` do not count, nor do `*args`.

    The parameters of a field of the API are the arguments in its schema.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and not _is_api_field(node):
            parameters = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
            names = [each.arg for each in parameters if each.arg not in {"self", "cls"}]
            if len(names) > _PARAMETERS_MAX:
                yield node


def _is_of_names(node: ast.expr) -> bool:
    return isinstance(node, ast.Dict) and all(
        isinstance(key, ast.Constant) and str(key.value).isidentifier() for key in node.keys
    )


RULES = (
    Rule(
        "amounts and prices are never floats",
        ("domain", "models", "desk"),
        floats,
        breaks=("rate = 0.1", "price = float(text)", "def f(x=1e3): ..."),
        keeps=("rate = Decimal('0.1')", "lots = 3", "timeout_s: float"),
    ),
    Rule(
        "only domain/expiry.py says whether an option has expired",
        PRODUCT,
        expiry_compared,
        breaks=("over = option.expiry < today", "if day >= held.instrument.option.expiry: ..."),
        keeps=("is_expired(instrument, day)", "text = option.expiry.isoformat()", "rules.expiry"),
        except_in=("domain/expiry.py",),
    ),
    Rule(
        "only domain/judgement.py says what the figures of an account decide",
        PRODUCT,
        figures_judged,
        breaks=(
            "below = figures.liquid_net_assets < figures.maintenance_margin",
            "if view.case.figures.over_financing > 0: ...",
            "short = figures.liquid_net_assets - figures.maintenance_margin < ZERO",
            "answer = Judgement(frozenset(), Answer.NO)",
        ),
        keeps=(
            "judgement = judge(book, figures, rules)",
            "due = judgement.owes is Answer.YES",
            "text = plain(figures.maintenance_margin)",
            "need = figures.margin_call_margin - figures.liquid_net_assets",
        ),
        except_in=("domain/judgement.py", "domain/margin.py"),
    ),
    Rule(
        "time is passed in",
        ("domain", "desk"),
        wall_clock,
        breaks=(
            "now = datetime.now(UTC)",
            "now = datetime.datetime.utcnow()",
            "day = date.today()",
            "now = time.time()",
            "from time import time",
        ),
        keeps=(
            "def f(now: datetime): ...",
            "datetime.fromisoformat(text)",
            "from datetime import time",
            "clock()",
        ),
    ),
    Rule(
        "only gateway/settings.py reads the environment",
        (*PRODUCT, "demo"),
        environment,
        breaks=("os.environ['A']", "os.getenv('A')", "from os import environ", "import pydantic_settings"),
        keeps=("settings.port", "os.replace(a, b)"),
        except_in=("gateway/settings.py", "gateway/sections/types.py"),
    ),
    Rule(
        "inside a transaction no task starts and nobody outside is called",
        (*PRODUCT, "demo"),
        outside_calls_in_a_transaction,
        breaks=(
            "async def f():\n async with transaction():\n  asyncio.create_task(g())",
            "async def f():\n async with database.transaction(), lock:\n  if x:\n   await gather(g(), h())",
            "async def f():\n async with in_transaction('default'):\n  await self._venue.submit(order)",
            "async def f(bus):\n async with transaction():\n  await bus.publish(event)",
            "async def f():\n async with transaction():\n  async with asyncio.TaskGroup() as group: ...",
        ),
        keeps=(
            "async def f():\n async with transaction():\n  await save(report.venue)\n await venue.submit(x)",
            "async def f():\n async with lock:\n  await asyncio.gather(g(), h())",
        ),
    ),
    Rule(
        "only the supervisor catches every exception",
        (*PRODUCT, "demo", "bench"),
        broad_except,
        breaks=(
            "try: f()\nexcept: pass",
            "try: f()\nexcept Exception: pass",
            "try: f()\nexcept Exception as error:\n if x: raise",
            "try: f()\nexcept Exception:\n if x: return\n raise",
            "try: f()\nexcept (ValueError, builtins.BaseException): pass",
            "with contextlib.suppress(Exception): f()",
        ),
        keeps=(
            "try: f()\nexcept ValueError: pass",
            "try: f()\nexcept BaseException:\n file.close()\n raise",
            "with suppress(KeyError): f()",
        ),
        # The executor of graphql-core then executes the same again, and reports the error.
        except_in=(
            "gateway/loops/supervisor.py",
            "resolvers/execution/compiling.py",
            "resolvers/execution/roots.py",
        ),
    ),
    Rule(
        "every module says what it is for",
        (*PRODUCT, "demo", "bench", "tests"),
        missing_docstring,
        breaks=("x = 1", '""" """\nx = 1'),
        keeps=('"""What this is for."""\nx = 1',),
    ),
    Rule(
        "a repeated failure is logged through outages.log",
        PRODUCT,
        warned_of_in_a_handler,
        breaks=("try: ...\nexcept OSError as away:\n    log.warning('it is away', error=str(away))",),
        keeps=("try: ...\nexcept OSError as away:\n    outage.report(away)", "log.warning('once')"),
        except_in=(
            "desk/evidence/reports.py",
            "gateway/cli/fleet.py",
            "gateway/workers/margin.py",
        ),
    ),
    Rule(
        "an outage that is reported also ends",
        PRODUCT,
        outage_without_an_end,
        breaks=("outage = OutageLog('away', 'back')\noutage.report('no answer')",),
        keeps=("outage = OutageLog('away', 'back')\noutage.report('no answer')\noutage.over()",),
        except_in=("subscriptions/live/metrics.py",),
    ),
    Rule(
        "no SQL changes the session, which the next user of the connection would inherit",
        ("models",),
        session_changed,
        breaks=(
            "fetch('SET lock_timeout = 0')",
            "fetch('LISTEN news')",
            "fetch('SELECT pg_advisory_lock($1)', 1)",
            "fetch('SELECT pg_try_advisory_lock($1)', 1)",
        ),
        keeps=(
            "fetch('SET LOCAL lock_timeout = 0')",
            "fetch('SET TRANSACTION READ ONLY')",
            "fetch('SELECT pg_advisory_xact_lock($1)', 1)",
            "fetch('UPDATE account SET close_only = $1', True)",
        ),
    ),
    Rule(
        "the domain is pure",
        ("domain",),
        impure,
        breaks=(
            "import pydantic",
            "from models import case",
            "import logging",
            "async def f(): ...",
            "open('book.csv')",
        ),
        keeps=("from decimal import Decimal", "from domain.money import ZERO", "import enum"),
    ),
    Rule(
        "items are written one by one, not packed and unpacked",
        (*PRODUCT, "demo", "bench", "docs", "tests"),
        literal_unpacked,
        breaks=("f(*(a, b), c)", "x = [*[a], b]", "x = {*{a}, b}", "f(**{'a': 1})"),
        keeps=(
            "f(*rest)",
            "x = (*rest, a)",
            "f(*(g(x) for x in y))",
            "f(**{name: 1})",
            "f(**{'a-b': 1})",
            "f(**{'a': 1} | b)",
        ),
    ),
    Rule(
        "a function takes at most six parameters; more are a value of their own",
        (*PRODUCT, "demo", "bench", "docs", "tests"),
        too_many_parameters,
        breaks=(
            "def f(a, b, c, d, e, f, g): ...",
            "async def f(a, b, c, *, d, e, f, g=1): ...",
            "class C:\n def __init__(self, a, b, c, d, e, f, g): ...",
            "f = lambda a, b, c, d, e, f, g: 0",
        ),
        keeps=(
            "def f(a, b, c, d, e, f): ...",
            "class C:\n def f(self, a, b, c, d, e, f): ...",
            "def f(*rest, a, b): ...",
            "@strawberry.field(description='')\ndef f(a, b, c, d, e, f, g): ...",
        ),
    ),
)
