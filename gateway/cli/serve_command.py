"""`python -m gateway serve`: one or several processes, with or without the demo."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, time
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from domain.principal import Permission
from gateway.app import create_app
from gateway.cli.fleet import Fleet, stop_without_parent
from gateway.cli.terminal import err, fail, print_no_more, progress, settings_or_exit, signed_token
from gateway.http.server import run_server
from gateway.logs import configure_logging
from gateway.resources import Parts
from gateway.settings import Feed, Settings, unless_in_environment
from gateway.startup.preparation import (
    CannotStart,
    bound_sockets,
    check,
    data_directory_claimed,
    require_shareable,
    samples_beside,
)
from gateway.watch.samples import WorkerSamples

ROOT = Path(__file__).parents[2]
DEMO_TOKEN_MINUTES = 24 * 60
STOP_GRACE_S = 5.0
INTERRUPTED = 128 + signal.SIGINT
"""The exit code by which a shell shows an interrupted program."""
STOPPED_BEFORE = "stopped before the desk served; a book that was being imported is not stored.\n"
CURSOR_SHOWN_ON_EMPTY_LINE = "\x1b[?25h\r\x1b[K"
"""For a terminal: the progress bar hides the cursor."""
DEMO_PEOPLE = (
    ("trader", "demo-trader", Permission.RISK_WARNING_FULL),
    ("read-only", "demo-viewer", Permission.RISK_WARNING_READ_ONLY),
    ("approver", "demo-approver", Permission.RISK_APPROVER),
    ("risk officer", "demo-risk-officer", Permission.RISK_SETTING_FULL),
)
"""The label of a link, and the subject and permission of its token."""
TOUR_URL = "http://127.0.0.1:8000/graphql"
"""Where the tour of README.md looks for the desk, unless DESK is set."""
DEMO: dict[str, object] = {
    "feed": Feed.REPLAY,
    "book_file": ROOT / "demo/book.json",
    "replay_file": ROOT / "demo/prices.csv",
    "close_hold_s": 3,
    "covered_options_trigger_time": time(0),
}
"""Settings of `serve --demo`, unless the environment sets them."""


def serve(
    demo: Annotated[
        bool,
        typer.Option(
            "--demo", help="Play the recorded market on the demo book, and print links that sign in."
        ),
    ] = False,
    day_seconds: Annotated[
        float | None, typer.Option(help="How many seconds one replayed trading day takes.")
    ] = None,
    workers: Annotated[
        int,
        typer.Option(
            help=("The number of processes that serve the port; more than one needs PostgreSQL and Redis."),
            min=1,
        ),
    ] = 1,
    listener_fds: Annotated[list[int] | None, typer.Option("--listener", hidden=True)] = None,
    tell_fd: Annotated[int | None, typer.Option("--tell", hidden=True)] = None,
    samples: Annotated[Path | None, typer.Option("--samples", hidden=True)] = None,
) -> None:
    """Start the server; settings come from GATEWAY_ variables (docs/settings.md)."""
    settings = settings_or_exit(_serve_settings(demo, day_seconds))
    configure_logging(settings.log_format, sys.stderr)
    if listener_fds and tell_fd is not None:
        # Without a place for samples it has been started by a parent of a version that knew none.
        _serve_as_worker(settings, listener_fds, tell_fd, None if samples is None else WorkerSamples(samples))
        return
    try:
        require_shareable(settings, workers)
        with (
            _ended_at_once_by_ctrl_c(),
            data_directory_claimed(settings),
            bound_sockets(settings) as listeners,
        ):
            _check(settings)
            announce = (
                partial(_print_banner, settings, *listeners[0].getsockname()[:2]) if demo else _say_nothing
            )
            if workers == 1:
                run_server(create_app(settings), settings, listeners, announce)
            else:
                _serve_by_workers(settings, listeners, workers, demo, day_seconds, announce)
    except (CannotStart, OSError) as refused:
        fail(str(refused))


@contextmanager
def _ended_at_once_by_ctrl_c() -> Iterator[None]:
    """Until a server takes over the signal. Whatever the start waits for, such as a file on a disk that does
    not answer, nothing has to be put back: an open transaction ends with its connection.
    """
    signal.signal(signal.SIGINT, _leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _leave(_: int, __: FrameType | None) -> None:
    # Neither an exception, which a library can swallow, nor a stream, which may be in the middle of a write.
    bar_removed = CURSOR_SHOWN_ON_EMPTY_LINE if err.is_terminal else ""
    os.write(sys.stderr.fileno(), f"{bar_removed}{STOPPED_BEFORE}".encode())
    os._exit(INTERRUPTED)


def _check(settings: Settings) -> None:
    with progress("importing the book") as advance:
        asyncio.run(check(settings, datetime.now(UTC), advance))


def _serve_settings(demo: bool, day_seconds: float | None) -> dict[str, object]:
    chosen = unless_in_environment(DEMO) if demo else {}
    return chosen if day_seconds is None else {**chosen, "replay_day_seconds": day_seconds}


def _print_banner(settings: Settings, host: str, port: int) -> None:
    """Short lines, except for the links, which have to be opened or copied as a whole."""
    origin = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    url = f"{origin}/graphql"
    lines = [
        "Margin-call desk: the market of spring 2020 on a book of 500 clients",
        f"  GraphQL    {url}",
        "             POST, or WebSocket with graphql-transport-ws",
        *([] if url == TOUR_URL else [f"  tour       export DESK={url}"]),
        f"  market     one day takes {settings.replay_day_seconds:g} s; the third day opens the first cases",
        *demo_links(settings, origin),
        "  See README.md for the next steps; Ctrl-C stops the desk",
    ]
    try:
        print(*lines, sep="\n", flush=True)
    except BrokenPipeError:  # The desk serves, whether its banner is read or not.
        print_no_more()


def demo_links(settings: Settings, origin: str) -> Iterator[str]:
    """One that signs in to the console for each role. Beside a login service there are none: the desk would
    refuse their tokens.
    """
    if settings.has_login_service:
        return
    for label, subject, permission in DEMO_PEOPLE:
        token = signed_token(settings, subject, [permission], None, DEMO_TOKEN_MINUTES)
        # The fragment of an address is sent to no server, and so stands in no log.
        yield f"  {label:<13}{origin}/console/#token={token}"


def _say_nothing() -> None:
    pass


def _serve_by_workers(
    settings: Settings,
    listeners: Sequence[socket.socket],
    workers: int,
    demo: bool,
    day_seconds: float | None,
    announce: Callable[[], None],
) -> None:
    arguments = ["--demo"] if demo else []
    if day_seconds is not None:
        arguments += ["--day-seconds", str(day_seconds)]
    for listener in listeners:
        listener.listen()
    stop_timeout_s = settings.shutdown_timeout_s + settings.drain_flush_s + STOP_GRACE_S
    with samples_beside(settings.data_directory) as samples:
        stopped_by = Fleet(listeners, workers, arguments, stop_timeout_s, samples).run(announce)
    if stopped_by is signal.SIGTERM:
        # Like a single process: end by the signal itself, which a shell shows as 143.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)


def _serve_as_worker(
    settings: Settings, listener_fds: Sequence[int], tell_fd: int, samples: WorkerSamples | None
) -> None:
    """Serve as one of several workers; notifies the parent by one byte once it serves."""

    def notify_parent() -> None:
        os.write(tell_fd, b"1")
        os.close(tell_fd)

    stop_without_parent()
    listeners = [socket.socket(fileno=each) for each in listener_fds]
    run_server(create_app(settings, Parts(samples=samples)), settings, listeners, notify_parent)
