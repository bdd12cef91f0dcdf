"""Snapshots, the audit's chain with before and after, and what the market said when an order was sent.

Audit, links and snapshots are append-only to the database too: triggers refuse to change or delete a row.
"""

from typing import Any

from tortoise import fields
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint

from models.sql.migration import AddingMigration

APPEND_ONLY = ("audit", "audit_link", "snapshot")


async def forbid_changes(_apps: object, editor: Any) -> None:
    if editor.client.capabilities.dialect == "sqlite":
        statements = [
            # Adding the CHECK has rebuilt the table without it.
            "CREATE UNIQUE INDEX snapshot_once ON snapshot (case_id, kind, occasion)",
        ]
        statements += [
            f"CREATE TRIGGER {table}_keeps_{change.lower()} BEFORE {change} ON {table}"
            f" BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            for table in APPEND_ONLY
            for change in ("UPDATE", "DELETE")
        ]
    else:
        statements = [
            "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$",
            *(
                f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
                " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
                for table in APPEND_ONLY
            ),
        ]
    for statement in statements:
        await editor.client.execute_script(statement)


async def nothing(_apps: object, _editor: Any) -> None:
    pass


async def restore_index(_apps: object, editor: Any) -> None:
    """On the way back SQLite rebuilds the audit to drop its new columns, and with that forgets the index."""
    if editor.client.capabilities.dialect == "sqlite":
        await editor.client.execute_script("CREATE INDEX audit_entity ON audit (entity, entity_id)")


async def allow_changes(_apps: object, editor: Any) -> None:
    if editor.client.capabilities.dialect == "sqlite":
        statements = [
            f"DROP TRIGGER {table}_keeps_{change}" for table in APPEND_ONLY for change in ("update", "delete")
        ]
    else:
        statements = [f"DROP TRIGGER {table}_append_only ON {table}" for table in APPEND_ONLY]
        statements.append("DROP FUNCTION refuse_change()")
    for statement in statements:
        await editor.client.execute_script(statement)


class Migration(AddingMigration):
    dependencies = [("models", "0009_messages_and_webhooks")]

    initial = False

    operations = [
        ops.RunPython(nothing, restore_index),
        ops.CreateModel(
            name="AuditHeadTable",
            fields=[
                ("name", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=20)),
                ("sequence", fields.BigIntField()),
                ("hash", fields.CharField(max_length=64)),
            ],
            options={
                "table": "audit_head",
                "app": "models",
                "pk_attr": "name",
                "table_description": "The head of the chain, with which its end is compared.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="AuditLinkTable",
            fields=[
                (
                    "sequence",
                    fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True),
                ),
                ("audit_id", fields.BigIntField(unique=True)),
                ("previous_hash", fields.CharField(max_length=64)),
                ("hash", fields.CharField(max_length=64)),
            ],
            options={
                "table": "audit_link",
                "app": "models",
                "pk_attr": "sequence",
                "table_description": "Append-only: the place of each audit row in the hash chain, assigned after its transaction.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="OrderMarkTable",
            fields=[
                ("order_id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=32)),
                ("at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("mark", fields.DecimalField(null=True, max_digits=30, decimal_places=10)),
            ],
            options={
                "table": "order_mark",
                "app": "models",
                "pk_attr": "order_id",
                "table_description": "The mark of the instrument when an order was last sent.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="SnapshotTable",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=32)),
                (
                    "case",
                    fields.ForeignKeyField(
                        "models.CaseTable",
                        source_field="case_id",
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("kind", fields.CharField(max_length=10)),
                ("occasion", fields.CharField(max_length=80)),
                ("at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("content", fields.TextField(unique=False)),
                ("hash", fields.CharField(max_length=64)),
            ],
            options={
                "table": "snapshot",
                "app": "models",
                "unique_together": (("case", "kind", "occasion"),),
                "pk_attr": "id",
                "table_description": "Append-only: the data of a case at a moment.",
            },
            bases=["Model"],
        ),
        ops.AddField(
            model_name="AuditTable",
            name="after_state",
            field=fields.TextField(null=True, unique=False),
        ),
        ops.AddField(
            model_name="AuditTable",
            name="before_state",
            field=fields.TextField(null=True, unique=False),
        ),
        ops.AddField(
            model_name="AuditTable",
            name="request_id",
            field=fields.CharField(null=True, max_length=64),
        ),
        ops.AddConstraint(
            model_name="SnapshotTable",
            constraint=CheckConstraint(
                check="kind IN ('TRIGGER', 'FORCE', 'NOTICE', 'DAILY', 'END')", name="snapshot_kind_known"
            ),
        ),
        ops.AddIndex(
            model_name="SnapshotTable", index=Index(fields=["case_id", "at", "id"], name="snapshot_case")
        ),
        ops.RunPython(forbid_changes, allow_changes),
    ]
