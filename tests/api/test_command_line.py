"""`python -m gateway` as an operator meets it: one line where something is missing, and a quiet end."""

import asyncio
import os
import shutil
import signal
import socket
import sqlite3
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager
from datetime import UTC, datetime, timedelta
from json import dumps, loads
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from gateway.workers.term import LEASE
from models.lease import acquire_lease
from models.sql.database import Database, fetch
from tests.kit.forks import run_command
from tests.kit.patience import PATIENCE_S

pytestmark = pytest.mark.faults

ROOT = Path(__file__).parents[2]
DEMO_BOOK = (ROOT / "demo" / "book.json").read_text()
SECRET = "a secret of this test alone, long enough"


class Gateway:
    """Runs the command line in a clean environment, with a data directory of its own, on a free port."""

    def __init__(self, data_directory: Path) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
        self.environment = inherited | {
            "GATEWAY_DATA_DIRECTORY": str(data_directory),
            "GATEWAY_PORT": "0",
            "COLUMNS": "60",
        }

    async def start(self, *arguments: str, **settings: str) -> Process:
        """As an operator does, with a start of the interpreter."""
        environment = self._with(settings)
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway", *arguments, cwd=ROOT, env=environment, stdout=PIPE, stderr=PIPE
        )

    async def run(self, *arguments: str, **settings: str) -> tuple[int | None, list[str], list[str]]:
        """Exit code, lines of stdout and of stderr."""
        code, out, err = await run_command(self._with(settings), *arguments)
        return code, out.splitlines(), err.splitlines()

    def _with(self, settings: Mapping[str, str]) -> dict[str, str]:
        return self.environment | {f"GATEWAY_{name}": value for name, value in settings.items()}

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Process]:
        process = await self.start("serve", "--demo")
        assert process.stdout is not None
        try:
            async with asyncio.timeout(PATIENCE_S):
                assert (await process.stdout.readline()).startswith(b"Margin-call desk")
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                await process.communicate()


async def ended(process: Process) -> tuple[bytes, bytes]:
    """What it printed, on both; it does not outlive its test."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@contextmanager
def a_port_without_listener() -> Iterator[int]:
    """In use, so that no other process gets it, and not listened on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        yield port


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    return Gateway(tmp_path / "data")


async def refusal(gateway: Gateway, *arguments: str, **settings: str) -> str:
    """The one line that the command ends with."""
    code, out, err = await gateway.run(*arguments, **settings)
    assert (code, out) == (2, [])
    (line,) = err
    return line


async def test_a_port_in_use_is_reported_in_one_line_before_anything_is_printed(gateway: Gateway) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = await gateway.start("serve", "--demo", PORT=str(taken.getsockname()[1]))
        out, err = await ended(process)
    assert (process.returncode, out) == (2, b"")
    (line,) = err.splitlines()
    assert b"address already in use" in line


async def test_a_second_desk_is_refused_until_the_first_was_killed_and_ctrl_c_ends_it_quietly(
    gateway: Gateway,
) -> None:
    async with gateway.serving() as first:
        line = await refusal(gateway, "serve", "--demo")
        assert f"Another desk (process {first.pid})" in line
        first.kill()
        await first.communicate()
    async with gateway.serving() as second:
        second.send_signal(signal.SIGINT)
        _, err = await ended(second)
        said = err.decode()
        assert second.returncode == 0
        assert "Traceback" not in said
        assert "did not stop" not in said, "it waited for nobody"
        assert '"stopped"' in said.splitlines()[-1]


async def test_a_desk_whose_banner_is_not_read_serves(gateway: Gateway) -> None:
    read, write = os.pipe()
    os.close(read)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway",
        "serve",
        "--demo",
        cwd=ROOT,
        env=gateway.environment,
        stdout=write,
        stderr=PIPE,
    )
    os.close(write)
    assert process.stderr is not None
    try:
        async with asyncio.timeout(PATIENCE_S):
            while b'"watching margin"' not in (line := await process.stderr.readline()):
                assert line, "it ended"
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_an_unreachable_redis_is_said_in_one_line(gateway: Gateway) -> None:
    with a_port_without_listener() as port:
        line = await refusal(gateway, "serve", REDIS_URL=f"redis://127.0.0.1:{port}/0")
    assert "Redis cannot be used (GATEWAY_REDIS_URL)" in line


async def test_an_unreachable_database_is_said_in_one_line_without_its_password(gateway: Gateway) -> None:
    with a_port_without_listener() as port:
        url = f"postgres://desk:geheim@127.0.0.1:{port}/desk"
        line = await refusal(gateway, "serve", DATABASE_URL=url)
    assert "The database cannot be used (GATEWAY_DATABASE_URL)" in line
    assert "geheim" not in line


async def test_a_file_that_is_no_database_is_said_in_one_line(gateway: Gateway, tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear Sir or Madam, " * 100)
    line = await refusal(gateway, "serve", DATABASE_URL=f"sqlite://{path}")
    assert "GATEWAY_DATABASE_URL" in line
    assert "not a database" in line


async def test_a_data_directory_that_cannot_be_is_named(gateway: Gateway, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    line = await refusal(gateway, "serve", DATA_DIRECTORY=str(tmp_path / "file/data"))
    assert "cannot be used (GATEWAY_DATA_DIRECTORY): not a directory" in line


async def test_an_unknown_message_service_is_named_without_its_secret(gateway: Gateway) -> None:
    line = await refusal(gateway, "serve", MESSAGE_EMAIL_URL="mailtoo://desk:secret@smtp.example.org?to={to}")
    assert "does not support the service of GATEWAY_MESSAGE_EMAIL_URL" in line
    assert "secret" not in line


async def test_keys_of_a_login_service_that_cannot_be_used_are_said_in_one_line(
    gateway: Gateway, tmp_path: Path
) -> None:
    file = tmp_path / "keys.json"
    named = {"AUTH_JWKS_FILE": str(file), "AUTH_ISSUER": "https://login.example", "AUTH_AUDIENCE": "desk"}
    assert "No such file" in await refusal(gateway, "serve", **named)
    file.write_bytes(b'{"keys": []}')
    line = await refusal(gateway, "serve", **named)
    assert "GATEWAY_AUTH_JWKS_FILE" in line
    assert "no public key" in line


async def test_no_token_is_made_that_the_desk_would_refuse(gateway: Gateway) -> None:
    named = {"AUTH_JWKS_FILE": "keys.json", "AUTH_ISSUER": "https://login.example", "AUTH_AUDIENCE": "desk"}
    line = await refusal(gateway, "token", "--subject", "me", "--permission", "AUDITOR", **named)
    assert "only tokens of the login service" in line


async def test_an_address_of_another_machine_is_reported_with_its_setting(gateway: Gateway) -> None:
    line = await refusal(gateway, "serve", HOST="nowhere.invalid")
    assert "Cannot listen on nowhere.invalid" in line
    assert "GATEWAY_HOST" in line
    assert "unknown error" not in line


async def test_production_refuses_a_database_that_is_not_migrated(
    gateway: Gateway, database_url: str, redis_url: str
) -> None:
    production = {
        "PROFILE": "production",
        "AUTH_SECRET": SECRET,
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
    }
    assert "run python -m gateway migrate" in await refusal(gateway, "serve", **production)
    code, out, _ = await gateway.run("migrate", **production)
    assert code == 0
    assert out[0] == "applied 0001_initial"
    assert out[-1] == "up to date"
    _, out, _ = await gateway.run("migrate", **production)
    assert out == ["nothing to do: up to date"]


async def test_a_database_that_does_not_exist_is_said_in_one_line(
    gateway: Gateway, postgres_url: str
) -> None:
    line = await refusal(gateway, "migrate", DATABASE_URL=f"{postgres_url.rpartition('/')[0]}/nowhere")
    assert 'database "nowhere" does not exist: create it' in line


async def test_a_role_that_may_not_create_tables_is_named_by_migrate(
    gateway: Gateway, database_url: str
) -> None:
    role, rest = f"r{uuid4().hex}", database_url.partition("@")[2]
    admin = await asyncpg.connect(database_url)
    await admin.execute(
        f"CREATE ROLE {role} LOGIN PASSWORD 'secret'; REVOKE CREATE ON SCHEMA public FROM PUBLIC"
    )
    line = await refusal(gateway, "migrate", DATABASE_URL=f"postgres://{role}:secret@{rest}")
    await admin.execute(f"DROP ROLE {role}")
    await admin.close()
    assert "permission denied for schema public: migrations need a role that owns the tables" in line


async def test_tables_of_a_newer_version_are_refused(gateway: Gateway, database_file: Path) -> None:
    await gateway.run("migrate")
    with closing(sqlite3.connect(database_file)) as newer, newer:
        newer.execute(
            "INSERT INTO tortoise_migrations (app, name, applied_at) VALUES ('models', '9999_later', 0)"
        )
    for command in ("migrate", "serve", "lease"):
        line = await refusal(gateway, command)
        assert "a newer version of the desk (it has 9999_later): run that version" in line


async def test_a_read_only_database_is_said_with_a_remedy(gateway: Gateway, tmp_path: Path) -> None:
    line = await refusal(gateway, "migrate", DATABASE_URL=f"sqlite://{tmp_path}/desk.sqlite3?query_only=1")
    assert line.startswith(
        "error The database cannot be used (GATEWAY_DATABASE_URL): attempt to write a readonly"
    )
    assert line.endswith("let the user of the desk write the file and its directory.")


async def test_a_file_that_is_no_book_is_refused_with_the_reason(gateway: Gateway) -> None:
    code, _, err = await gateway.run("import-book", "demo/prices.csv")
    assert code == 2
    assert err[0] == "error demo/prices.csv is not a valid book file:"


async def test_a_file_that_holds_no_prices_is_refused_with_the_reason(gateway: Gateway) -> None:
    assert "is not a valid file of closing prices: line 1" in await refusal(
        gateway, "replay", "demo/book.json"
    )


async def test_a_book_is_imported_once(gateway: Gateway) -> None:
    _, out, _ = await gateway.run("import-book", "demo/book.json")
    assert out == ["imported 500 clients and 21 instruments"]
    code, again, _ = await gateway.run("import-book", "demo/book.json")
    assert code == 0
    assert " ".join(again).startswith("nothing to do: demo/book.json was imported at ")


async def test_a_file_with_a_client_that_is_there_already_is_refused_with_its_path(
    gateway: Gateway, tmp_path: Path
) -> None:
    book = loads(DEMO_BOOK)
    part = tmp_path / "part.json"
    part.write_text(dumps(book | {"clients": book["clients"][:1]}))
    await gateway.run("import-book", str(part))
    code, out, err = await gateway.run("import-book", "demo/book.json")
    assert (code, out) == (2, [])
    assert "was not imported, and nothing is stored" in err[0]
    assert "$.clients[0].clientNo: " in err[1]
    assert "Traceback" not in "".join(err)


async def test_a_token_needs_a_permission_that_exists(gateway: Gateway) -> None:
    line = await refusal(gateway, "token", "--subject", "me", "--permission", "EVERYTHING")
    assert "RISK_WARNING_READ_ONLY, RISK_WARNING_OPERATOR, RISK_WARNING_FULL" in line
    assert "RiskWarningFull" not in line, "one spelling is enough"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("token", "--subject", "", "--permission", "RISK_WARNING_FULL"), "not blank"),
        (("token", "--subject", "system", "--permission", "RISK_WARNING_FULL"), "the desk itself"),
        (("token", "--subject", "PAPER", "--permission", "RISK_WARNING_FULL"), "or a venue"),
        (("token", "--subject", "me", "--permission", "RiskOptionHaircutFull"), "would allow more than"),
        (("revoke", "--subject", "x" * 201), "at most 200 characters"),
        (("market-day", "HK", "2020-03-20", "shut", "--reason", "typhoon"), "closed, half or regular"),
        (
            ("market-day", "HK", "2020-03-20", "closed", "--reason", " "),
            "must be a text that is not blank",
        ),
        (("market-day", "HK", "2020-03-20", "closed", "--reason", "a\u202eb"), "without U+202E"),
    ],
)
async def test_an_invalid_argument_is_refused_with_a_valid_example(
    gateway: Gateway, arguments: tuple[str, ...], words: str
) -> None:
    assert words in await refusal(gateway, *arguments)


async def test_a_token_for_a_million_years_is_refused_without_a_traceback(gateway: Gateway) -> None:
    wanted = ("token", "--subject", "me", "--permission", "AUDITOR", "--minutes", "525600000000")
    code, out, err = await gateway.run(*wanted)
    assert (code, out) == (2, [])
    assert "Traceback" not in "".join(err)


async def test_a_report_whose_reader_stops_early_ends_without_a_traceback(gateway: Gateway) -> None:
    report = f"{sys.executable} -m gateway report aging --from 2020-03-01 --to 2020-03-31"
    process = await asyncio.create_subprocess_shell(
        f"{report} | true", cwd=ROOT, env=gateway.environment, stderr=PIPE
    )
    _, err = await ended(process)
    assert err == b""


async def test_a_market_day_is_entered_and_the_moved_deadlines_are_printed(gateway: Gateway) -> None:
    today = datetime.now(UTC).date().isoformat()
    half = ("market-day", "HK", today, "half")
    assert "has its own closing time" in await refusal(gateway, *half, "--reason", "early close")
    code, out, err = await gateway.run(*half, "--close", "12:00", "--reason", "early close")
    assert (code, err) == (0, [])
    assert " ".join(out) == f"XHKG {today} is HALF; 0 deadlines moved"
    line = await refusal(gateway, "market-day", "NOWHERE", today, "closed", "--reason", "typhoon")
    assert "The calendar has no such day to override" in line


async def test_a_calendar_that_does_not_exist_is_refused_by_the_name_of_its_setting(gateway: Gateway) -> None:
    line = await refusal(gateway, "serve", DEADLINE_MARKETS="USD=XNYS,SGD=SGX")
    assert "GATEWAY_DEADLINE_MARKETS names markets without an exchange calendar: SGX" in line
    line = await refusal(gateway, "serve", PRICE_COLLARS="XHKGG=0.03")
    assert (
        "GATEWAY_PRICE_COLLARS names markets without an exchange calendar: XHKGG (did you mean XHKG?)" in line
    )


async def test_a_market_day_within_two_years_can_be_entered_even_without_known_holidays(
    gateway: Gateway,
) -> None:
    today = datetime.now(UTC).date().isoformat()
    code, out, err = await gateway.run("market-day", "XSES", today, "closed", "--reason", "flood")
    assert (code, err) == (0, [])
    assert " ".join(out) == f"XSES {today} is CLOSED; 0 deadlines moved"
    far = await refusal(gateway, "market-day", "XSES", "2062-01-02", "closed", "--reason", "typing error")
    assert "more than 731 days ahead" in far


@pytest.fixture
def database_file(gateway: Gateway, migrated_sqlite: Path) -> Path:
    """The embedded database of the commands, migrated."""
    directory = Path(gateway.environment["GATEWAY_DATA_DIRECTORY"])
    directory.mkdir()
    return Path(shutil.copyfile(migrated_sqlite, directory / "desk.sqlite3"))


async def test_a_subject_that_never_did_anything_is_revoked_with_a_hint(
    gateway: Gateway, database_file: Path
) -> None:
    code, out, err = await gateway.run("revoke", "--subject", "never-seen")
    assert (code, err) == (0, [])
    assert out[0].startswith("revoked")
    assert "check the spelling" in " ".join(out)


async def test_the_lease_is_shown_and_given_up_by_an_operator(gateway: Gateway, database_file: Path) -> None:
    free = ["no process leads the desk: the lease is free"]
    assert await gateway.run("lease", "--release") == (0, free, [])
    database = Database(f"sqlite://{database_file}", pool_size=1)
    await database.open()
    with database.active():
        assert await acquire_lease(LEASE, "host:1:abc", timedelta(hours=1))
    code, (shown, released), err = await gateway.run("lease", "--release")
    assert (code, err) == (0, [])
    assert shown.startswith("host:1:abc leads the desk in term 1 until ")
    assert released.startswith("released")
    with database.active():
        assert await acquire_lease(LEASE, "host:2:abc", timedelta(hours=1)), "it is free at once"
        (audited,) = await fetch("SELECT actor, action, entity_id FROM audit")
    assert dict(audited) == {"actor": "desk:lease", "action": "release-lease", "entity_id": "host:1:abc"}
    await database.close()
