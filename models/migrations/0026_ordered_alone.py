"""Whose one-person limit an order counts against, and who set an automatic liquidation."""

from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from models.sql.migration import AddingMigration

_INDEXES = {
    "order_list": "liquidation_order (created_at, id)",
    "order_case": "liquidation_order (case_id, created_at)",
    "order_account": "liquidation_order (account_id, status)",
    "order_status": "liquidation_order (status)",
    "case_list": "margin_case (status, opened_at, id)",
    "case_account": "margin_case (account_id)",
    "case_auto_liquidation": "margin_case (auto_liquidate_at)",
}


class Migration(AddingMigration):
    dependencies = [("models", "0025_input_outcome")]

    initial = False

    operations = [
        *(
            # Backwards, SQLite remakes the table without its indexes.
            ops.RunSQL("SELECT 1", reverse_sql=f"CREATE INDEX IF NOT EXISTS {index} ON {columns}")
            for index, columns in _INDEXES.items()
        ),
        ops.RunSQL(
            "SELECT 1",
            reverse_sql="CREATE UNIQUE INDEX IF NOT EXISTS one_live_case ON margin_case (account_id, alert_type)"
            " WHERE status IN ('OPEN', 'LIQUIDATING', 'EXCEPTION')",
        ),
        ops.AddField(
            model_name="OrderTable",
            name="ordered_alone_by",
            field=fields.CharField(null=True, max_length=200),
        ),
        ops.AddField(
            model_name="CaseTable",
            name="auto_liquidate_set_by",
            field=fields.CharField(null=True, max_length=200),
        ),
        ops.AddIndex(
            model_name="OrderTable",
            index=Index(fields=["ordered_alone_by", "created_at"], name="order_alone"),
        ),
    ]
