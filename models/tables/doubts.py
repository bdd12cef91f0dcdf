"""Accounts that the desk cannot judge, and why."""

from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint
from tortoise.models import Model

from models.tables.columns import one_of

REASONS = ("NO_PRICE", "NO_FX_RATE", "INCOMPLETE", "UNKNOWN_CALENDAR", "FAULT", "LOCKED", "TOO_LARGE")


class AccountDoubtTable(Model):
    """One row for each account, reason and subject, deleted when the reason is gone.

    Without a foreign key: its check would wait for the lock of the account, and one of the reasons is a lock
    that another transaction does not release.
    """

    key = fields.CharField(primary_key=True, max_length=120)
    account_id = fields.CharField(max_length=32)
    reason = fields.CharField(max_length=20)
    subject = fields.CharField(max_length=40)
    detail = fields.TextField()
    since = fields.DatetimeField()
    last_seen_at = fields.DatetimeField()
    attempts = fields.IntField()

    class Meta:
        table = "account_doubt"
        unique_together = (("account_id", "reason", "subject"),)
        constraints = (CheckConstraint(one_of("reason", *REASONS), "account_doubt_reason_known"),)
        indexes = (Index(fields=("since", "account_id"), name="account_doubt_list"),)
