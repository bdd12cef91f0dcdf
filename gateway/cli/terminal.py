"""Shared parts of the commands of `python -m gateway`: settings, a desk opened for one command, output.

A command that cannot be executed prints the reason and exits with 2.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from typing import NoReturn, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from domain.moments import parse_day, parse_time_of_day
from domain.principal import Permission
from gateway.auth import issue
from gateway.logs import configure_logging
from gateway.resources import Parts, Resources, open_resources
from gateway.settings import Settings, SettingsError, load_settings, unknown_variables
from gateway.startup.preparation import CannotStart, prepare_tables
from models.sql.faults import DatabaseUnavailable, PrivilegeMissing

T = TypeVar("T")

TABLE_COLUMNS_MIN = 200

out = Console()
err = Console(stderr=True)


class Refused(Exception):
    """The command cannot be executed; the message says why and what to do."""


def print_no_more() -> None:
    """The reader of the output, such as `head`, has closed it: discard the rest."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def with_resources(command: Callable[[Resources], Awaitable[None]], *, migrate_first: bool = True) -> None:
    """Run the command on an open desk; exits with 2 if the command or the start is refused."""
    settings = settings_or_exit({})
    configure_logging(settings.log_format, sys.stderr)

    async def run() -> None:
        async with open_resources(settings, Parts()) as resources:
            if migrate_first:
                await prepare_tables(settings.profile, resources.database)
            with resources.database.active():
                await command(resources)

    try:
        asyncio.run(run())
    except (DatabaseUnavailable, PrivilegeMissing) as refused:
        fail(f"The database cannot be used (GATEWAY_DATABASE_URL): {refused}.")
    except BrokenPipeError:
        print_no_more()
    except (Refused, CannotStart, OSError) as refused:
        fail(str(refused))


def settings_or_exit(overrides: dict[str, object]) -> Settings:
    """From the environment; exits with 2 and prints all problems if there are any."""
    for sentence in unknown_variables():
        complain("[yellow]warning[/]", sentence)
    try:
        return load_settings(**overrides)
    except SettingsError as bad:
        for problem in bad.problems:
            complain("[red]error[/]", problem)
        raise SystemExit(2) from None


def signed_token(
    settings: Settings, subject: str, permissions: list[Permission], accounts: list[str] | None, minutes: int
) -> str:
    """Valid from now on. `accounts` None: every account. Exits with 2 where a login service signs tokens."""
    if settings.has_login_service:
        fail("The desk accepts only tokens of the login service (GATEWAY_AUTH_JWKS_URL): get one there.")
    secret = settings.auth_secret.get_secret_value()
    return issue(secret, subject, permissions, accounts, minutes, datetime.now(UTC))


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on a terminal, which disappears at the end; call the yielded function with the done and
    total numbers.
    """
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(what, total=None, visible=False)

        def advance(done: int, of: int) -> None:
            bar.update(task, completed=done, total=of, visible=True)
            if done >= of:  # What is printed next begins on a line of its own.
                bar.stop()

        yield advance


def wide() -> Console:
    """For tables: no cell is cut to the width of a narrow terminal, or of none."""
    return Console(width=max(out.width, TABLE_COLUMNS_MIN))


def say(sentence: str) -> None:
    """Print the sentence; text quoted in it is not treated as markup."""
    out.print(escape(sentence))


def complain(label: str, sentence: str) -> None:
    """Print one line, however narrow the terminal; text quoted in it is not treated as markup."""
    err.print(f"{label} {escape(sentence)}", highlight=False, soft_wrap=True)


def fail(message: str) -> NoReturn:
    """Print the message and exit with 2."""
    complain("[red]error[/]", message)
    raise SystemExit(2)


def read_day(text: str) -> date:
    """Parse an option that is a day."""
    return _read(parse_day, text)


def read_time_of_day(text: str) -> time:
    """Parse an option that is a time of day."""
    return _read(parse_time_of_day, text)


def _read(parse: Callable[[str], T], text: str) -> T:
    try:
        return parse(text)
    except ValueError as reason:
        raise typer.BadParameter(f"{text!r:.80} must be {reason}.") from None
