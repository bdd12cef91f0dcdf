"""How much of an instrument trades on an average day; null where nobody told."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("models", "0006_risk_settings")]

    initial = False

    operations = [
        ops.AddField(
            model_name="InstrumentTable",
            name="average_daily_volume",
            field=fields.DecimalField(null=True, max_digits=30, decimal_places=10),
        ),
    ]
