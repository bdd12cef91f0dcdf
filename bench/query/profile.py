"""Where the CPU of a server of the desk goes while it answers one operation, by py-spy.

py-spy samples the stack of the process and does not slow it down. It is a program of its own (`pip install
py-spy`), which nothing else here needs.
"""

import asyncio
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.query.load import send_for
from bench.query.operations import Operation
from bench.query.servers import Server

SAMPLES_PER_SECOND = 400
SHOWN_FUNCTIONS = 15
_WAITING_THREAD = "_worker (concurrent/futures/"
"""A thread of a pool without work, which py-spy takes for a running one."""
_PARTS: Mapping[str, Sequence[str]] = {
    "rows to the response": (
        "<rows of",
        "row_selection.py",
        "_rows.py",
        "sql/values.py",
        "kit/node.py",
        "columns_of",
        "domain/case.py",
    ),
    "response to JSON": ("encode (",),
    "driver and pool": ("asyncpg/", "tortoise/", "models/sql/", "sqlite"),
    "page and its statement": ("models/", "resolvers/reads/", "kit/pagination.py"),
    "objects of the domain": ("domain/", "desk/"),
    "other resolvers": ("resolvers/types/", "resolvers/kit/", "resolvers/query.py", "resolvers/mutation.py"),
    "execution": ("resolvers/execution/", "graphql/", "strawberry/", "<selection of", "resolvers/"),
    "token": ("gateway/auth.py", "jwt/"),
    "endpoint": ("gateway/http/graphql.py", "gateway/http/parameters.py", "gateway/http/media.py"),
    "counts and log": ("operation_metrics.py", "live/metrics.py", "error_counts.py", "gateway/logs.py"),
    "middleware, routes, request and response": ("starlette/", "gateway/", "structlog/"),
    "HTTP protocol": ("uvicorn/", "http_protocol.py", "request_head.py"),
    "event loop": ("asyncio/", "uvloop", "runners.py"),
}
"""By what the innermost frame that says it contains; earlier parts first."""


def profiler() -> str | None:
    """The program, if it is installed."""
    return shutil.which("py-spy")


async def profiled(server: Server, operation: Operation, connections: int, token: str, seconds: float) -> str:
    """Two tables in Markdown: by part, and by function."""
    with TemporaryDirectory(prefix="bench-profile-") as directory:
        file = Path(directory) / "stacks"
        options = f"--nolineno --format raw --rate {SAMPLES_PER_SECOND} --duration {seconds:.0f}".split()
        sampling = await asyncio.create_subprocess_exec(
            profiler() or "py-spy",
            "record",
            *options,
            "--pid",
            str(server.pid),
            "--output",
            str(file),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        while sampling.returncode is None:
            await send_for(1.0, server.port, connections, operation.requests(server.name, token))
        assert sampling.returncode == 0, "py-spy could not read the process"
        return "\n".join(_tables(file.read_text()))


def _tables(stacks: str) -> Iterator[str]:
    parts: Counter[str] = Counter()
    functions: Counter[str] = Counter()
    for line in stacks.splitlines():
        stack, _, count = line.rpartition(" ")
        frames = stack.split(";")
        if frames[-1].startswith(_WAITING_THREAD):
            continue
        parts[_part_of(frames)] += int(count)
        functions[frames[-1]] += int(count)
    yield from _table("part", parts, len(parts))
    yield ""
    yield from _table("function, without what it calls", functions, SHOWN_FUNCTIONS)


def _part_of(frames: Sequence[str]) -> str:
    for frame in reversed(frames):
        for part, signs in _PARTS.items():
            if any(sign in frame for sign in signs):
                return part
    return "other"


def _table(name: str, counts: Counter[str], shown: int) -> Iterator[str]:
    total = max(1, counts.total())
    yield f"| {name} | share |"
    yield "|---|---|"
    for each, count in counts.most_common(shown):
        yield f"| {each} | {count / total:.1%} |"
