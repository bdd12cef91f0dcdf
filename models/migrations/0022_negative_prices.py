"""Instruments whose prices may fall below zero."""

from tortoise import fields
from tortoise.migrations import operations as ops

from models.sql.migration import AddingMigration


class Migration(AddingMigration):
    dependencies = [("models", "0021_set_aside_report")]

    initial = False

    operations = [
        ops.AddField(
            model_name="InstrumentTable",
            name="negative_prices",
            field=fields.BooleanField(null=True),
        ),
    ]
