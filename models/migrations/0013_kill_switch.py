"""Kill switches; orders that override a cured case, and the venue's own word for their status."""

from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint

from models.sql.migration import AddingMigration

_ORDER_INDEXES = {
    "order_list": "created_at, id",
    "order_case": "case_id, created_at",
    "order_account": "account_id, status",
    "order_status": "status",
}


class Migration(AddingMigration):
    dependencies = [("models", "0012_case_work")]

    initial = False

    operations = [
        ops.CreateModel(
            name="KillSwitchTable",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=32)),
                ("scope", fields.CharField(max_length=10)),
                ("subject", fields.CharField(max_length=32)),
                ("set_by", fields.CharField(max_length=200)),
                ("reason", fields.TextField(unique=False)),
                ("since", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("ended_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("ended_by", fields.TextField(unique=False)),
            ],
            options={
                "table": "kill_switch",
                "app": "models",
                "pk_attr": "id",
                "table_description": "Periods in which a kill switch was on. At most one per scope is on: a partial unique index.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="KillSwitchTable",
            constraint=CheckConstraint(
                check="scope IN ('DESK', 'CLIENT', 'ACCOUNT')", name="kill_switch_scope_known"
            ),
        ),
        ops.AddConstraint(
            model_name="KillSwitchTable",
            constraint=CheckConstraint(
                check="(scope = 'DESK') = (subject = '')", name="kill_switch_has_subject"
            ),
        ),
        ops.AddIndex(
            model_name="KillSwitchTable",
            index=Index(fields=["since", "id"], name="kill_switch_list"),
        ),
        ops.AddIndex(
            model_name="KillSwitchTable",
            index=Index(fields=["subject", "ended_at"], name="kill_switch_subject"),
        ),
        ops.RunSQL(
            "CREATE UNIQUE INDEX one_kill_switch ON kill_switch (scope, subject) WHERE ended_at IS NULL",
            reverse_sql="DROP INDEX one_kill_switch",
        ),
        *(
            # Backwards, SQLite remakes the table without its indexes.
            ops.RunSQL(
                "SELECT 1",
                reverse_sql=f"CREATE INDEX IF NOT EXISTS {index} ON liquidation_order ({columns})",
            )
            for index, columns in _ORDER_INDEXES.items()
        ),
        ops.AddField(
            model_name="OrderTable",
            name="override",
            field=fields.BooleanField(db_default=False),
        ),
        ops.AddField(
            model_name="OrderTable",
            name="raw_status",
            field=fields.CharField(null=True, max_length=40),
        ),
    ]
