"""What the risk back office sets, version by version, and the exemption that ended a case."""

from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint

from models.sql.migration import AddingMigration

_INDEXES_OF_CASES = (
    "CREATE INDEX IF NOT EXISTS case_list ON margin_case (status, opened_at, id)",
    "CREATE INDEX IF NOT EXISTS case_account ON margin_case (account_id)",
    "CREATE UNIQUE INDEX IF NOT EXISTS one_live_case ON margin_case (account_id, alert_type)"
    " WHERE status IN ('OPEN', 'LIQUIDATING', 'EXCEPTION')",
)
"""On the way down SQLite makes the table anew without the column, and without its indexes."""


class Migration(AddingMigration):
    dependencies = [("models", "0005_revocation")]

    initial = False

    operations = [
        ops.CreateModel(
            name="RiskSettingTable",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=32)),
                ("number", fields.BigIntField(unique=True)),
                ("kind", fields.CharField(max_length=24)),
                ("subject", fields.CharField(max_length=80)),
                ("value", fields.TextField(unique=False)),
                ("value_before", fields.TextField(null=True, unique=False)),
                ("effective_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("requested_by", fields.CharField(max_length=200)),
                ("requested_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("approved_by", fields.CharField(max_length=200)),
                ("approved_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("reason", fields.TextField(unique=False)),
                ("account_id", fields.CharField(null=True, max_length=32)),
                ("client_id", fields.CharField(null=True, max_length=32)),
            ],
            options={
                "table": "risk_setting",
                "app": "models",
                "pk_attr": "id",
                "table_description": "Append-only: every approved version of every risk setting.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="RiskSettingTable",
            constraint=CheckConstraint(check="requested_by <> approved_by", name="risk_setting_by_two"),
        ),
        ops.AddConstraint(
            model_name="RiskSettingTable",
            constraint=CheckConstraint(
                check="effective_at >= approved_at", name="risk_setting_never_backdated"
            ),
        ),
        ops.AddIndex(
            model_name="RiskSettingTable",
            index=Index(fields=["kind", "subject", "effective_at", "number"], name="risk_setting_in_force"),
        ),
        ops.AddIndex(
            model_name="RiskSettingTable",
            index=Index(fields=["effective_at"], name="risk_setting_effective"),
        ),
        *(ops.RunSQL("SELECT 1", reverse_sql=index) for index in _INDEXES_OF_CASES),
        ops.AddField(
            model_name="CaseTable",
            name="exempted_by",
            field=fields.CharField(null=True, max_length=32),
        ),
    ]
