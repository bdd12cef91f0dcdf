"""Versions of risk settings are append-only to the database too: triggers refuse to change or delete one."""

from typing import Any

from tortoise.migrations import operations as ops

from models.sql.migration import AddingMigration

CHANGES = ("UPDATE", "DELETE")


async def forbid_changes(_apps: object, editor: Any) -> None:
    if editor.client.capabilities.dialect == "sqlite":
        statements = [
            f"CREATE TRIGGER risk_setting_keeps_{change.lower()} BEFORE {change} ON risk_setting"
            " BEGIN SELECT RAISE(ABORT, 'risk_setting is append-only'); END"
            for change in CHANGES
        ]
    else:
        statements = [
            "CREATE TRIGGER risk_setting_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON risk_setting"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        ]
    for statement in statements:
        await editor.client.execute_script(statement)


async def allow_changes(_apps: object, editor: Any) -> None:
    if editor.client.capabilities.dialect == "sqlite":
        statements = [f"DROP TRIGGER risk_setting_keeps_{change.lower()}" for change in CHANGES]
    else:
        statements = ["DROP TRIGGER risk_setting_append_only ON risk_setting"]
    for statement in statements:
        await editor.client.execute_script(statement)


class Migration(AddingMigration):
    dependencies = [("models", "0014_message_created")]

    initial = False

    operations = [ops.RunPython(forbid_changes, allow_changes)]
