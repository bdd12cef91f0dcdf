"""Margin-call cases, and the changes of their deadlines."""

from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint
from tortoise.models import Model

from models.tables.columns import decimal, id_, one_of, parent

LIVE_CASE = one_of("status", "OPEN", "LIQUIDATING", "EXCEPTION")


class CaseTable(Model):
    """One live case per account and alert type: a partial unique index (migration 0004)."""

    id = id_()
    case_no = fields.CharField(max_length=20, unique=True)
    account = parent("AccountTable")
    alert_type = fields.CharField(max_length=30)
    status = fields.CharField(max_length=12)
    amount = decimal()
    amount_at_open = decimal()
    uncovered_amount = decimal()
    figures = fields.TextField()
    opened_at = fields.DatetimeField()
    deadline = fields.DatetimeField()
    force_eligible = fields.BooleanField()
    plans = fields.IntField()
    cured_since = fields.DatetimeField(null=True)
    auto_liquidate_at = fields.DatetimeField(null=True)
    auto_liquidate_trigger = fields.CharField(max_length=10, null=True)
    auto_liquidate_held = fields.CharField(max_length=30, null=True)
    auto_liquidate_held_until = fields.DatetimeField(null=True)
    auto_liquidate_set_by = fields.CharField(max_length=200, null=True)
    remark = fields.TextField()
    reopened_from = fields.CharField(max_length=32, null=True)
    closed_at = fields.DatetimeField(null=True)
    close_reason = fields.CharField(max_length=12, null=True)
    exempted_by = fields.CharField(max_length=32, null=True)
    version = fields.IntField()
    original_deadline = fields.DatetimeField(null=True)
    claimed_by = fields.CharField(max_length=200, null=True)
    claimed_at = fields.DatetimeField(null=True)
    claim_expires_at = fields.DatetimeField(null=True)
    follow_ups = fields.IntField(db_default=0)
    figures_at_open = fields.TextField(null=True)
    reporting_amount = decimal(null=True)
    reporting_currency = fields.CharField(max_length=3, null=True)

    class Meta:
        table = "margin_case"
        constraints = (
            CheckConstraint(
                one_of("status", "OPEN", "LIQUIDATING", "EXCEPTION", "RESOLVED", "WRITTEN_OFF", "VOID"),
                "case_status_known",
            ),
            CheckConstraint(
                f"({LIVE_CASE}) = (closed_at IS NULL) AND ({LIVE_CASE}) = (close_reason IS NULL)",
                "case_closed_iff_terminal",
            ),
        )
        indexes = (
            Index(fields=("status", "opened_at", "id"), name="case_list"),
            Index(fields=("account_id",), name="case_account"),
            Index(fields=("auto_liquidate_at",), name="case_auto_liquidation"),
        )


class FollowUpTable(Model):
    """Append-only: notes about a case by operators or the desk itself."""

    id = id_()
    case = parent("CaseTable")
    at = fields.DatetimeField()
    author = fields.CharField(max_length=200)
    by_desk = fields.BooleanField()
    note = fields.TextField()
    code = fields.CharField(max_length=40, null=True)
    parameters = fields.TextField(null=True)

    class Meta:
        table = "follow_up"
        indexes = (Index(fields=("case_id", "at", "id"), name="follow_up_case"),)


class DeadlineChangeTable(Model):
    """Append-only: every move of a case's deadline."""

    id = id_()
    case = parent("CaseTable")
    at = fields.DatetimeField()
    author = fields.CharField(max_length=200)
    kind = fields.CharField(max_length=8)
    before = fields.DatetimeField()
    after = fields.DatetimeField()
    reason = fields.TextField()
    approved_by = fields.CharField(max_length=200, null=True)

    class Meta:
        table = "deadline_change"
        constraints = (CheckConstraint(one_of("kind", "PERSON", "CALENDAR"), "deadline_change_kind_known"),)
        indexes = (Index(fields=("case_id", "at", "id"), name="deadline_change_case"),)


class MarketDayTable(Model):
    """A trading day that differs from the exchange calendar. The newest row of a market's day applies."""

    id = id_()
    market = fields.CharField(max_length=10)
    day = fields.CharField(max_length=10)
    kind = fields.CharField(max_length=8)
    closes_at = fields.CharField(max_length=5, null=True)
    reason = fields.TextField()
    author = fields.CharField(max_length=200)
    at = fields.DatetimeField()

    class Meta:
        table = "market_day"
        constraints = (
            CheckConstraint(one_of("kind", "CLOSED", "HALF", "REGULAR"), "market_day_kind_known"),
            CheckConstraint("(kind = 'HALF') = (closes_at IS NOT NULL)", "market_day_half_has_close"),
        )
        indexes = (Index(fields=("market", "day", "id"), name="market_day_list"),)
