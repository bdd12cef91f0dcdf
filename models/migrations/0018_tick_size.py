"""The steps of an instrument's prices, where the instrument states them."""

from tortoise import fields
from tortoise.migrations import operations as ops

from models.sql.migration import AddingMigration


class Migration(AddingMigration):
    dependencies = [("models", "0017_webhook_secrets")]

    initial = False

    operations = [
        ops.AddField(
            model_name="InstrumentTable",
            name="tick",
            field=fields.CharField(null=True, max_length=300),
        ),
    ]
