"""How much of an instrument trades on an average day; null where nobody told."""

from tortoise import fields
from tortoise.migrations import operations as ops

from models.sql.migration import AddingMigration


class Migration(AddingMigration):
    dependencies = [("models", "0006_risk_settings")]

    initial = False

    operations = [
        ops.AddField(
            model_name="InstrumentTable",
            name="average_daily_volume",
            field=fields.DecimalField(null=True, max_digits=30, decimal_places=10),
        ),
    ]
