"""Indexes for lists: of live cases, newest first and by deadline, and of the orders of one instrument.

Those of cases are partial, since ended cases grow without limit. Without them PostgreSQL reads and joins all
live cases to sort them.
"""

from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from models.sql.migration import AddingMigration

_LIVE = "WHERE status IN ('OPEN', 'LIQUIDATING', 'EXCEPTION')"


class Migration(AddingMigration):
    dependencies = [("models", "0031_follow_up_codes")]

    initial = False

    operations = [
        ops.RunSQL(
            f"CREATE INDEX live_case_opened ON margin_case (opened_at, id) {_LIVE}",
            reverse_sql="DROP INDEX live_case_opened",
        ),
        ops.RunSQL(
            f"CREATE INDEX live_case_deadline ON margin_case (deadline, id) {_LIVE}",
            reverse_sql="DROP INDEX live_case_deadline",
        ),
        ops.AddIndex(
            model_name="OrderTable", index=Index(fields=["symbol", "created_at", "id"], name="order_symbol")
        ),
    ]
