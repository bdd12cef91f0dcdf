"""Since when an instrument is suspended, which is not when its status was last stated."""

from tortoise import fields
from tortoise.migrations import operations as ops

from models.sql.migration import AddingMigration


class Migration(AddingMigration):
    dependencies = [("models", "0023_search_forms")]

    initial = False

    operations = [
        ops.AddField(
            model_name="InstrumentTable",
            name="suspended_since",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        # The time of the last statement is the best that is known of the suspensions that were stated before.
        ops.RunSQL(
            "UPDATE instrument SET suspended_since = trade_status_at WHERE trade_status = 'SUSPENDED'",
            reverse_sql="SELECT 1",
        ),
    ]
