"""`python -m gateway`: start the server, and what an operator does besides."""

import asyncio
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, time
from functools import partial
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from desk.audit import entry
from domain.calendar import MarketDay, MarketDayKind
from domain.principal import Permission
from feeds.book_file import BookFileError, parse_book
from feeds.closes import parse_closes
from feeds.replay import AtEnd, ReplayFeed
from gateway.app import create_app
from gateway.auth import is_reserved, issue, permission_named
from gateway.book_import import import_book
from gateway.evidence import NoSuchSnapshot, head_named, recompute, verify_audit
from gateway.fleet import Fleet, stop_without_parent
from gateway.logs import configure_logging
from gateway.market_day_command import SHORT_NAMES, put_in
from gateway.replaying import Refused, into_database, into_redis
from gateway.reports import EVERY_RECORD, REPORTS, UnknownReport, begin, period_of
from gateway.resources import Parts, Resources, open_resources
from gateway.server import run_server
from gateway.settings import (
    Feed,
    Settings,
    SettingsError,
    load_settings,
    unknown_variables,
    unless_in_environment,
)
from gateway.startup import (
    CannotStart,
    bound_socket,
    check,
    data_directory_claimed,
    prepare_tables,
    require_shareable,
)
from models.audit import write_audit
from models.database import DatabaseUnavailable, UniqueViolated, transaction
from models.revocation import revoke_subject
from resolvers.node import type_and_id

ROOT = Path(__file__).parents[1]
DEMO_TOKEN_MINUTES = 24 * 60
TOKEN_MINUTES_MAX = 10 * 366 * 24 * 60
SUBJECT_CHARACTERS_MAX = 200
STOP_GRACE_S = 5.0
DEMO: dict[str, object] = {
    "feed": Feed.REPLAY,
    "book_file": ROOT / "demo/book.json",
    "replay_file": ROOT / "demo/prices.csv",
    "close_hold_s": 3,
    "covered_options_trigger_time": time(0),
}
"""What `serve --demo` sets, unless the environment does."""

cli = typer.Typer(
    name="gateway",
    help="The margin-call desk gateway.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
out = Console()
err = Console(stderr=True)


@cli.command()
def serve(
    demo: Annotated[
        bool, typer.Option("--demo", help="Play the recorded market on the demo book, and print tokens.")
    ] = False,
    day_seconds: Annotated[
        float | None, typer.Option(help="How many seconds one replayed trading day takes.")
    ] = None,
    workers: Annotated[
        int,
        typer.Option(
            help="How many processes serve the port; more than one needs PostgreSQL and Redis.", min=1
        ),
    ] = 1,
    listener_fd: Annotated[int | None, typer.Option("--listener", hidden=True)] = None,
    tell_fd: Annotated[int | None, typer.Option("--tell", hidden=True)] = None,
) -> None:
    """Start the server; settings come from GATEWAY_ variables (docs/settings.md)."""
    settings = _settings(_serve_settings(demo, day_seconds))
    configure_logging(settings.log_format, sys.stderr)
    if listener_fd is not None and tell_fd is not None:
        _serve_as_worker(settings, listener_fd, tell_fd)
        return
    try:
        require_shareable(settings, workers)
        with data_directory_claimed(settings), bound_socket(settings.host, settings.port) as listener:
            with _progress("importing the book") as advance:
                asyncio.run(check(settings, datetime.now(UTC), advance))
            host, port = listener.getsockname()[:2]
            announce = partial(_print_banner, settings, f"{host}:{port}") if demo else _say_nothing
            if workers == 1:
                run_server(create_app(settings), settings, listener, announce)
            else:
                _serve_by_workers(settings, listener, workers, demo, day_seconds, announce)
    except (CannotStart, OSError) as refused:
        _fail(str(refused))


@cli.command()
def migrate() -> None:
    """Bring the database to the newest tables."""

    async def run(resources: Resources) -> None:
        steps = 0

        def tell(event: str, app: str, name: str) -> None:
            nonlocal steps
            if event == "apply_done":
                steps += 1
                out.print(f"[green]applied[/] {name}")

        await resources.database.migrate(tell)
        out.print("up to date" if steps else "nothing to do: up to date")

    _run(run, migrate_first=False)


@cli.command("import-book")
def import_book_command(
    file: Annotated[
        Path, typer.Argument(help="A book file, see docs/feeds.md.", exists=True, dir_okay=False)
    ],
) -> None:
    """Import clients, accounts, positions and instruments into the database."""

    async def run(resources: Resources) -> None:
        try:
            book = parse_book(file.read_bytes())
        except BookFileError as bad:
            raise Refused(f"{file} is not a book:\n{bad}") from None
        count = len(book.clients)
        try:
            with _progress("importing the book") as advance:
                await import_book(book, resources.desk.clock(), lambda done: advance(done, count))
        except UniqueViolated:
            raise Refused(
                f"A client or account of {file} is in the database already: import into an empty one."
            ) from None
        out.print(f"imported {count} clients and {len(book.instruments)} instruments")

    _run(run)


@cli.command()
def replay(
    file: Annotated[Path, typer.Argument(help="Daily closes as CSV.", exists=True, dir_okay=False)],
    day_seconds: Annotated[
        float, typer.Option(help="Seconds per trading day; 0: as fast as possible.", min=0)
    ] = 0,
) -> None:
    """Play recorded closes into the Redis feed of running desks, or without Redis into the database."""

    async def run(resources: Resources) -> None:
        try:
            closes = parse_closes(file.read_text().splitlines())
        except ValueError as bad:
            raise Refused(f"{file} is no file of closing prices: {bad}") from None
        feed = ReplayFeed(closes, resources.desk.clock, day_seconds=day_seconds, at_end=AtEnd.STOP)
        days = feed.progress.days
        play, where = (
            (into_redis, "Redis") if resources.settings.redis_url else (into_database, "the database")
        )
        with _progress("replaying days") as advance:
            await play(resources, feed, lambda day: advance(day, days))
        out.print(f"played {days} days into {where}")

    _run(run)


@cli.command()
def token(
    subject: Annotated[str, typer.Option(help="Who it is for.")],
    permission: Annotated[
        list[str], typer.Option(help="What it grants, such as RISK_WARNING_FULL; may be repeated.")
    ],
    account: Annotated[
        list[str] | None, typer.Option(help="Restrict it to this account number; may be repeated.")
    ] = None,
    minutes: Annotated[int, typer.Option(help="How long it is valid.", min=1, max=TOKEN_MINUTES_MAX)] = 60,
) -> None:
    """Print a signed token."""
    _require_subject(subject)
    settings = _settings({})
    try:
        permissions = [permission_named(name) for name in permission]
    except ValueError as unknown:
        _fail(f"--permission: {unknown}.")
    print(_token(settings, subject, permissions, account, minutes))


@cli.command()
def revoke(
    subject: Annotated[str, typer.Option(help="Whose access ends.")],
) -> None:
    """Refuse every token that the subject was given until now, and close its sockets within a second."""
    _require_subject(subject)

    async def run(resources: Resources) -> None:
        now = resources.desk.clock()
        async with transaction():
            await revoke_subject(subject, now)
            await write_audit([entry("desk:revoke", now, "revoke", "subject", subject)])
        out.print(
            f"revoked: tokens of {subject} issued until now are refused; give out a new one a second later"
        )

    _run(run)


@cli.command("recompute")
def recompute_command(
    snapshot: Annotated[str, typer.Argument(help="Its id, as `snapshots` of a case gives it.")],
) -> None:
    """Compute a snapshot's figures again from its inputs; exit 1 when they, or its hash, differ."""
    named = type_and_id(snapshot)

    async def run(resources: Resources) -> None:
        try:
            same = await recompute(out, named[1] if named and named[0] == "Snapshot" else snapshot)
        except NoSuchSnapshot as unknown:
            raise Refused(str(unknown)) from None
        if not same:
            raise SystemExit(1)

    _run(run)


@cli.command()
def report(
    name: Annotated[str, typer.Argument(help=f"One of: {', '.join(REPORTS)}.")],
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="The first day, UTC.")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="The last day, included.")],
) -> None:
    """Print a report as CSV."""

    async def run(resources: Resources) -> None:
        most = resources.settings.report_max_cases
        try:
            period = period_of(first.date(), last.date())
            lines = await begin(resources.desk, "desk:report", EVERY_RECORD, name, period, most)
        except (UnknownReport, ValueError) as bad:
            raise Refused(str(bad.args[0])) from None
        async for line in lines:
            sys.stdout.write(line)

    _run(run)


@cli.command("verify-audit")
def verify_audit_command(
    head: Annotated[
        str | None, typer.Option(help="A head printed and noted before: the chain must still contain it.")
    ] = None,
) -> None:
    """Follow the audit's hash chain; exit 1 and name the rows when one was changed, dropped or swapped."""
    try:
        noted = None if head is None else head_named(head)
    except ValueError as bad:
        _fail(str(bad))

    async def run(resources: Resources) -> None:
        with _progress("following the chain") as advance:
            whole = await verify_audit(out, noted, advance)
        if not whole:
            raise SystemExit(1)

    _run(run)


@cli.command("market-day")
def market_day_command(
    market: Annotated[str, typer.Argument(help="Such as XHKG or XNYS; HK, US, JP and UK will do.")],
    day: Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], help="The day there.")],
    kind: Annotated[str, typer.Argument(help="closed, half, or regular: take an earlier word back.")],
    reason: Annotated[str, typer.Option(help="Kept for the auditor.")],
    close: Annotated[
        datetime | None, typer.Option(formats=["%H:%M"], help="When a half day closes, local time.")
    ] = None,
) -> None:
    """Put in a day on which a market does not trade as its calendar says; tells which deadlines moved."""
    named = SHORT_NAMES.get(market.upper(), market.upper())
    if kind.upper() not in MarketDayKind.__members__:
        _fail(f"A market day is closed, half or regular, not {kind}.")
    if not reason.strip():
        _fail("--reason must not be blank: it is kept for the auditor.")
    try:
        closes_at = None if close is None else close.time()
        word = MarketDay(named, day.date(), MarketDayKind(kind.upper()), closes_at, reason)
    except ValueError as bad:
        _fail(f"This is no market day: {bad}.")

    async def run(resources: Resources) -> None:
        moved = await put_in(resources.desk, resources.market_days, word)
        out.print(f"{named} {word.day} is {word.kind}; {len(moved)} deadlines moved")
        for each in moved:
            moments = f"from {each.before:%Y-%m-%d %H:%M} to {each.after:%Y-%m-%d %H:%M} UTC"
            print(f"{each.case_no} {each.account_no} {moments}")

    _run(run)


@cli.command()
def schema() -> None:
    """Print the GraphQL schema."""
    from resolvers.schema import sdl

    print(sdl(), end="")


def main() -> None:
    """The entry point."""
    try:
        try:
            cli()
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        _print_no_more()


def _print_no_more() -> None:
    """Whoever read what was printed has seen enough, such as `head`; the rest has nowhere to go."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(command: Callable[[Resources], Awaitable[None]], *, migrate_first: bool = True) -> None:
    settings = _settings({})
    configure_logging(settings.log_format, sys.stderr)

    async def run() -> None:
        async with open_resources(settings, Parts()) as resources:
            if migrate_first:
                await prepare_tables(settings.profile, resources.database)
            with resources.database.active():
                await command(resources)

    try:
        asyncio.run(run())
    except DatabaseUnavailable as away:
        _fail(f"The database cannot be used (GATEWAY_DATABASE_URL): {away}.")
    except BrokenPipeError:
        _print_no_more()
    except (Refused, CannotStart, OSError) as refused:
        _fail(str(refused))


def _require_subject(subject: str) -> None:
    if not 1 <= len(subject) <= SUBJECT_CHARACTERS_MAX:
        _fail(f"--subject is 1 to {SUBJECT_CHARACTERS_MAX} characters: who the token is for.")
    if is_reserved(subject):
        _fail(f"--subject: {subject} is the desk itself or a venue; name who the token is for.")


def _settings(overrides: dict[str, object]) -> Settings:
    for sentence in unknown_variables():
        _complain("[yellow]warning[/]", sentence)
    try:
        return load_settings(**overrides)
    except SettingsError as bad:
        for problem in bad.problems:
            _complain("[red]error[/]", problem)
        raise SystemExit(2) from None


def _serve_settings(demo: bool, day_seconds: float | None) -> dict[str, object]:
    chosen = unless_in_environment(DEMO) if demo else {}
    return chosen if day_seconds is None else {**chosen, "replay_day_seconds": day_seconds}


def _print_banner(settings: Settings, address: str) -> None:
    """Short lines, but for the tokens, which have to be copied whole."""
    full = _token(settings, "demo-trader", [Permission.RISK_WARNING_FULL], None, DEMO_TOKEN_MINUTES)
    only = _token(settings, "demo-viewer", [Permission.RISK_WARNING_READ_ONLY], None, DEMO_TOKEN_MINUTES)
    print(
        "Margin-call desk: the market of spring 2020 on a book of 500 clients",
        f"  GraphQL    http://{address}/graphql",
        "             POST, or WebSocket with graphql-transport-ws",
        f"  market     one day takes {settings.replay_day_seconds:g} s; the third opens the first cases",
        f"  trader     {full}",
        f"  read-only  {only}",
        "  README.md leads on; Ctrl-C stops the desk",
        sep="\n",
        flush=True,
    )


def _say_nothing() -> None:
    pass


def _serve_by_workers(
    settings: Settings,
    listener: socket.socket,
    workers: int,
    demo: bool,
    day_seconds: float | None,
    announce: Callable[[], None],
) -> None:
    arguments = ["--demo"] if demo else []
    if day_seconds is not None:
        arguments += ["--day-seconds", str(day_seconds)]
    listener.listen()
    stop_timeout_s = settings.shutdown_timeout_s + settings.drain_flush_s + STOP_GRACE_S
    Fleet(listener, workers, arguments, stop_timeout_s).run(announce)


def _serve_as_worker(settings: Settings, listener_fd: int, tell_fd: int) -> None:
    """One of several; tells the parent by one byte when it serves."""

    def tell() -> None:
        os.write(tell_fd, b"1")
        os.close(tell_fd)

    stop_without_parent()
    run_server(create_app(settings), settings, socket.socket(fileno=listener_fd), tell)


def _token(
    settings: Settings, subject: str, permissions: list[Permission], accounts: list[str] | None, minutes: int
) -> str:
    secret = settings.auth_secret.get_secret_value()
    return issue(secret, subject, permissions, accounts, minutes, datetime.now(UTC))


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal that goes when all is done; call what it yields with how much of how many."""
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(what, total=None, visible=False)
        yield lambda done, of: bar.update(task, completed=done, total=of, visible=True)


def _complain(label: str, sentence: str) -> None:
    """One line each, however narrow the terminal; what the sentence quotes is no markup."""
    err.print(f"{label} {escape(sentence)}", highlight=False, soft_wrap=True)


def _fail(message: str) -> NoReturn:
    _complain("[red]error[/]", message)
    raise SystemExit(2)
