"""The term of a lease, counted."""

from tortoise import fields
from tortoise.migrations import operations as ops

from models.sql.migration import AddingMigration


class Migration(AddingMigration):
    dependencies = [("models", "0019_account_doubt")]

    initial = False

    operations = [
        ops.AddField(
            model_name="LeaseTable",
            name="fence",
            field=fields.BigIntField(db_default=0),
        ),
    ]
