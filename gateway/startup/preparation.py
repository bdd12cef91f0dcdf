"""Requirements before the desk serves; each failure is reported in one line.

`python -m gateway serve` checks all of them before it listens; the application's lifespan repeats those of
the database, so that no other way of starting it can skip the migration.
"""

import asyncio
import errno
import fcntl
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from domain.calendar import NoCalendar
from feeds.book_file import BookFileError, parse_book
from feeds.closes import read_closes
from gateway.key_set import parse_key_set
from gateway.login_service import key_source
from gateway.resources import database_limits, make_calendars
from gateway.sections.types import PREFIX
from gateway.settings import Feed, Profile, Settings
from gateway.startup.book_import import BookConflict, import_book
from gateway.startup.server_versions import old_database, old_redis
from gateway.tracing import CannotTrace, exporters
from gateway.watch.key_source import KeyFile
from gateway.watch.samples import SampleDirectory
from gateway.watch.trusted_manifest import TrustedManifest, manifest_file
from messages.apprise_service import is_known
from models.book_import import is_empty
from models.revocation import revocations_since
from models.sql.applied import is_migrated
from models.sql.database import Database
from models.sql.faults import Busy, DatabaseUnavailable, PrivilegeMissing
from outages.redis_refusals import explained
from resolvers.execution.manifest import ManifestFault

REDIS_TIMEOUT_S = 5.0

log = structlog.get_logger()

Progress = Callable[[int, int], None]
"""Called with the numbers of imported and of all clients."""


class CannotStart(Exception):
    """The desk cannot start; the message says why and what to do, in one line."""


def silent(done: int, of: int) -> None:
    """Ignores progress."""


async def check(settings: Settings, now: datetime, progress: Progress) -> None:
    """Check Redis and the database, migrate if allowed, and import the book; raises `CannotStart`."""
    check_calendars(settings, now)
    _check_replay_file(settings)
    _check_message_services(settings)
    _check_key_file(settings)
    check_tracing()
    _check_manifest(settings)
    await _check_redis(settings.redis_url)
    database = Database(settings.database_url, settings.database_pool_size, database_limits(settings))
    try:
        await database.open()
    except OSError as away:
        raise CannotStart(f"The database cannot be used (GATEWAY_DATABASE_URL): {away}.") from None
    try:
        if too_old := await old_database(database):
            raise CannotStart(f"The database cannot be used (GATEWAY_DATABASE_URL): {too_old}.")
        await prepare_tables(settings.profile, database)
        with database.active():
            await import_if_empty(settings.book_file, now, progress)
            # The server reads them before it listens, and would meet a lock with a traceback.
            await revocations_since(None)
    except (PrivilegeMissing, DatabaseUnavailable) as refused:
        raise CannotStart(f"The database cannot be used (GATEWAY_DATABASE_URL): {refused}.") from None
    except Busy as locked:
        raise CannotStart(
            f"Another session keeps a table of the database locked ({locked}): end that session, which"
            " pg_stat_activity shows, and start again."
        ) from None
    finally:
        await database.close()


def check_calendars(settings: Settings, now: datetime) -> None:
    """Check that every calendar in the settings can be built; raises `CannotStart`."""
    calendars = make_calendars(lambda: now)
    named = [
        (f"DEADLINE_MARKETS={code}={market}", market) for code, market in settings.deadline_markets.items()
    ]
    default = settings.deadline_default_market
    for setting, market in (*named, (f"DEADLINE_DEFAULT_MARKET={default}", default)):
        try:
            calendars.of(market)
        except NoCalendar as unknown:
            raise CannotStart(f"{PREFIX}{setting} cannot be used: {unknown}.") from None


def _check_message_services(settings: Settings) -> None:
    """Otherwise a misspelt one would be found only when the first client is to be notified."""
    for channel, url in settings.message_urls.items():
        if not is_known(url):
            raise CannotStart(
                f"Apprise does not support the service of {PREFIX}MESSAGE_{channel}_URL: see "
                "docs/messages.md for examples."
            )


def check_tracing() -> None:
    """Check that the exporters of traces that are set are installed; raises `CannotStart`."""
    try:
        exporters()
    except CannotTrace as why:
        raise CannotStart(f"Traces cannot be exported: {why}.") from None


async def prepare_tables(profile: Profile, database: Database) -> None:
    """Migrate a developer's database; refuse another one with pending migrations. Raises `CannotStart`."""
    with database.active():
        if await is_migrated():
            return
    await refuse_newer_tables(database)
    if profile is Profile.DEVELOPMENT:
        await database.migrate()
        return
    pending = await database.pending_migrations()
    if pending:
        more = f" and {len(pending) - 1} more" if len(pending) > 1 else ""
        raise CannotStart(
            f"The database is not migrated (it lacks {pending[0]}{more}): run python -m gateway migrate."
        )


async def refuse_newer_tables(database: Database) -> None:
    """Raises `CannotStart` if a newer version of the desk has migrated the database."""
    if newer := await database.unknown_migrations():
        raise CannotStart(
            f"The database belongs to a newer version of the desk (it has {newer[-1]}): run that version, or "
            "restore a backup from before its migration."
        )


async def import_if_empty(book_file: Path | None, now: datetime, progress: Progress = silent) -> None:
    """Import the book into a database without clients; needs an active database. Raises `CannotStart`."""
    if book_file is None or not await is_empty():
        return
    try:
        book = parse_book(await asyncio.to_thread(book_file.read_bytes))
    except (BookFileError, OSError) as bad:
        raise CannotStart(f"GATEWAY_BOOK_FILE {book_file} cannot be imported: {bad}") from None
    try:
        await import_book(book, now, lambda done: progress(done, len(book.clients)))
    except BookConflict as conflict:
        raise CannotStart(f"GATEWAY_BOOK_FILE {book_file} cannot be imported: {conflict}") from None
    log.info("book imported", file=str(book_file), clients=len(book.clients))


def require_shareable(settings: Settings, workers: int) -> None:
    """Several processes require a database and a bus that they can share; raises `CannotStart`."""
    if workers > 1 and (settings.redis_url is None or settings.database_url.startswith("sqlite")):
        raise CannotStart(
            f"{workers} workers require PostgreSQL and Redis: set GATEWAY_DATABASE_URL and "
            "GATEWAY_REDIS_URL, or start one worker."
        )


@contextmanager
def data_directory_claimed(settings: Settings) -> Iterator[None]:
    """Claim the data directory.

    Without Redis the bus is this process's memory: a second desk on the same data would not receive its
    events.
    """
    if settings.redis_url is not None:
        yield
        return
    with _lock_file(settings.data_directory) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise CannotStart(
                f"Another desk (process {file.read().strip()}) uses {settings.data_directory}: stop it, "
                "or set GATEWAY_DATA_DIRECTORY to another directory."
            ) from None
        with _usable(settings.data_directory):
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
        yield


def _lock_file(directory: Path) -> TextIO:
    with _usable(directory):
        directory.mkdir(parents=True, exist_ok=True)
        return (directory / "desk.lock").open("a+")


@contextmanager
def samples_beside(directory: Path) -> Iterator[SampleDirectory]:
    """A new directory in it for the metrics of one fleet, which goes with it."""
    with _usable(directory):
        directory.mkdir(parents=True, exist_ok=True)
        made = TemporaryDirectory(prefix="metrics-", dir=directory, ignore_cleanup_errors=True)
    with made as path:
        yield SampleDirectory(Path(path))


@contextmanager
def _usable(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as unusable:
        why = (unusable.strerror or str(unusable)).lower()
        raise CannotStart(
            f"The data directory {directory} cannot be used (GATEWAY_DATA_DIRECTORY): {why}."
        ) from None


@contextmanager
def bound_sockets(settings: Settings) -> Iterator[tuple[socket.socket, ...]]:
    """The socket of the API, and that of the metrics if they have one, not listening yet. Raises
    `CannotStart`.
    """
    with ExitStack() as bound:
        usual = "GATEWAY_PORT, or `make run PORT=9000`"
        sockets = [bound.enter_context(_bound_socket(settings.host, settings.port, usual))]
        if (port := settings.metrics_port) is not None:
            own = "GATEWAY_METRICS_PORT"
            sockets.append(bound.enter_context(_bound_socket(settings.host, port, own)))
        yield tuple(sockets)


def _bound_socket(host: str, port: int, setting: str) -> socket.socket:
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as taken:
        bound.close()
        raise CannotStart(f"Cannot listen on {host}:{port} {_why_not(taken, setting)}") from None
    return bound


def _why_not(taken: OSError, port_setting: str) -> str:
    """The reason in words, and the setting to change."""
    why = (taken.strerror or str(taken)).lower()
    is_host = isinstance(taken, socket.gaierror) or taken.errno == errno.EADDRNOTAVAIL
    instead = "GATEWAY_HOST to an address of this machine" if is_host else port_setting
    return f"({why}): set {instead}."


def _check_replay_file(settings: Settings) -> None:
    if settings.feed is not Feed.REPLAY or settings.replay_file is None:
        return
    try:
        read_closes(settings.replay_file)
    except (OSError, ValueError) as bad:
        raise CannotStart(f"GATEWAY_REPLAY_FILE {settings.replay_file} cannot be replayed: {bad}.") from None


def _check_key_file(settings: Settings) -> None:
    """A URL may answer later, a wrong file does not mend itself; raises `CannotStart`."""
    source = key_source(settings)
    if not isinstance(source, KeyFile):
        return
    try:
        parse_key_set(source.content(), settings.auth_jwks_max_keys)
    except (OSError, ValueError) as bad:
        raise CannotStart(f"GATEWAY_AUTH_JWKS_FILE {source.path} cannot be used: {bad}.") from None


def _check_manifest(settings: Settings) -> None:
    """Its hashes and limits; its documents are checked by each process. Raises `CannotStart`."""
    file = manifest_file(settings)
    if file is None:
        return
    try:
        file.texts()
    except (OSError, ManifestFault) as bad:
        raise CannotStart(f"GATEWAY_TRUSTED_DOCUMENTS_FILE {file.path} cannot be used: {bad}.") from None


async def load_manifest(manifest: TrustedManifest) -> None:
    """Trust the documents of the manifest; raises `CannotStart`."""
    try:
        await manifest.load()
    except (OSError, ManifestFault) as bad:
        raise CannotStart(f"GATEWAY_TRUSTED_DOCUMENTS_FILE {manifest.path} cannot be used: {bad}.") from None


async def _check_redis(url: str | None) -> None:
    if url is None:
        return
    try:
        async with asyncio.timeout(REDIS_TIMEOUT_S), Redis.from_url(url) as redis:
            await redis.ping()
            too_old = await old_redis(redis)
    except (RedisError, OSError, TimeoutError) as away:
        why = explained(getattr(away, "status_code", None), str(away).rstrip("."))
        silent = f"no answer within {REDIS_TIMEOUT_S:g} s"
        raise CannotStart(f"Redis cannot be used (GATEWAY_REDIS_URL): {why or silent}.") from None
    if too_old:
        raise CannotStart(f"Redis cannot be used (GATEWAY_REDIS_URL): {too_old}.")
