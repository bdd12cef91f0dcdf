"""CHECK constraints, each repeating a rule of the domain."""

from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint

from models.sql.migration import AddingMigration


class Migration(AddingMigration):
    dependencies = [("models", "0001_initial")]

    initial = False

    operations = [
        ops.AddConstraint(
            model_name="AccountTable",
            constraint=CheckConstraint(
                check="type IN ('MARGIN', 'INTRADAY', 'CASH')", name="account_type_known"
            ),
        ),
        ops.AddConstraint(
            model_name="CaseTable",
            constraint=CheckConstraint(
                check="status IN ('OPEN', 'LIQUIDATING', 'EXCEPTION', 'RESOLVED', 'WRITTEN_OFF', 'VOID')",
                name="case_status_known",
            ),
        ),
        ops.AddConstraint(
            model_name="CaseTable",
            constraint=CheckConstraint(
                check="(status IN ('OPEN', 'LIQUIDATING', 'EXCEPTION')) = (closed_at IS NULL) AND (status IN ('OPEN', 'LIQUIDATING', 'EXCEPTION')) = (close_reason IS NULL)",
                name="case_closed_iff_terminal",
            ),
        ),
        ops.AddConstraint(
            model_name="FxRateTable",
            constraint=CheckConstraint(check="CAST(rate AS NUMERIC) > 0", name="fx_rate_positive"),
        ),
        ops.AddConstraint(
            model_name="InstrumentTable",
            constraint=CheckConstraint(
                check="CAST(lot_size AS NUMERIC) > 0 AND CAST(multiplier AS NUMERIC) > 0",
                name="instrument_sizes_positive",
            ),
        ),
        ops.AddConstraint(
            model_name="OrderTable",
            constraint=CheckConstraint(check="CAST(quantity AS NUMERIC) > 0", name="order_quantity_positive"),
        ),
        ops.AddConstraint(
            model_name="OrderTable",
            constraint=CheckConstraint(
                check="CAST(filled_quantity AS NUMERIC) >= 0", name="order_filled_not_negative"
            ),
        ),
        ops.AddConstraint(
            model_name="OrderTable",
            constraint=CheckConstraint(check="side IN ('BUY', 'SELL')", name="order_side_known"),
        ),
        ops.AddConstraint(
            model_name="OrderTable",
            constraint=CheckConstraint(
                check="(type = 'LIMIT') = (limit_price IS NOT NULL)", name="order_limit_has_price"
            ),
        ),
        ops.AddConstraint(
            model_name="OrderTable",
            constraint=CheckConstraint(
                check="status IN ('PENDING_APPROVAL', 'QUEUED', 'PENDING_NEW', 'NEW', 'PARTIALLY_FILLED', 'PENDING_CANCEL', 'FILLED', 'CANCELED', 'REJECTED', 'EXPIRED', 'UNKNOWN')",
                name="order_status_known",
            ),
        ),
        ops.AddConstraint(
            model_name="OrderTable",
            constraint=CheckConstraint(
                check="status <> 'FILLED' OR CAST(filled_quantity AS NUMERIC) >= CAST(quantity AS NUMERIC)",
                name="order_filled_is_full",
            ),
        ),
    ]
