"""Names in NFC, what they are found by without width, case and composition, and subjects in their one form."""

from typing import Any

from tortoise import fields
from tortoise.migrations import operations as ops
from tortoise.migrations.schema_editor.base import BaseSchemaEditor

from domain.text import lenient_subject_form, readable, search_form
from models.sql.migration import AddingMigration, Widen

ROWS_AT_A_TIME = 500
_SUBJECTS = (
    ("approval", "maker", "status = 'PENDING'"),
    ("margin_case", "claimed_by", "claimed_by IS NOT NULL"),
    ("webhook", "owner", "owner IS NOT NULL"),
)
"""Columns that are compared with the subject of a token, and of which rows. What is over stays as it was written."""


async def _write_forms(apps: Any, editor: BaseSchemaEditor) -> None:
    await _write_search_texts(editor, "client", "id", "client_no")
    await _write_search_texts(editor, "instrument", "symbol", "symbol")
    for table, column, condition in _SUBJECTS:
        await _write_subjects(editor, table, column, condition)


async def _write_search_texts(editor: BaseSchemaEditor, table: str, key: str, number: str) -> None:
    last = ""
    page = f"SELECT * FROM {table} WHERE {key} > ? ORDER BY {key} LIMIT {ROWS_AT_A_TIME}"
    while rows := await editor.client.execute_query_dict(_sql(editor, page), [last]):
        last = rows[-1][key]
        for row in rows:
            name = _stored(row["name"])
            search_text = "\n".join((search_form(name), search_form(row[number])))
            change = f"UPDATE {table} SET name = ?, search_text = ? WHERE {key} = ?"
            await editor.client.execute_query(_sql(editor, change), [name, search_text, row[key]])


def _stored(name: str) -> str:
    """As an import stores it now; a name that it would refuse stays as it is."""
    try:
        return readable(name, 200)
    except ValueError:
        return name


async def _write_subjects(editor: BaseSchemaEditor, table: str, column: str, condition: str) -> None:
    found = f"SELECT DISTINCT {column} AS subject FROM {table} WHERE {condition}"
    for row in await editor.client.execute_query_dict(found):
        before = row["subject"]
        if (form := lenient_subject_form(before)) != before:
            change = f"UPDATE {table} SET {column} = ? WHERE {column} = ? AND {condition}"
            await editor.client.execute_query(_sql(editor, change), [form[:200], before])


def _sql(editor: BaseSchemaEditor, statement: str) -> str:
    """With the placeholders of the database."""
    if editor.DIALECT == "sqlite":
        return statement
    for number in range(1, statement.count("?") + 1):
        statement = statement.replace("?", f"${number}", 1)
    return statement


async def _keep(apps: Any, editor: BaseSchemaEditor) -> None:
    """The way back: what was written stays readable."""


class Migration(AddingMigration):
    dependencies = [("models", "0022_negative_prices")]

    initial = False

    operations = [
        Widen("ClientTable", "search_text", fields.CharField(max_length=4321), before=250),
        ops.AddField("InstrumentTable", "search_text", fields.CharField(max_length=4321, null=True)),
        ops.RunPython(_write_forms, _keep),
    ]
