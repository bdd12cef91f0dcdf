"""Liquidation orders and their executions."""

from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint
from tortoise.models import Model

from models.tables.columns import decimal, id_, one_of, parent


class OrderTable(Model):
    id = id_()
    client_order_id = fields.CharField(max_length=40, unique=True)
    case = parent("CaseTable")
    account = parent("AccountTable")
    symbol = fields.CharField(max_length=40)
    side = fields.CharField(max_length=4)
    type = fields.CharField(max_length=6)
    time_in_force = fields.CharField(max_length=3)
    session = fields.CharField(max_length=7)
    quantity = decimal()
    limit_price = decimal(null=True)
    status = fields.CharField(max_length=16)
    estimated_reduction = decimal()
    placed_by = fields.CharField(max_length=200)
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()
    filled_quantity = decimal()
    filled_notional = fields.DecimalField(max_digits=40, decimal_places=20)
    acknowledged = fields.BooleanField()
    cancel_requested = fields.BooleanField()
    reason = fields.TextField(null=True)
    version = fields.IntField()
    override = fields.BooleanField(db_default=False)
    raw_status = fields.CharField(max_length=40, null=True)
    cancel_cause = fields.CharField(max_length=10, null=True)
    ordered_alone_by = fields.CharField(max_length=200, null=True)

    class Meta:
        table = "liquidation_order"
        constraints = (
            CheckConstraint("CAST(quantity AS NUMERIC) > 0", "order_quantity_positive"),
            CheckConstraint("CAST(filled_quantity AS NUMERIC) >= 0", "order_filled_not_negative"),
            CheckConstraint(one_of("side", "BUY", "SELL"), "order_side_known"),
            CheckConstraint("(type = 'LIMIT') = (limit_price IS NOT NULL)", "order_limit_has_price"),
            CheckConstraint(
                one_of(
                    "status",
                    "PENDING_APPROVAL",
                    "QUEUED",
                    "PENDING_NEW",
                    "NEW",
                    "PARTIALLY_FILLED",
                    "PENDING_CANCEL",
                    "FILLED",
                    "CANCELED",
                    "REJECTED",
                    "EXPIRED",
                    "UNKNOWN",
                ),
                "order_status_known",
            ),
            CheckConstraint(
                "status <> 'FILLED' OR CAST(filled_quantity AS NUMERIC) >= CAST(quantity AS NUMERIC)",
                "order_filled_is_full",
            ),
        )
        indexes = (
            Index(fields=("created_at", "id"), name="order_list"),
            Index(fields=("case_id", "created_at"), name="order_case"),
            Index(fields=("symbol", "created_at", "id"), name="order_symbol"),
            Index(fields=("account_id", "status"), name="order_account"),
            Index(fields=("status",), name="order_status"),
            Index(fields=("ordered_alone_by", "created_at"), name="order_alone"),
        )


class ExecutionTable(Model):
    """Every booked report of a venue, once: (venue, execution_id) is unique."""

    id = id_()
    order = parent("OrderTable")
    venue = fields.CharField(max_length=40)
    execution_id = fields.CharField(max_length=80)
    exec_type = fields.CharField(max_length=16)
    quantity = decimal()
    price = decimal()
    fee = decimal()
    cash_effect = decimal()
    at = fields.DatetimeField()
    recorded_at = fields.DatetimeField()
    text = fields.TextField(null=True)

    class Meta:
        table = "execution"
        unique_together = (("venue", "execution_id"),)
        indexes = (Index(fields=("order_id", "at"), name="execution_order"),)


class SetAsideReportTable(Model):
    """Reports that were not booked, each content once: evidence for the operators.

    Without foreign keys: a report may name an order that the desk does not know.
    """

    id = id_()
    venue = fields.CharField(max_length=40)
    execution_id = fields.CharField(max_length=80)
    digest = fields.CharField(max_length=64)
    client_order_id = fields.CharField(max_length=200)
    order_id = fields.CharField(max_length=32, null=True)
    kind = fields.CharField(max_length=20)
    why = fields.TextField()
    report = fields.TextField()
    recorded_at = fields.DatetimeField()
    asked_at = fields.DatetimeField(null=True)

    class Meta:
        table = "set_aside_report"
        unique_together = (("venue", "execution_id", "digest"),)
        indexes = (Index(fields=("asked_at", "order_id"), name="set_aside_to_ask"),)


class OrderChangeTable(Model):
    id = fields.BigIntField(primary_key=True, generated=True)
    order = parent("OrderTable")
    status = fields.CharField(max_length=16)
    at = fields.DatetimeField()
    reason = fields.TextField(null=True)

    class Meta:
        table = "order_change"
        indexes = (Index(fields=("order_id", "id"), name="order_change_order"),)


class OrderMarkTable(Model):
    """The mark of the instrument when an order was last sent."""

    order_id = fields.CharField(primary_key=True, max_length=32)
    at = fields.DatetimeField()
    mark = decimal(null=True)

    class Meta:
        table = "order_mark"
