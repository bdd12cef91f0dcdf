"""Processes forked from one that has imported the gateway: a start takes a fraction of a second."""

import asyncio
import multiprocessing
import os
import sys
from collections.abc import Callable, Mapping
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from tempfile import TemporaryDirectory

import apprise  # noqa: F401 - here for the process that all others are forked from
import exchange_calendars  # noqa: F401 - likewise

from gateway.cli.commands import main
from tests.kit.patience import PATIENCE_S
from tests.kit.source import ROOT


def forked(target: Callable[..., None], *arguments: object) -> ForkServerProcess:
    """Runs the function; does not outlive this process."""
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload([__name__])
    process = forks.Process(target=target, args=arguments, daemon=True)
    process.start()
    return process


def print_into(out: Path, err: Path) -> None:
    """Append the output of this process to these files."""
    for path, stream in ((out, sys.stdout), (err, sys.stderr)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream.fileno())


async def run_command(environment: Mapping[str, str], *arguments: str) -> tuple[int | None, str, str]:
    """Exit code, output and error output of `python -m gateway` with these arguments in this environment.

    Runs in a forked process; a test of the start or the end of the interpreter must start a new one instead.
    """
    return await asyncio.to_thread(_ended, dict(environment), arguments)


def _ended(environment: dict[str, str], arguments: tuple[str, ...]) -> tuple[int | None, str, str]:
    with TemporaryDirectory() as directory:
        out, err = Path(directory, "out"), Path(directory, "err")
        process = forked(_command, environment, arguments, out, err)
        try:
            process.join(PATIENCE_S)
        finally:
            process.kill()
        return process.exitcode, out.read_text(), err.read_text()


def _command(environment: dict[str, str], arguments: tuple[str, ...], out: Path, err: Path) -> None:
    print_into(out, err)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    sys.argv = ["gateway", *arguments]
    main()
