"""Earlier secrets of a webhook that still sign beside the newest one."""

from tortoise import fields
from tortoise.migrations import operations as ops

from models.sql.migration import AddingMigration


class Migration(AddingMigration):
    dependencies = [("models", "0016_cancel_cause")]

    initial = False

    operations = [
        # Backwards, SQLite remakes the table without its index.
        ops.RunSQL("SELECT 1", reverse_sql="CREATE INDEX IF NOT EXISTS webhook_owner ON webhook (owner)"),
        ops.AddField(
            model_name="WebhookTable",
            name="retiring",
            field=fields.TextField(null=True, unique=False),
        ),
    ]
