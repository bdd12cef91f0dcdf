"""A desk that runs as its operator runs it: `serve` in a process of its own, with its log in a file."""

import asyncio
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson

from domain.principal import Permission
from gateway.auth import issue
from gateway.settings import DEVELOPMENT_SECRET
from tests.kit.falling_market import write_market
from tests.kit.fleet import Fleet
from tests.kit.rate_limits import UNLIMITED_ENVIRONMENT
from tests.kit.servers import free_port, fresh_database
from tests.kit.source import ROOT

PRODUCTION, DEMO = "production", "demo"
SECRET = "of-the-security-probes-alone-and-long-enough"
TOKEN_MINUTES = 120
READ_ONLY = (Permission.RISK_WARNING_READ_ONLY,)
EVERYTHING = tuple(Permission)
_ADDRESS = re.compile(r"0x[0-9a-f]+")
_SERIOUS = {"error", "critical"}


@dataclass(frozen=True, slots=True)
class Fault:
    """A line of the log that has to have a reason: what is alike in all of its kind, and the whole of it."""

    what: str
    text: str


@dataclass(slots=True)
class ServedDesk:
    """One running desk, seen from outside."""

    name: str
    fleet: Fleet
    secret: str
    _log_read: int = 0

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.fleet.port

    @property
    def process(self) -> Path:
        """What the kernel knows of its process."""
        return Path(f"/proc/{self.fleet.pid}")

    def token(self, *permissions: Permission, subject: str = "attacker") -> str:
        """The value of an `Authorization` header."""
        signed = issue(self.secret, subject, permissions, None, TOKEN_MINUTES, datetime.now(UTC))
        return f"Bearer {signed}"

    def faults_logged(self) -> list[Fault]:
        """The errors and tracebacks in the log since the last call."""
        text = self.fleet.log.read_bytes()[self._log_read :]
        whole = text[: text.rfind(b"\n") + 1]
        self._log_read += len(whole)
        return list(_faults(whole.decode(errors="replace").splitlines()))

    def memory_bytes(self) -> int:
        """The memory of the process."""
        return int((self.process / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def descriptors(self) -> int:
        """The number of files and sockets that it has open."""
        return len(os.listdir(self.process / "fd"))


def _faults(lines: list[str]) -> Iterator[Fault]:
    for line in lines:
        try:
            entry = orjson.loads(line)
        except orjson.JSONDecodeError:
            if "Traceback" in line or "Error" in line:
                yield Fault("the log has a line that is no JSON", line)
            continue
        if entry.get("level") in _SERIOUS or "exception" in entry:
            last = entry.get("exception", "").strip().rpartition("\n")[2]
            what = f"{entry['event'].splitlines()[0]}: {_ADDRESS.sub('...', last)}"
            yield Fault(f"the log has: {what}", f"{line}\n{entry.get('exception', '')}")


@asynccontextmanager
async def production_desk(postgres_url: str, redis_url: str) -> AsyncIterator[ServedDesk]:
    """With the settings of production, on PostgreSQL and Redis; cases open and are cured all the time."""
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="security-")))
        book, prices = write_market(directory)
        environment = {
            "GATEWAY_PROFILE": "production",
            "GATEWAY_AUTH_SECRET": SECRET,
            "GATEWAY_DATABASE_URL": await stack.enter_async_context(fresh_database(postgres_url)),
            "GATEWAY_REDIS_URL": redis_url,
            "GATEWAY_BUS_NAME": f"security-{os.getpid()}",
            "GATEWAY_FEED": "replay",
            "GATEWAY_BOOK_FILE": str(book),
            "GATEWAY_REPLAY_FILE": str(prices),
            "GATEWAY_REPLAY_DAY_SECONDS": "2",
            "GATEWAY_REPLAY_STEPS_PER_DAY": "2",
        }
        await asyncio.to_thread(_migrate, _complete(environment, directory))
        yield await stack.enter_async_context(_serving(PRODUCTION, environment, directory, ()))


@asynccontextmanager
async def demo_desk() -> AsyncIterator[ServedDesk]:
    """The desk of `make run`: SQLite, a bus in memory, the settings of development."""
    with tempfile.TemporaryDirectory(prefix="security-") as directory:
        async with _serving(DEMO, {}, Path(directory), ("--demo", "--day-seconds", "2")) as desk:
            yield desk


@asynccontextmanager
async def _serving(
    name: str, environment: Mapping[str, str], directory: Path, arguments: tuple[str, ...]
) -> AsyncIterator[ServedDesk]:
    port = free_port()
    complete = {**_complete(environment, directory), "GATEWAY_PORT": str(port)}
    fleet = Fleet(complete, port, 1, directory / "log", arguments)
    try:
        await fleet.until_serving()
        yield ServedDesk(name, fleet, environment.get("GATEWAY_AUTH_SECRET", DEVELOPMENT_SECRET))
    finally:
        await fleet.stop()


def _complete(environment: Mapping[str, str], directory: Path) -> dict[str, str]:
    given = {**environment, "GATEWAY_DATA_DIRECTORY": str(directory), "GATEWAY_LOG_FORMAT": "json"}
    return {**UNLIMITED_ENVIRONMENT, **given}


def _migrate(environment: Mapping[str, str]) -> None:
    command = [sys.executable, "-m", "gateway", "migrate"]
    subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, check=True, capture_output=True)
