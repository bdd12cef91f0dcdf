"""A row for every table that is there, made from what the database says of its tables and from nothing else.

Values are tried until the checks of the table hold: texts that a check names, small numbers, or nothing. The
tries are the same every time. An older state of the tables gets the same rows without the columns that it
lacks: rows that the desk could have written, though the checks of that state ask for less.
"""

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count

from asyncpg.exceptions import PostgresError
from tortoise.exceptions import BaseORMException

from models.sql.database import execute, fetch, insert_sql, is_sqlite, transaction

TRIES_MAX = 3_000
NOON = datetime(2026, 3, 16, 12, tzinfo=UTC)
NOT_OURS = "tortoise_migrations"
_number = count(1)


@dataclass(frozen=True, slots=True)
class Column:
    """`refers_to`: the table whose key it holds. `length`: of texts, the most characters."""

    name: str
    kind: str
    optional: bool
    length: int
    refers_to: str | None


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    columns: tuple[Column, ...]
    checks: str


Row = dict[str, object]


async def add_a_row_to_every_table() -> dict[str, Row]:
    """Parents before children; the rows by the name of their table."""
    rows: dict[str, Row] = {}
    for table in in_order_of_reference(await tables_that_are_there()):
        rows[table.name] = await _add_row(table, rows)
    return rows


async def add(rows: dict[str, Row]) -> list[str]:
    """These rows, as far as the tables and columns are there; the names of the tables."""
    tables = in_order_of_reference(await tables_that_are_there())
    for table in tables:
        names = [column.name for column in table.columns]
        values = [rows[table.name][name] for name in names]
        await execute(insert_sql(table.name, [f'"{name}"' for name in names]), *values)
    return [table.name for table in tables]


async def _add_row(table: Table, rows: dict[str, Row]) -> Row:
    chance = random.Random(table.name)
    fault: Exception | None = None
    for _ in range(TRIES_MAX):
        values = {column.name: _value(column, table, rows, chance) for column in table.columns}
        try:
            async with transaction():
                await execute(insert_sql(table.name, [f'"{name}"' for name in values]), *values.values())
        except (BaseORMException, PostgresError) as refused:
            fault = refused
            continue
        return values
    raise AssertionError(f"no row was found that {table.name} takes: {fault}")


def _value(column: Column, table: Table, rows: dict[str, Row], chance: random.Random) -> object:
    if column.refers_to is not None:
        parent = next(iter(rows[column.refers_to].values())) if column.refers_to in rows else None
        return None if column.optional and (parent is None or chance.random() < 0.3) else parent
    if column.optional and chance.random() < 0.3:
        return None
    return chance.choice(_candidates(column, table))


def _candidates(column: Column, table: Table) -> Sequence[object]:
    match column.kind:
        case "text":
            return _named_in_checks(column, table) or [f"t{next(_number)}"[: column.length]]
        case "time":
            return [NOON]
        case "flag":
            return [False, True]
        case "decimal":
            return [Decimal(1), Decimal(0)]
        case "number":
            return [next(_number), 0, 1]
    raise AssertionError(f"{table.name}.{column.name} is {column.kind}")


def _named_in_checks(column: Column, table: Table) -> list[str]:
    """The texts of every check that names the column."""
    found = [
        text
        for check in table.checks.split("\n")
        if re.search(rf"\b{column.name}\b", check)
        for text in re.findall(r"'(\w*)'", check)
    ]
    return [text for text in dict.fromkeys(found) if len(text) <= column.length]


def in_order_of_reference(tables: Iterable[Table]) -> list[Table]:
    """Each behind the tables that it refers to."""
    left, placed = {table.name: table for table in tables}, list[Table]()
    while left:
        free = [
            table
            for table in left.values()
            if not any(column.refers_to in left.keys() - {table.name} for column in table.columns)
        ]
        assert free, f"tables refer to each other in a circle: {sorted(left)}"
        for table in free:
            placed.append(left.pop(table.name))
    return placed


async def tables_that_are_there() -> list[Table]:
    found = await (_sqlite_tables() if is_sqlite() else _postgres_tables())
    return [table for table in found if table.name != NOT_OURS]


async def _sqlite_tables() -> list[Table]:
    tables = []
    for row in await fetch(
        "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
    ):
        references = {
            key["from"]: key["table"]
            for key in await fetch(f"SELECT * FROM pragma_foreign_key_list('{row['name']}')")
        }
        columns = [
            Column(
                column["name"],
                _kind(column["type"]),
                not column["notnull"] and not column["pk"],
                _length(column["type"]),
                references.get(column["name"]),
            )
            for column in await fetch(f"SELECT * FROM pragma_table_info('{row['name']}')")
        ]
        checks = "\n".join(re.findall(r"CHECK \((.*?)\)(?=,? *(?:CONSTRAINT|\)|$|,))", row["sql"], re.DOTALL))
        tables.append(Table(row["name"], tuple(columns), checks))
    return tables


async def _postgres_tables() -> list[Table]:
    rows = await fetch(
        "SELECT c.relname AS name, a.attname AS attribute, format_type(a.atttypid, a.atttypmod) AS kind,"
        " NOT a.attnotnull AS optional, (SELECT f.confrelid::regclass::text FROM pg_constraint f"
        " WHERE f.contype = 'f' AND f.conrelid = c.oid AND f.conkey[1] = a.attnum) AS refers_to,"
        " (SELECT string_agg(pg_get_constraintdef(k.oid), E'\\n') FROM pg_constraint k"
        " WHERE k.contype = 'c' AND k.conrelid = c.oid) AS checks"
        " FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
        " WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace ORDER BY c.relname, a.attnum"
    )
    columns: dict[str, list[Column]] = {}
    for row in rows:
        column = Column(
            row["attribute"],
            _kind(row["kind"]),
            row["optional"],
            _length(row["kind"]),
            row["refers_to"].strip('"') if row["refers_to"] else None,
        )
        columns.setdefault(row["name"], []).append(column)
    checks = {row["name"]: row["checks"] or "" for row in rows}
    return [Table(name, tuple(each), checks[name]) for name, each in columns.items()]


_KINDS = {
    "text": ("VARCHAR", "CHAR", "TEXT"),
    "time": ("TIMESTAMP",),
    "flag": ("BOOL",),
    "decimal": ("NUMERIC", "DECIMAL"),
    "number": ("INT", "BIGINT", "SMALLINT"),
}


def _kind(of_database: str) -> str:
    """SQLite keeps decimals in columns of text."""
    upper = of_database.upper()
    return next(kind for kind, names in _KINDS.items() if upper.startswith(names))


def _length(of_database: str) -> int:
    found = re.search(r"\((\d+)", of_database)
    return int(found[1]) if found else 1_000
