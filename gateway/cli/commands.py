"""`python -m gateway`: all commands; `serve_command` starts the server."""

import sys
from datetime import date, time
from pathlib import Path
from typing import Annotated

import typer

from desk.audit import entry
from domain.calendar import MarketDay, MarketDayKind
from domain.text import readable_lines, subject_form
from feeds.book_file import BookFileError, parse_book
from feeds.closes import read_closes
from feeds.replay import AtEnd, Playback, ReplayFeed
from gateway.auth import is_reserved
from gateway.cli.audit_export import NoSuchSnapshot, head_named, recompute, verify_audit
from gateway.cli.events_command import print_damaged_events
from gateway.cli.inputs_command import (
    NothingKnown,
    print_inputs_of_account,
    print_inputs_of_stream,
    print_inputs_of_symbol,
)
from gateway.cli.lease_command import give_up
from gateway.cli.market_day_command import SHORT_NAMES, put_in
from gateway.cli.replaying import into_database, into_redis
from gateway.cli.serve_command import serve
from gateway.cli.terminal import (
    Refused,
    fail,
    out,
    print_no_more,
    progress,
    read_day,
    read_time_of_day,
    say,
    settings_or_exit,
    signed_token,
    wide,
    with_resources,
)
from gateway.http.reports import (
    EVERY_RECORD,
    REPORTS,
    NoPeriod,
    ReportTooLong,
    UnknownReport,
    begin,
    period_of,
)
from gateway.permission_names import permission_named
from gateway.resources import Resources
from gateway.startup.book_import import BookConflict, import_book, remarks
from gateway.startup.preparation import refuse_newer_tables
from gateway.workers.term import LEASE
from models.audit import has_acted, write_audit
from models.lease import read_lease
from models.revocation import revoke_subject
from models.sql.database import UniqueViolated, transaction
from resolvers.kit.node import type_and_id

TOKEN_MINUTES_MAX = 10 * 366 * 24 * 60
REASON_CHARACTERS_MAX = 1000
DAY = "YYYY-MM-DD"

cli = typer.Typer(
    name="gateway",
    help="Run and maintain the margin-call desk.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
cli.command()(serve)


@cli.command()
def migrate() -> None:
    """Apply all pending migrations to the database."""

    async def run(resources: Resources) -> None:
        steps = 0

        def show_progress(event: str, app: str, name: str) -> None:
            nonlocal steps
            if event == "apply_done":
                steps += 1
                out.print(f"[green]applied[/] {name}")

        await refuse_newer_tables(resources.database)
        await resources.database.migrate(show_progress)
        out.print("up to date" if steps else "nothing to do: up to date")

    with_resources(run, migrate_first=False)


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
            raise Refused(f"{file} is not a valid book file:\n{bad}") from None
        count = len(book.clients)
        try:
            with progress("importing the book") as advance:
                done = await import_book(
                    book, resources.desk.clock(), lambda clients: advance(clients, count)
                )
        except BookConflict as conflict:
            raise Refused(f"{file} was not imported, and nothing is stored:\n{conflict}") from None
        except UniqueViolated:
            raise Refused(
                f"Another import stored clients of {file} at the same time; this import stored nothing."
            ) from None
        if done.earlier is not None:
            say(f"nothing to do: {file} was imported at {done.earlier:%Y-%m-%d %H:%M} UTC")
        elif not (done.clients or done.instruments):
            out.print("nothing to do: every instrument already matches the file")
        else:
            out.print(f"imported {done.clients} clients and {done.instruments} instruments")
        for line in remarks(done):
            out.print(line, markup=False)

    with_resources(run)


@cli.command()
def inputs(
    account: Annotated[str | None, typer.Option(help="The number of an account.")] = None,
    symbol: Annotated[str | None, typer.Option(help="A symbol, or a pair such as USD/HKD.")] = None,
    stream: Annotated[str | None, typer.Option(help="A stream of the feed, such as desk:quotes.")] = None,
) -> None:
    """Show the last messages about an account, a symbol or a stream, with their outcomes and reasons."""
    if [account, symbol, stream].count(None) != 2:
        fail("Name one: --account NUMBER, --symbol SYMBOL, or --stream NAME.")

    async def run(resources: Resources) -> None:
        table = wide()
        try:
            if account is not None:
                await print_inputs_of_account(table, account)
            elif stream is not None:
                await print_inputs_of_stream(table, stream)
            else:
                await print_inputs_of_symbol(table, symbol or "")
        except NothingKnown as nothing:
            raise Refused(str(nothing)) from None

    with_resources(run)


@cli.command("damaged-events")
def damaged_events_command() -> None:
    """Show the events in the outbox that cannot be read; exit code 1 if there are any."""

    async def run(resources: Resources) -> None:
        if await print_damaged_events(wide()):
            raise typer.Exit(1)

    with_resources(run)


@cli.command()
def replay(
    file: Annotated[Path, typer.Argument(help="Daily closes as CSV.", exists=True, dir_okay=False)],
    day_seconds: Annotated[
        float, typer.Option(help="Seconds per trading day; 0: as fast as possible.", min=0)
    ] = 0,
) -> None:
    """Replay recorded closing prices into the Redis feed, or without Redis into the database."""

    async def run(resources: Resources) -> None:
        try:
            closes = read_closes(file)
        except ValueError as bad:
            raise Refused(f"{file} is not a valid file of closing prices: {bad}") from None
        feed = ReplayFeed(closes, resources.desk.clock, Playback(day_seconds=day_seconds, at_end=AtEnd.STOP))
        days = feed.progress.days
        play, where = (
            (into_redis, "Redis") if resources.settings.redis_url else (into_database, "the database")
        )
        with progress("replaying days") as advance:
            await play(resources, feed, lambda day: advance(day, days))
        out.print(f"played {days} days into {where}")

    with_resources(run)


@cli.command()
def token(
    subject: Annotated[
        str, typer.Option(help=("The subject of the token: the operator or system that uses it."))
    ],
    permission: Annotated[
        list[str],
        typer.Option(
            help=(
                "A permission that the token grants, such as RISK_WARNING_FULL; may be repeated. "
                "Write it so: RiskWarningFull, the form of other products, is accepted too."
            )
        ),
    ],
    account: Annotated[
        list[str] | None, typer.Option(help="Restrict it to this account number; may be repeated.")
    ] = None,
    minutes: Annotated[
        int, typer.Option(help="How long the token is valid.", min=1, max=TOKEN_MINUTES_MAX)
    ] = 60,
) -> None:
    """Print a signed token for a subject."""
    subject = _subject(subject)
    settings = settings_or_exit({})
    try:
        permissions = [permission_named(name) for name in permission]
    except ValueError as unknown:
        fail(f"--permission: {unknown}.")
    print(signed_token(settings, subject, permissions, account, minutes))


@cli.command()
def revoke(
    subject: Annotated[str, typer.Option(help="The subject whose access is revoked.")],
) -> None:
    """Refuse every token issued to the subject until now, and close its sockets within a second."""
    subject = _subject(subject)

    async def run(resources: Resources) -> None:
        now = resources.desk.clock()
        acted = await has_acted(subject)
        async with transaction():
            await revoke_subject(subject, now)
            await write_audit([entry("desk:revoke", now, "revoke", "subject", subject)])
        say(
            f"revoked: tokens of {subject} issued until now are refused; wait a second before you issue "
            "a new token"
        )
        if not acted:
            say(f"the audit trail has nothing that {subject} did: check the spelling, unless it only read")

    with_resources(run)


@cli.command("lease")
def lease_command(
    release: Annotated[
        bool, typer.Option("--release", help="Release the lease, so that another process leads at once.")
    ] = False,
) -> None:
    """Show which process leads the desk and until when, or make it give up its lease."""

    async def run(resources: Resources) -> None:
        lease = await read_lease(LEASE)
        if lease is None or not lease.held:
            out.print("no process leads the desk: the lease is free")
            return
        left_s = (lease.until - lease.now).total_seconds()
        print(
            f"{lease.holder} leads the desk in term {lease.fence} until {lease.until}, for another "
            f"{left_s:.1f} s"
        )
        if release:
            await give_up(resources, lease)
            print("released: the leading process stops its work, and a running process takes over")

    with_resources(run)


@cli.command("recompute")
def recompute_command(
    snapshot: Annotated[str, typer.Argument(help="The snapshot's id, from `snapshots` of a case.")],
) -> None:
    """Compute the figures of a snapshot again; exit code 1 if they or its hash differ."""
    named = type_and_id(snapshot)

    async def run(resources: Resources) -> None:
        try:
            same = await recompute(wide(), named[1] if named and named[0] == "Snapshot" else snapshot)
        except NoSuchSnapshot as unknown:
            raise Refused(str(unknown)) from None
        if not same:
            raise SystemExit(1)

    with_resources(run)


@cli.command()
def report(
    name: Annotated[str, typer.Argument(help=f"The report: one of {', '.join(REPORTS)}.")],
    first: Annotated[date, typer.Option("--from", parser=read_day, metavar=DAY, help="The first day, UTC.")],
    last: Annotated[
        date, typer.Option("--to", parser=read_day, metavar=DAY, help="The last day, included, UTC.")
    ],
) -> None:
    """Print a report as CSV."""

    async def run(resources: Resources) -> None:
        most = resources.settings.report_max_cases
        try:
            period = period_of(first, last)
            lines = await begin(resources.desk, "desk:report", EVERY_RECORD, name, period, most)
        except (UnknownReport, NoPeriod, ReportTooLong) as bad:
            raise Refused(str(bad.args[0])) from None
        async for line in lines:
            sys.stdout.write(line)

    with_resources(run)


@cli.command("verify-audit")
def verify_audit_command(
    head: Annotated[
        str | None,
        typer.Option(help=("A head that an earlier run printed, which the chain must still contain.")),
    ] = None,
) -> None:
    """Verify the hash chain of the audit trail; exit code 1 if a row was changed, removed or swapped."""
    try:
        noted = None if head is None else head_named(head)
    except ValueError as bad:
        fail(str(bad))

    async def run(resources: Resources) -> None:
        with progress("verifying the chain") as advance:
            whole = await verify_audit(out, noted, advance)
        if not whole:
            raise SystemExit(1)

    with_resources(run)


@cli.command("market-day")
def market_day_command(
    market: Annotated[
        str, typer.Argument(help=("The market, such as XHKG or XNYS; HK, US, JP and UK are accepted."))
    ],
    day: Annotated[
        date, typer.Argument(parser=read_day, metavar=DAY, help="The day in the market's time zone.")
    ],
    kind: Annotated[
        str, typer.Argument(help=("closed, half, or regular; regular removes an earlier override."))
    ],
    reason: Annotated[str, typer.Option(help="The reason, kept for the auditor.")],
    close: Annotated[
        time | None,
        typer.Option(
            parser=read_time_of_day, metavar="HH:MM", help="The closing time of a half day, in local time."
        ),
    ] = None,
) -> None:
    """Override the calendar of a market for one day, and print the deadlines that moved."""
    named = SHORT_NAMES.get(market.upper(), market.upper())
    if kind.upper() not in MarketDayKind.__members__:
        fail(f"The kind of a market day must be closed, half or regular, not {kind}.")
    try:
        reason = readable_lines(reason, REASON_CHARACTERS_MAX)
    except ValueError as bad:
        fail(f"--reason must be {bad}: it is kept for the auditor.")
    try:
        override = MarketDay(named, day, MarketDayKind(kind.upper()), close, reason)
    except ValueError as bad:
        fail(f"The market day is invalid: {bad}.")

    async def run(resources: Resources) -> None:
        moved = await put_in(resources.desk, resources.market_days, override)
        out.print(f"{named} {override.day} is {override.kind}; {len(moved)} deadlines moved")
        for each in moved:
            moments = f"from {each.before:%Y-%m-%d %H:%M} to {each.after:%Y-%m-%d %H:%M} UTC"
            print(f"{each.case_no} {each.account_no} {moments}")

    with_resources(run)


@cli.command()
def schema() -> None:
    """Print the GraphQL schema."""
    from resolvers.schema import sdl

    print(sdl(), end="")


def main() -> None:
    """Run the command line; the entry point of the process."""
    try:
        try:
            cli()
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        print_no_more()


def _subject(given: str) -> str:
    """The subject in the desk's form; exits if it is invalid."""
    try:
        subject = subject_form(given)
    except ValueError as reason:
        fail(f"--subject must be {reason}.")
    if is_reserved(subject):
        fail(
            f"--subject: {subject} is reserved for the desk itself or a venue; name the subject of the token."
        )
    return subject
