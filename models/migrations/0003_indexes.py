"""Indexes, after the constraints, since SQLite rebuilds a table to add one."""

from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from models.sql.migration import AddingMigration


class Migration(AddingMigration):
    dependencies = [("models", "0002_checks")]

    initial = False

    operations = [
        ops.AddIndex(
            model_name="AuditTable",
            index=Index(fields=["entity", "entity_id"], name="audit_entity"),
        ),
        ops.AddIndex(
            model_name="CaseTable",
            index=Index(fields=["status", "opened_at", "id"], name="case_list"),
        ),
        ops.AddIndex(
            model_name="CaseTable",
            index=Index(fields=["account_id"], name="case_account"),
        ),
        ops.AddIndex(
            model_name="ExecutionTable",
            index=Index(fields=["order_id", "at"], name="execution_order"),
        ),
        ops.AddIndex(
            model_name="OrderChangeTable",
            index=Index(fields=["order_id", "id"], name="order_change_order"),
        ),
        ops.AddIndex(
            model_name="OrderTable",
            index=Index(fields=["created_at", "id"], name="order_list"),
        ),
        ops.AddIndex(
            model_name="OrderTable",
            index=Index(fields=["case_id", "created_at"], name="order_case"),
        ),
        ops.AddIndex(
            model_name="OrderTable",
            index=Index(fields=["account_id", "status"], name="order_account"),
        ),
        ops.AddIndex(
            model_name="OrderTable",
            index=Index(fields=["status"], name="order_status"),
        ),
        ops.AddIndex(
            model_name="OutboxTable",
            index=Index(fields=["at"], name="outbox_at"),
        ),
        ops.AddIndex(
            model_name="PositionTable",
            index=Index(fields=["instrument_id"], name="position_symbol"),
        ),
    ]
