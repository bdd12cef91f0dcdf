"""One live case per account and alert type: a partial unique index, which Tortoise has on PostgreSQL only."""

from tortoise.migrations import operations as ops

from models.sql.migration import AddingMigration


class Migration(AddingMigration):
    dependencies = [("models", "0003_indexes")]
    operations = [
        ops.RunSQL(
            "CREATE UNIQUE INDEX one_live_case ON margin_case (account_id, alert_type) "
            "WHERE status IN ('OPEN', 'LIQUIDATING', 'EXCEPTION')",
            reverse_sql="DROP INDEX one_live_case",
        )
    ]
