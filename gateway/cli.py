"""`python -m gateway`: start the server, and what an operator does besides."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
import uvicorn
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from desk.watch_margin import Monitor
from domain.principal import Permission
from feeds.book_file import BookFileError, parse_book
from feeds.closes import parse_closes
from feeds.redis_feed import publish
from feeds.replay import AtEnd, ReplayFeed
from gateway.app import create_app
from gateway.auth import issue, permission_named
from gateway.book_import import import_book
from gateway.logs import configure_logging
from gateway.resources import Parts, Resources, open_resources
from gateway.settings import (
    Feed,
    Settings,
    SettingsError,
    load_settings,
    unknown_variables,
    unless_in_environment,
)
from models.database import UniqueViolated
from models.lease import acquire_lease, release_lease

DEMO_TOKEN_MINUTES = 24 * 60
DEMO: dict[str, object] = {
    "feed": Feed.REPLAY,
    "book_file": Path("demo/book.json"),
    "replay_file": Path("demo/prices.csv"),
    "close_hold_s": 3,
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


class Refused(Exception):
    """The command cannot be done; the message says why and what to do."""


@cli.command()
def serve(
    demo: Annotated[
        bool, typer.Option("--demo", help="Play the recorded market on the demo book, and print tokens.")
    ] = False,
    day_seconds: Annotated[
        float | None, typer.Option(help="How many seconds one replayed trading day takes.")
    ] = None,
) -> None:
    """Start the server; settings come from GATEWAY_ variables (docs/settings.md)."""
    settings = _settings(_demo_settings(day_seconds) if demo else {})
    configure_logging(settings.log_format, sys.stderr)
    if demo:
        _print_banner(settings)
    uvicorn.Server(
        uvicorn.Config(
            create_app(settings),
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
            ws_max_size=settings.ws_max_frame_bytes,
            ws_per_message_deflate=False,
            timeout_graceful_shutdown=int(settings.shutdown_timeout_s),
        )
    ).run()


@cli.command()
def migrate() -> None:
    """Bring the database to the newest tables."""

    async def run(resources: Resources) -> None:
        steps = 0

        def tell(event: str, app: str, name: str) -> None:
            nonlocal steps
            if event == "apply_success":
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
        with _progress("clients", len(book.clients)) as advance:
            try:
                await import_book(book, resources.desk.clock(), advance)
            except UniqueViolated:
                raise Refused(
                    "A client or account of the book is there already: import into an empty one."
                ) from None
        out.print(f"imported {len(book.clients)} clients and {len(book.instruments)} instruments")

    _run(run)


@cli.command()
def replay(
    file: Annotated[Path, typer.Argument(help="Daily closes as CSV.", exists=True, dir_okay=False)],
    day_seconds: Annotated[float, typer.Option(help="Seconds per trading day; 0: as fast as possible.")] = 0,
) -> None:
    """Play recorded closes into the Redis feed of running desks, or without Redis into the database."""

    async def run(resources: Resources) -> None:
        closes = parse_closes(file.read_text().splitlines())
        feed = ReplayFeed(closes, resources.desk.clock, day_seconds=day_seconds, at_end=AtEnd.STOP)
        play = _into_redis if resources.settings.redis_url else _into_database
        with _progress("days", feed.progress.days) as advance:
            await play(resources, feed, advance)

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
    minutes: Annotated[int, typer.Option(help="How long it is valid.", min=1)] = 60,
) -> None:
    """Print a signed token."""
    settings = _settings({})
    try:
        permissions = [permission_named(name) for name in permission]
    except ValueError:
        _fail(f"permission must be one of: {', '.join(Permission)}")
    print(_token(settings, subject, permissions, account, minutes))


@cli.command()
def schema() -> None:
    """Print the GraphQL schema."""
    from resolvers.schema import sdl

    print(sdl(), end="")


def main() -> None:
    """The entry point: what cannot be done ends in one clear line."""
    cli()


async def _into_redis(resources: Resources, feed: ReplayFeed, advance: Callable[[int], None]) -> None:
    from redis.asyncio import Redis

    settings = resources.settings
    redis: Redis = Redis.from_url(settings.redis_url or "")
    try:
        async for batch in feed.batches():
            await publish(redis, settings.feed_streams[0], batch.messages)
            advance(feed.progress.day)
    finally:
        await redis.aclose()


async def _into_database(resources: Resources, feed: ReplayFeed, advance: Callable[[int], None]) -> None:
    desk = resources.desk
    ttl = timedelta(days=1)
    if not await acquire_lease("desk", resources.holder, desk.clock(), ttl):
        raise Refused("A server is running on this database: stop it, or set GATEWAY_REDIS_URL for both.")
    try:
        monitor = Monitor(desk)
        await monitor.note_everything()
        async for batch in feed.batches():
            await monitor.take(batch.messages)
            await monitor.look()
            advance(feed.progress.day)
        await monitor.refresh()
    finally:
        await release_lease("desk", resources.holder)


def _run(command: Callable[[Resources], Awaitable[None]], *, migrate_first: bool = True) -> None:
    settings = _settings({})
    configure_logging(settings.log_format, sys.stderr)

    async def run() -> None:
        async with open_resources(settings, Parts()) as resources:
            if migrate_first:
                await resources.database.migrate()
            with resources.database.active():
                await command(resources)

    try:
        asyncio.run(run())
    except (Refused, OSError) as refused:
        _fail(str(refused))


def _settings(overrides: dict[str, object]) -> Settings:
    for sentence in unknown_variables():
        err.print(f"[yellow]warning[/] {sentence}", highlight=False)
    try:
        return load_settings(**overrides)
    except SettingsError as bad:
        for problem in bad.problems:
            err.print(f"[red]error[/] {problem}", highlight=False)
        raise SystemExit(2) from None


def _demo_settings(day_seconds: float | None) -> dict[str, object]:
    chosen = unless_in_environment(DEMO)
    return chosen if day_seconds is None else {**chosen, "replay_day_seconds": day_seconds}


def _print_banner(settings: Settings) -> None:
    full = _token(settings, "demo-trader", [Permission.RISK_WARNING_FULL], None, DEMO_TOKEN_MINUTES)
    only = _token(settings, "demo-viewer", [Permission.RISK_WARNING_READ_ONLY], None, DEMO_TOKEN_MINUTES)
    url = f"http://{settings.host}:{settings.port}/graphql"
    out.print("[bold]Margin-call desk[/]: the fall of 2020 is replayed on a book of 500 clients.")
    out.print(f"  GraphQL    {url}   (POST; WebSocket: graphql-transport-ws)", highlight=False)
    out.print(f"  one day    {settings.replay_day_seconds:g} s", highlight=False)
    print(f"  trader     {full}")
    print(f"  read-only  {only}", flush=True)


def _token(
    settings: Settings, subject: str, permissions: list[Permission], accounts: list[str] | None, minutes: int
) -> str:
    secret = settings.auth_secret.get_secret_value()
    return issue(secret, subject, permissions, accounts, minutes, datetime.now(UTC))


@contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on the terminal; call what it yields with how much is done."""
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)


def _fail(message: str) -> None:
    err.print(f"[red]error[/] {message}", highlight=False)
    raise SystemExit(2)
