"""Requests that take a second person; of one kind only one is pending about the same thing."""

from tortoise import fields
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint

from models.sql.migration import AddingMigration


class Migration(AddingMigration):
    dependencies = [("models", "0007_average_daily_volume")]

    initial = False

    operations = [
        ops.CreateModel(
            name="ApprovalTable",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=32)),
                ("kind", fields.CharField(max_length=20)),
                ("entity", fields.CharField(max_length=20)),
                ("entity_id", fields.CharField(max_length=80)),
                (
                    "account",
                    fields.ForeignKeyField(
                        "models.AccountTable",
                        source_field="account_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("approver", fields.CharField(max_length=200)),
                ("maker", fields.CharField(max_length=200)),
                ("reason", fields.TextField(null=True, unique=False)),
                ("before_text", fields.TextField(unique=False)),
                ("after_text", fields.TextField(unique=False)),
                ("command", fields.TextField(unique=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("expires_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("status", fields.CharField(max_length=10)),
                ("decided_by", fields.CharField(null=True, max_length=200)),
                ("decided_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("decision_reason", fields.TextField(null=True, unique=False)),
                ("difference", fields.TextField(null=True, unique=False)),
            ],
            options={
                "table": "approval",
                "app": "models",
                "pk_attr": "id",
                "table_description": "Requests for a second person. One pending request per kind and object: a partial unique index.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="ApprovalTable",
            constraint=CheckConstraint(
                check="status IN ('PENDING', 'APPROVED', 'DECLINED', 'WITHDRAWN', 'EXPIRED')",
                name="approval_status_known",
            ),
        ),
        ops.AddConstraint(
            model_name="ApprovalTable",
            constraint=CheckConstraint(
                check="(status = 'PENDING') = (decided_at IS NULL)", name="approval_decided_once"
            ),
        ),
        ops.AddConstraint(
            model_name="ApprovalTable",
            constraint=CheckConstraint(
                check="status NOT IN ('APPROVED', 'DECLINED') OR (decided_by IS NOT NULL AND decided_by <> maker)",
                name="approval_by_another",
            ),
        ),
        # Behind the constraints, for which SQLite makes the table anew, without its indexes.
        ops.AddIndex(
            model_name="ApprovalTable",
            index=Index(fields=["created_at", "id"], name="approval_list"),
        ),
        ops.AddIndex(
            model_name="ApprovalTable",
            index=Index(fields=["status", "expires_at"], name="approval_expiry"),
        ),
        ops.RunSQL(
            "CREATE UNIQUE INDEX one_pending_approval ON approval (kind, entity, entity_id) "
            "WHERE status = 'PENDING'",
            reverse_sql="DROP INDEX one_pending_approval",
        ),
    ]
