"""On PostgreSQL case numbers come from a sequence: a transaction that stands still holds up no other's cases.

SQLite has no sequences and needs none, for its transactions exclude each other: there they stay in `counter`.
"""

from typing import Any

from tortoise.migrations import operations as ops

from models.sql.migration import AddingMigration


async def begin_sequence(_apps: object, editor: Any) -> None:
    if editor.client.capabilities.dialect == "sqlite":
        return
    # The next number is the one behind the last that was given.
    await editor.client.execute_script(
        "CREATE SEQUENCE case_number;"
        " SELECT setval('case_number', 1 + COALESCE((SELECT value FROM counter WHERE name = 'case'), 0), false)"
    )


async def end_sequence(_apps: object, editor: Any) -> None:
    if editor.client.capabilities.dialect == "sqlite":
        return
    await editor.client.execute_script(
        "INSERT INTO counter (name, value)"
        " SELECT 'case', CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM case_number"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value;"
        " DROP SEQUENCE case_number"
    )


class Migration(AddingMigration):
    dependencies = [("models", "0028_case_worth")]

    initial = False

    operations = [ops.RunPython(begin_sequence, end_sequence)]
