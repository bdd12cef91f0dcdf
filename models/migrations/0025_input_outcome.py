"""The last message of each kind and subject that was not used, and why."""

from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint

from models.sql.migration import AddingMigration


class Migration(AddingMigration):
    dependencies = [("models", "0024_suspended_since")]

    initial = False

    operations = [
        ops.CreateModel(
            name="InputOutcomeTable",
            fields=[
                ("key", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=120)),
                ("kind", fields.CharField(max_length=12)),
                ("owner", fields.CharField(max_length=40)),
                ("about", fields.CharField(max_length=40)),
                ("result", fields.CharField(max_length=10)),
                ("reason", fields.TextField(unique=False)),
                ("stated_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("decided_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "input_outcome",
                "app": "models",
                "constraints": [
                    CheckConstraint(
                        check="result IN ('SUPERSEDED', 'HELD', 'DEAD')", name="input_outcome_result_known"
                    )
                ],
                "indexes": [
                    Index(fields=["owner"], name="input_outcome_owner"),
                    Index(fields=["about"], name="input_outcome_about"),
                    Index(fields=["decided_at"], name="input_outcome_age"),
                ],
                "pk_attr": "key",
                "table_description": "The last message of each kind, subject and outcome, which are the key.",
            },
            bases=["Model"],
        ),
    ]
