"""The tables as the migrations build them: the same on both databases, every time, and by many at once."""

import asyncio
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from tortoise.connection import get_connection

from models.sql.applied import is_migrated
from models.sql.configuration import SessionLimits
from models.sql.database import Database, execute, fetch, is_sqlite, transaction
from tests.integration.migration_steps import NO_TABLES, bring_to
from tests.kit.cut_off import cut_off, steps_of
from tests.kit.patience import PATIENCE_S
from tests.kit.servers import fresh_database

ROOT = Path(__file__).parents[2]
Schema = dict[str, object]
NOTED = """INSERT INTO tortoise_migrations (app, name, applied_at)
    VALUES ('models', $1, '2020-03-16 00:00:00+00:00')"""


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    database = Database(url, pool_size=2)
    await database.open()
    yield database
    await database.close()


@pytest.fixture(params=["sqlite", "postgres"])
async def empty(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """Without a table."""
    async with AsyncExitStack() as stack:
        url = f"sqlite://{tmp_path}/empty.sqlite3"
        if request.param == "postgres":
            url = await stack.enter_async_context(fresh_database(request.getfixturevalue("postgres_url")))
        yield await stack.enter_async_context(opened(url))


async def schema(database: Database) -> Schema:
    """Columns with whether they may be null, checks, and indexes with whether they are unique."""
    with database.active():
        return await (_sqlite_schema() if is_sqlite() else _postgres_schema())


async def _sqlite_schema() -> Schema:
    tables = await fetch(
        "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    )
    found: Schema = {}
    for table in tables:
        name = table["name"]
        for column in await fetch(f"SELECT * FROM pragma_table_info('{name}')"):
            found[f"{name}.{column['name']}"] = bool(column["notnull"] or column["pk"])
        for check in re.findall(r'CONSTRAINT "(\w+)" CHECK', table["sql"]):
            found[f"check {check}"] = name
        for index in await fetch(f"SELECT * FROM pragma_index_list('{name}')"):
            columns = await fetch(f"SELECT name FROM pragma_index_info('{index['name']}') ORDER BY seqno")
            _add_index(found, name, [column["name"] for column in columns], bool(index["unique"]))
        for key in await fetch(f"SELECT * FROM pragma_foreign_key_list('{name}')"):
            found[f"{name}.{key['from']} -> {key['table']}"] = key["on_delete"]
    return found


async def _postgres_schema() -> Schema:
    found: Schema = {}
    for row in await fetch(
        "SELECT table_name, column_name, is_nullable FROM information_schema.columns"
        " WHERE table_schema = 'public'"
    ):
        found[f"{row['table_name']}.{row['column_name']}"] = row["is_nullable"] == "NO"
    for row in await fetch(
        "SELECT conname, conrelid::regclass::text AS owner FROM pg_constraint"
        " WHERE contype = 'c' AND connamespace = 'public'::regnamespace"
    ):
        found[f"check {row['conname']}"] = row["owner"].strip('"')
    for row in await fetch(
        "SELECT i.indrelid::regclass::text AS owner, i.indisunique, array_agg(a.attname::text ORDER BY"
        " array_position(i.indkey::int2[], a.attnum)) AS columns FROM pg_index i JOIN pg_attribute a"
        " ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey) JOIN pg_class c ON c.oid = i.indrelid"
        " WHERE c.relnamespace = 'public'::regnamespace GROUP BY 1, 2, i.indexrelid"
    ):
        _add_index(found, row["owner"].strip('"'), row["columns"], row["indisunique"])
    for row in await fetch(
        "SELECT c.conrelid::regclass::text AS owner, a.attname, c.confrelid::regclass::text AS target,"
        " c.confdeltype::text AS on_delete FROM pg_constraint c JOIN pg_attribute a"
        " ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1] WHERE c.contype = 'f'"
    ):
        owner = row["owner"].strip('"')
        found[f"{owner}.{row['attname']} -> {row['target']}"] = {"r": "RESTRICT"}[row["on_delete"]]
    return found


def _add_index(found: Schema, table: str, columns: list[str], unique: bool) -> None:
    found[f"{'unique' if unique else 'index'} {table}({', '.join(columns)})"] = True


def comparable(found: Schema) -> Schema:
    """Without what only one of them needs: SQLite has no index for an integer primary key."""
    integer_keys = ("audit", "order_change", "outbox", "tortoise_migrations")
    only_one = {"unique audit_link(sequence)", *(f"unique {table}(id)" for table in integer_keys)}
    return {
        what: value
        for what, value in found.items()
        if what not in only_one and "tortoise_migrations" not in what
    }


@pytest.mark.usefixtures("each_postgres")
async def test_both_databases_get_the_same_tables_constraints_and_indexes(
    migrated_sqlite: Path, postgres_url: str, migrated_postgres: str
) -> None:
    async with fresh_database(postgres_url, copy_of=migrated_postgres) as copy:
        found = []
        for url in (f"sqlite://{migrated_sqlite}", copy):
            async with opened(url) as database:
                found.append(comparable(await schema(database)))
    ours, theirs = found
    assert ours == theirs
    assert "check order_filled_is_full" in ours
    assert "unique margin_case(account_id, alert_type)" in ours
    assert "unique execution(venue, execution_id)" in ours


async def test_migrating_again_does_nothing(empty: Database) -> None:
    steps: list[str] = []
    await empty.migrate(lambda event, app, name: steps.append(name))
    assert steps
    before = await schema(empty)
    steps.clear()
    await empty.migrate(lambda event, app, name: steps.append(name))
    assert steps == []
    assert await schema(empty) == before
    assert await empty.pending_migrations() == []


async def test_a_database_is_migrated_when_it_has_the_migrations_of_this_version_and_no_other(
    empty: Database,
) -> None:
    with empty.active():
        assert not await is_migrated()
        await empty.migrate()
        assert await is_migrated()
        async with transaction():
            await execute("DELETE FROM tortoise_migrations WHERE name = '0001_initial'")
            assert not await is_migrated()
            await execute(NOTED, "0001_initial")
            assert await is_migrated()
            await execute(NOTED, "9999_of_a_newer_version")
            assert not await is_migrated()


@pytest.mark.faults
@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
async def test_down_and_up_again_gives_the_same_tables(database: Database) -> None:
    """On PostgreSQL the walk with rows goes down, too."""
    before = await schema(database)
    with database.active():
        await bring_to(NO_TABLES)
    assert {name.split(".")[0] for name in await schema(database) if "." in name} == {"tortoise_migrations"}
    await database.migrate()
    assert await schema(database) == before


@pytest.mark.usefixtures("each_postgres")
async def test_many_processes_migrate_at_once(postgres_url: str) -> None:
    """The first does it, the others wait; connections of their own make them strangers."""
    async with fresh_database(postgres_url) as url:
        databases = [Database(url, pool_size=1, limits=SessionLimits(lock_timeout_s=0.01)) for _ in range(4)]
        for database in databases:
            await database.open()
        steps: list[str] = []
        await asyncio.gather(
            *(each.migrate(lambda event, app, name: steps.append(f"{event} {name}")) for each in databases)
        )
        assert len(steps) == len(set(steps)), "each step was done once"
        assert await databases[0].pending_migrations() == []
        for database in databases:
            await database.close()


@pytest.mark.faults
@pytest.mark.usefixtures("each_postgres")
async def test_a_migration_cut_off_anywhere_is_undone_and_can_be_done_again(postgres_url: str) -> None:
    async with fresh_database(postgres_url) as url:
        database = Database(url, pool_size=2)
        await database.open()
        steps = await steps_of(database.migrate())
        whole = await schema(database)
        for at in range(2, steps, steps // 4):
            with database.active():
                await execute_ddl("DROP SCHEMA public CASCADE")
                await execute_ddl("CREATE SCHEMA public")
            await cut_off(database.migrate(), at, late=bool(at % 2))
            assert await schema(database) in ({}, whole), f"cut at {at} of {steps}"
        await database.migrate()
        assert await schema(database) == whole
        await database.close()


async def execute_ddl(statement: str) -> None:
    await get_connection("default").execute_script(statement)


def test_the_tables_have_no_change_without_a_migration(tmp_path: Path) -> None:
    """`makemigrations` writes files, so it gets a copy."""
    for name in ("models", "domain"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    command = [sys.executable, "-m", "tortoise", "makemigrations"]
    made = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=PATIENCE_S
    )
    assert made.returncode == 0, made.stderr
    migrations = sorted(path.name for path in (tmp_path / "models" / "migrations").glob("0*.py"))
    assert migrations == sorted(path.name for path in (ROOT / "models" / "migrations").glob("0*.py"))
