"""Fixtures every test may ask for; a server starts only when the first test of the run asks for it."""

import asyncio
import gc
import os
import shutil
import sys
import warnings
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    AsyncExitStack,
    ExitStack,
    asynccontextmanager,
    contextmanager,
)
from pathlib import Path
from typing import TypeVar, cast

import pytest
import structlog
from hypothesis import HealthCheck, Phase, settings

from models.sql.database import Database
from tests.kit import scratch, versions
from tests.kit.servers import fresh_database, postgres_server, redis_server
from tests.kit.stacks import OTHER_STACK, USUAL_STACK

T = TypeVar("T")
K = TypeVar("K")

# How long an example takes says nothing about what it shows, and the same examples come every time: a run
# fails for what was changed. `--hypothesis-profile=exploring` looks for others.
settings.register_profile(
    "steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("exploring", settings.get_profile("steady"), derandomize=False)
settings.register_profile(
    "mutants",
    settings.get_profile("steady"),
    max_examples=5,
    database=None,
    phases=[Phase.explicit, Phase.generate],
)
settings.load_profile("steady")

scratch.keep_in_memory()

# A pretty traceback takes half a second to draw, and shows no more than a plain one to who reads a failure.
structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)

SERVERS = {"redis_version": "Redis", "postgres_version": "PostgreSQL"}
"""By the fixture that chooses the version."""
WORKERS_MAX = 5
"""Each starts servers of its own."""
GARBAGE_THRESHOLD = 10_000
"""New objects between two collections; 700 are usual."""


def pytest_xdist_auto_num_workers() -> int:
    """For `-n auto`: three more than there are cores, for tests also wait, for leases and other processes."""
    return min((os.cpu_count() or 1) + 3, WORKERS_MAX)


STACKS = {
    "all": "every test on every stack",
    "usual": "tests of the API on SQLite and the memory bus alone, unless they are marked `both_stacks`",
    "others": "what `usual` leaves out: tests of the API on PostgreSQL and Redis",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--stacks`: few tests of the API depend on the servers, and on PostgreSQL each takes twice as long."""
    described = "; ".join(f"{name}: {text}" for name, text in STACKS.items())
    parser.addoption("--stacks", choices=list(STACKS), default="all", help=described)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests that ask for each version of a server, usually by `pytestmark`, run on all that are installed."""
    for version, server in SERVERS.items():
        if f"each_{version.removesuffix('_version')}" in metafunc.fixturenames:
            found = versions.versions(server)
            names = [f"{server} {each}" for each in found]
            metafunc.parametrize(version, found, ids=names, indirect=True, scope="session")


def pytest_collection_modifyitems(items: list[pytest.Item], config: pytest.Config) -> None:
    """What runs without a server runs once, not once for each version of it."""
    stacks = config.getoption("stacks")
    left_out = {item for item in items if _is_left_out(item, _parameters(item), stacks)}
    config.hook.pytest_deselected(items=list(left_out))
    items[:] = [item for item in items if item not in left_out]


def _is_left_out(item: pytest.Item, parameters: Mapping[str, object], stacks: str) -> bool:
    of_another = _is_of_another_database(item, parameters) or _is_of_another_stack(item, parameters, stacks)
    return of_another or _repeats(parameters)


def _is_of_another_stack(item: pytest.Item, parameters: Mapping[str, object], stacks: str) -> bool:
    stack = parameters.get("world", parameters.get("shared_world", USUAL_STACK))
    other = stack == OTHER_STACK and item.get_closest_marker("both_stacks") is None
    return stacks != "all" and other is not (stacks == "others")


def _is_of_another_database(item: pytest.Item, parameters: Mapping[str, object]) -> bool:
    """A test of what only one database can do is not collected for the other, rather than skipped."""
    wanted = item.get_closest_marker("only")
    databases = {str(value).split("-")[0] for value in parameters.values()}
    return wanted is not None and not {"sqlite", "postgres"}.isdisjoint(databases - set(wanted.args))


def _repeats(parameters: Mapping[str, object]) -> bool:
    without = {"redis_version": "memory", "postgres_version": "sqlite"}
    return any(
        without[version] in parameters.values() and parameters[version] != versions.versions(server)[0]
        for version, server in SERVERS.items()
        if version in parameters
    )


def _parameters(item: pytest.Item) -> Mapping[str, object]:
    return cast(Mapping[str, object], getattr(getattr(item, "callspec", None), "params", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What was not tried is said at the end of each run."""
    for line in versions.not_tried():
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def redis_version(request: pytest.FixtureRequest) -> int:
    """The usual one, unless the test asks for each."""
    return int(getattr(request, "param", versions.USUAL["Redis"]))


@pytest.fixture(scope="session")
def postgres_version(request: pytest.FixtureRequest) -> int:
    """The usual one, unless the test asks for each."""
    return int(getattr(request, "param", versions.USUAL["PostgreSQL"]))


@pytest.fixture
def each_redis(redis_version: int) -> int:
    """The test runs on each version of Redis that is installed."""
    return redis_version


@pytest.fixture
def each_postgres(postgres_version: int) -> int:
    """The test runs on each version of PostgreSQL that is installed."""
    return postgres_version


@pytest.fixture(autouse=True)
def servers_of_the_test(request: pytest.FixtureRequest) -> Iterator[None]:
    """Servers that the test starts itself have the versions that it runs on."""
    chosen = _parameters(request.node)
    for version, server in SERVERS.items():
        if version in chosen:
            versions.running[server] = cast(int, chosen[version])
    yield
    versions.running.clear()


class Started:
    """Servers that are started once for each key and run until the end of the test run.

    Tests of several versions alternate, and pytest ends a fixture whenever its parameter changes. Starting a
    PostgreSQL server with a migrated database each time would cost 4 s of CPU.
    """

    def __init__(self, until_the_end: ExitStack) -> None:
        self._stack = until_the_end
        self._urls: dict[tuple[object, object], str] = {}

    def url(self, of: Callable[[K], AbstractContextManager[str]], key: K) -> str:
        if (of, key) not in self._urls:
            self._urls[of, key] = self._stack.enter_context(of(key))
        return self._urls[of, key]


@pytest.fixture(scope="session")
def started() -> Iterator[Started]:
    with ExitStack() as stack:
        yield Started(stack)


@pytest.fixture(scope="session")
def postgres_url(postgres_version: int, started: Started) -> str:
    """A real PostgreSQL whose user may create databases; use `database_url` for one of your own."""
    return started.url(_postgres_server, postgres_version)


@pytest.fixture(scope="session")
def redis_url(redis_version: int, started: Started) -> str:
    """A real Redis shared by the run: name your keys uniquely, never flush."""
    return started.url(redis_server, redis_version)


@pytest.fixture
async def database_url(postgres_url: str) -> AsyncIterator[str]:
    """A new, empty PostgreSQL database for this test alone."""
    async with fresh_database(postgres_url) as url:
        yield url


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite database to be copied: migrating takes a second, copying does not."""
    path = tmp_path_factory.mktemp("migrated") / "desk.sqlite3"
    with _on_another_loop(_migrated(f"sqlite://{path}")):
        return path


@pytest.fixture(scope="session")
def migrated_postgres(postgres_url: str, started: Started) -> str:
    """A PostgreSQL database to be copied while no session is connected."""
    return started.url(_migrated_database, postgres_url)


@pytest.fixture(params=["sqlite", "postgres"])
async def migrated_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """A migrated database for this test alone, once on SQLite and once on PostgreSQL."""
    async with AsyncExitStack() as stack:
        if request.param == "sqlite":
            path = tmp_path / "desk.sqlite3"
            shutil.copyfile(request.getfixturevalue("migrated_sqlite"), path)
            yield f"sqlite://{path}"
        else:
            server = request.getfixturevalue("postgres_url")
            source = request.getfixturevalue("migrated_postgres")
            yield await stack.enter_async_context(fresh_database(server, copy_of=source))


def _postgres_server(version: int) -> AbstractContextManager[str]:
    return postgres_server(version=version)


def _migrated_database(postgres_url: str) -> AbstractContextManager[str]:
    return _on_another_loop(_fresh_and_migrated(postgres_url))


@asynccontextmanager
async def _migrated(url: str) -> AsyncIterator[None]:
    database = Database(url, pool_size=1)
    await database.open()
    try:
        await database.migrate()
    finally:
        await database.close()
    yield


@asynccontextmanager
async def _fresh_and_migrated(postgres_url: str) -> AsyncIterator[str]:
    async with fresh_database(postgres_url) as url, _migrated(url):
        yield url


@contextmanager
def _on_another_loop(context: AbstractAsyncContextManager[T]) -> Iterator[T]:
    """For fixtures of the session, which are asked for while the loop of a test is running."""
    runner = asyncio.Runner()
    with ThreadPoolExecutor(1) as thread:
        try:
            entered = thread.submit(lambda: runner.run(context.__aenter__())).result()
            try:
                yield entered
            finally:
                thread.submit(lambda: runner.run(context.__aexit__(None, None, None))).result()
        finally:
            thread.submit(runner.close).result()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """What a failed test left open fails no other: it goes now, unseen, and not during a later test."""
    failed = item.session.testsfailed
    result = yield
    if item.session.testsfailed > failed:
        for name in ("last_type", "last_value", "last_traceback", "last_exc"):
            vars(sys).pop(name, None)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            gc.collect()
    return result


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """The garbage collector would look in vain at what is collected: a fifth of the time of a collection."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_finish() -> None:
    """What was collected lives as long as the run; the garbage collector need not look at it again.

    It looks less often at what tests create: by the usual threshold that is a tenth of their time.
    """
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD)
