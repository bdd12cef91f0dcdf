"""Stock that was recalled, or that written calls need."""

from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint
from tortoise.models import Model

from models.tables.columns import decimal, id_, one_of, parent


class StockRecallTable(Model):
    """A lender's recall, and its allocation."""

    id = id_()
    instrument = parent("InstrumentTable")
    quantity = decimal()
    allocated = decimal()
    rule = fields.CharField(max_length=15)
    cause = fields.CharField(max_length=10)
    due_at = fields.DatetimeField()
    reason = fields.TextField()
    recalled_by = fields.CharField(max_length=200)
    recalled_at = fields.DatetimeField()

    class Meta:
        table = "stock_recall"
        constraints = (
            CheckConstraint(
                "CAST(allocated AS NUMERIC) > 0 AND CAST(allocated AS NUMERIC) <= CAST(quantity AS NUMERIC)",
                "recall_allocated_within",
            ),
            CheckConstraint(one_of("rule", "PRO_RATA", "FIFO", "LARGEST_FIRST"), "recall_rule_known"),
            CheckConstraint(one_of("cause", "RECALLED", "UNBORROWED"), "recall_cause_known"),
        )


class StockRecoveryTable(Model):
    """One stock that one account has to bring back, under the case that demands it."""

    id = id_()
    account = parent("AccountTable")
    case = parent("CaseTable")
    instrument = parent("InstrumentTable")
    recall = parent("StockRecallTable", null=True)
    alert_type = fields.CharField(max_length=30)
    quantity = decimal()
    outstanding = decimal()
    short_may_stay = decimal()
    due_at = fields.DatetimeField()
    opened_at = fields.DatetimeField()
    closed_at = fields.DatetimeField(null=True)

    class Meta:
        table = "stock_recovery"
        constraints = (
            CheckConstraint(
                "CAST(quantity AS NUMERIC) > 0 AND CAST(outstanding AS NUMERIC) >= 0"
                " AND CAST(short_may_stay AS NUMERIC) >= 0",
                "recovery_quantities",
            ),
            CheckConstraint(
                "closed_at IS NULL OR CAST(outstanding AS NUMERIC) = 0", "recovery_closed_is_recovered"
            ),
            CheckConstraint(
                "(alert_type = 'SHORT_RECALL') = (recall_id IS NOT NULL)"
                " AND alert_type IN ('COVERED_CALL_SHORTFALL', 'SHORT_RECALL')",
                "recovery_of_a_recall",
            ),
        )
        indexes = (
            Index(fields=("alert_type", "opened_at", "id"), name="recovery_list"),
            Index(fields=("account_id",), name="recovery_account"),
            Index(fields=("case_id",), name="recovery_case"),
            Index(fields=("instrument_id",), name="recovery_symbol"),
        )
