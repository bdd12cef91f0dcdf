"""The subjects whose tokens are refused."""

from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from models.sql.migration import AddingMigration


class Migration(AddingMigration):
    dependencies = [("models", "0004_one_live_case")]

    initial = False

    operations = [
        ops.CreateModel(
            name="RevocationTable",
            fields=[
                ("subject", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=200)),
                ("at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "revocation",
                "app": "models",
                "indexes": [Index(fields=["at"], name="revocation_at")],
                "pk_attr": "subject",
                "table_description": "Subjects whose tokens, issued until a time, are refused.",
            },
            bases=["Model"],
        ),
    ]
