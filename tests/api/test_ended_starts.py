"""SIGINT and SIGTERM end a desk at every moment of its start, whatever the start waits for."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from socket import create_server

import pytest
from starlette.applications import Starlette

from gateway.app import create_app
from gateway.http.server import Server, server_config
from gateway.settings import load_settings
from tests.kit.forks import forked
from tests.kit.patience import PATIENCE_S
from tests.kit.source import ROOT

pytestmark = pytest.mark.faults


def ignore_sigint() -> None:
    """As for a program that a script starts in the background."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def heed_sigint() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@asynccontextmanager
async def waiting_for_its_book(directory: Path, before: Callable[[], None]) -> AsyncIterator[Process]:
    """A desk that has opened its book file, of which nothing comes."""
    book = directory / "book.json"
    os.mkfifo(book)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    environment |= {
        "GATEWAY_DATA_DIRECTORY": str(directory / "data"),
        "GATEWAY_PORT": "0",
        "GATEWAY_BOOK_FILE": str(book),
    }
    command = (sys.executable, "-m", "gateway", "serve", "--demo")
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env=environment, stdout=PIPE, stderr=PIPE, preexec_fn=before
    )
    writing = None
    try:
        async with asyncio.timeout(PATIENCE_S):
            while writing is None:
                with suppress(OSError):  # Nobody reads it yet.
                    writing = os.open(book, os.O_WRONLY | os.O_NONBLOCK)
                await asyncio.sleep(0.01)
        yield process
    finally:
        if writing is not None:
            os.close(writing)
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.parametrize("before", [ignore_sigint, heed_sigint])
async def test_ctrl_c_during_the_first_import_is_answered_by_one_line(
    tmp_path: Path, before: Callable[[], None]
) -> None:
    async with waiting_for_its_book(tmp_path, before) as desk:
        desk.send_signal(signal.SIGINT)
        async with asyncio.timeout(PATIENCE_S):
            out, err = await desk.communicate()
    assert (desk.returncode, out) == (130, b"")
    (line,) = err.decode().splitlines()
    assert line.startswith("stopped before the desk served")


async def test_sigterm_during_the_first_import_ends_the_process(tmp_path: Path) -> None:
    async with waiting_for_its_book(tmp_path, heed_sigint) as desk:
        desk.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_S):
            out, err = await desk.communicate()
    assert (desk.returncode, out, err) == (-signal.SIGTERM, b"", b"")


def start_that_waits_for_ever(began: Path) -> None:
    """Serve an application whose lifespan does not come to its start."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        began.touch()  # noqa: ASYNC240 - nothing else runs
        await asyncio.Event().wait()
        yield

    settings = load_settings()
    app = create_app(settings)
    app.router.lifespan_context = lifespan
    server = Server(server_config(app, settings), announce=lambda: None, start_ends_within_s=0.1)
    server.run(sockets=[create_server(("127.0.0.1", 0))])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_start_that_hangs_is_left_after_a_limit(tmp_path: Path, number: signal.Signals) -> None:
    began = tmp_path / "began"
    process = await asyncio.to_thread(forked, start_that_waits_for_ever, began)
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not began.exists():  # noqa: ASYNC110 - a file has no event
                await asyncio.sleep(0.01)
        assert process.pid is not None
        os.kill(process.pid, number)
        await asyncio.to_thread(process.join, PATIENCE_S)
        assert process.exitcode == 128 + number
    finally:
        process.kill()
