"""Why the desk cannot judge an account."""

from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint

from models.sql.migration import AddingMigration


class Migration(AddingMigration):
    dependencies = [("models", "0018_tick_size")]

    initial = False

    operations = [
        ops.CreateModel(
            name="AccountDoubtTable",
            fields=[
                ("key", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=120)),
                ("account_id", fields.CharField(max_length=32)),
                ("reason", fields.CharField(max_length=20)),
                ("subject", fields.CharField(max_length=40)),
                ("detail", fields.TextField(unique=False)),
                ("since", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("last_seen_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("attempts", fields.IntField()),
            ],
            options={
                "table": "account_doubt",
                "app": "models",
                "unique_together": (("account_id", "reason", "subject"),),
                "constraints": [
                    CheckConstraint(
                        check="reason IN ('NO_PRICE', 'NO_FX_RATE', 'INCOMPLETE', 'UNKNOWN_CALENDAR', 'FAULT', 'LOCKED', 'TOO_LARGE')",
                        name="account_doubt_reason_known",
                    )
                ],
                "indexes": [Index(fields=["since", "account_id"], name="account_doubt_list")],
                "pk_attr": "key",
                "table_description": "One row for each account, reason and subject, deleted when the reason is gone.",
            },
            bases=["Model"],
        ),
    ]
