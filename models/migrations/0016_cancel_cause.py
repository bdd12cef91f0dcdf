"""Why the cancel of an order was asked for."""

from tortoise import fields
from tortoise.migrations import operations as ops

from models.sql.migration import AddingMigration

_INDEXES = {
    "order_list": "created_at, id",
    "order_case": "case_id, created_at",
    "order_account": "account_id, status",
    "order_status": "status",
}


class Migration(AddingMigration):
    dependencies = [("models", "0015_risk_settings_append_only")]

    initial = False

    operations = [
        *(
            # Backwards, SQLite remakes the table without its indexes.
            ops.RunSQL(
                "SELECT 1",
                reverse_sql=f"CREATE INDEX IF NOT EXISTS {index} ON liquidation_order ({columns})",
            )
            for index, columns in _INDEXES.items()
        ),
        ops.AddField(
            model_name="OrderTable",
            name="cancel_cause",
            field=fields.CharField(null=True, max_length=10),
        ),
        # Nobody kept why: as if somebody had decided it, which ends automatic slices.
        ops.RunSQL(
            "UPDATE liquidation_order SET cancel_cause = 'DECIDED' WHERE cancel_requested OR EXISTS (SELECT 1"
            " FROM order_change c WHERE c.order_id = liquidation_order.id AND c.status = 'PENDING_CANCEL')",
            reverse_sql="SELECT 1",
        ),
    ]
