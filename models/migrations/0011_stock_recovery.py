"""Terms of options, recalls of stock and what accounts have to bring back; since when an account is short."""

from tortoise import fields
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint

from models.sql.migration import AddingMigration


class Migration(AddingMigration):
    dependencies = [("models", "0010_evidence")]

    initial = False

    operations = [
        ops.CreateModel(
            name="StockRecallTable",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=32)),
                (
                    "instrument",
                    fields.ForeignKeyField(
                        "models.InstrumentTable",
                        source_field="instrument_id",
                        db_constraint=True,
                        to_field="symbol",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("quantity", fields.DecimalField(max_digits=30, decimal_places=10)),
                ("allocated", fields.DecimalField(max_digits=30, decimal_places=10)),
                ("rule", fields.CharField(max_length=15)),
                ("cause", fields.CharField(max_length=10)),
                ("due_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("reason", fields.TextField(unique=False)),
                ("recalled_by", fields.CharField(max_length=200)),
                ("recalled_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "stock_recall",
                "app": "models",
                "pk_attr": "id",
                "table_description": "A lender's recall, and its allocation.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="StockRecoveryTable",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=32)),
                (
                    "account",
                    fields.ForeignKeyField(
                        "models.AccountTable",
                        source_field="account_id",
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "case",
                    fields.ForeignKeyField(
                        "models.CaseTable",
                        source_field="case_id",
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "instrument",
                    fields.ForeignKeyField(
                        "models.InstrumentTable",
                        source_field="instrument_id",
                        db_constraint=True,
                        to_field="symbol",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "recall",
                    fields.ForeignKeyField(
                        "models.StockRecallTable",
                        source_field="recall_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("alert_type", fields.CharField(max_length=30)),
                ("quantity", fields.DecimalField(max_digits=30, decimal_places=10)),
                ("outstanding", fields.DecimalField(max_digits=30, decimal_places=10)),
                ("short_may_stay", fields.DecimalField(max_digits=30, decimal_places=10)),
                ("due_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("opened_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("closed_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "stock_recovery",
                "app": "models",
                "pk_attr": "id",
                "table_description": "One stock that one account has to bring back, under the case that demands it.",
            },
            bases=["Model"],
        ),
        ops.AlterModelOptions(
            name="InstrumentTable",
            options={
                "table": "instrument",
                "app": "models",
                "constraints": [
                    CheckConstraint(
                        check="CAST(lot_size AS NUMERIC) > 0 AND CAST(multiplier AS NUMERIC) > 0",
                        name="instrument_sizes_positive",
                    )
                ],
                "pk_attr": "symbol",
                "table_description": "The terms of an option, with the expiry as an ISO date, are either all set or all null.",
            },
        ),
        ops.AddField(
            model_name="InstrumentTable",
            name="expiry",
            field=fields.CharField(null=True, max_length=10),
        ),
        ops.AddField(
            model_name="InstrumentTable",
            name="option_right",
            field=fields.CharField(null=True, max_length=4),
        ),
        ops.AddField(
            model_name="InstrumentTable",
            name="strike",
            field=fields.DecimalField(null=True, max_digits=30, decimal_places=10),
        ),
        ops.AddField(
            model_name="InstrumentTable",
            name="underlying",
            field=fields.CharField(null=True, max_length=40),
        ),
        # Backwards, SQLite remakes the table without its index.
        ops.RunSQL(
            "SELECT 1", reverse_sql="CREATE INDEX IF NOT EXISTS position_symbol ON position (instrument_id)"
        ),
        ops.AddField(
            model_name="PositionTable",
            name="short_since",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddConstraint(
            model_name="StockRecallTable",
            constraint=CheckConstraint(
                check="CAST(allocated AS NUMERIC) > 0 AND CAST(allocated AS NUMERIC) <= CAST(quantity AS NUMERIC)",
                name="recall_allocated_within",
            ),
        ),
        ops.AddConstraint(
            model_name="StockRecallTable",
            constraint=CheckConstraint(
                check="rule IN ('PRO_RATA', 'FIFO', 'LARGEST_FIRST')", name="recall_rule_known"
            ),
        ),
        ops.AddConstraint(
            model_name="StockRecallTable",
            constraint=CheckConstraint(
                check="cause IN ('RECALLED', 'UNBORROWED')", name="recall_cause_known"
            ),
        ),
        ops.AddConstraint(
            model_name="StockRecoveryTable",
            constraint=CheckConstraint(
                check="CAST(quantity AS NUMERIC) > 0 AND CAST(outstanding AS NUMERIC) >= 0 AND CAST(short_may_stay AS NUMERIC) >= 0",
                name="recovery_quantities",
            ),
        ),
        ops.AddConstraint(
            model_name="StockRecoveryTable",
            constraint=CheckConstraint(
                check="closed_at IS NULL OR CAST(outstanding AS NUMERIC) = 0",
                name="recovery_closed_is_recovered",
            ),
        ),
        ops.AddConstraint(
            model_name="StockRecoveryTable",
            constraint=CheckConstraint(
                check="(alert_type = 'SHORT_RECALL') = (recall_id IS NOT NULL) AND alert_type IN ('COVERED_CALL_SHORTFALL', 'SHORT_RECALL')",
                name="recovery_of_a_recall",
            ),
        ),
        ops.AddIndex(
            model_name="StockRecoveryTable",
            index=Index(fields=["alert_type", "opened_at", "id"], name="recovery_list"),
        ),
        ops.AddIndex(
            model_name="StockRecoveryTable", index=Index(fields=["account_id"], name="recovery_account")
        ),
        ops.AddIndex(model_name="StockRecoveryTable", index=Index(fields=["case_id"], name="recovery_case")),
        ops.AddIndex(
            model_name="StockRecoveryTable", index=Index(fields=["instrument_id"], name="recovery_symbol")
        ),
    ]
