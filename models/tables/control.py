"""Permissions and repeated requests: approvals, kill switches, settings, answers under a key."""

from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint
from tortoise.models import Model

from models.tables.columns import id_, one_of, parent


class ApprovalTable(Model):
    """Requests for a second person. One pending request per kind and object: a partial unique index."""

    id = id_()
    kind = fields.CharField(max_length=20)
    entity = fields.CharField(max_length=20)
    entity_id = fields.CharField(max_length=80)
    account = parent("AccountTable", null=True)
    approver = fields.CharField(max_length=200)
    maker = fields.CharField(max_length=200)
    reason = fields.TextField(null=True)
    before_text = fields.TextField()
    after_text = fields.TextField()
    command = fields.TextField()
    created_at = fields.DatetimeField()
    expires_at = fields.DatetimeField()
    status = fields.CharField(max_length=10)
    decided_by = fields.CharField(max_length=200, null=True)
    decided_at = fields.DatetimeField(null=True)
    decision_reason = fields.TextField(null=True)
    difference = fields.TextField(null=True)

    class Meta:
        table = "approval"
        constraints = (
            CheckConstraint(
                one_of("status", "PENDING", "APPROVED", "DECLINED", "WITHDRAWN", "EXPIRED"),
                "approval_status_known",
            ),
            CheckConstraint("(status = 'PENDING') = (decided_at IS NULL)", "approval_decided_once"),
            CheckConstraint(
                "status NOT IN ('APPROVED', 'DECLINED') OR (decided_by IS NOT NULL AND decided_by <> maker)",
                "approval_by_another",
            ),
        )
        indexes = (
            Index(fields=("created_at", "id"), name="approval_list"),
            Index(fields=("status", "expires_at"), name="approval_expiry"),
        )


class KillSwitchTable(Model):
    """Periods in which a kill switch was on. At most one per scope is on: a partial unique index."""

    id = id_()
    scope = fields.CharField(max_length=10)
    subject = fields.CharField(max_length=32)
    set_by = fields.CharField(max_length=200)
    reason = fields.TextField()
    since = fields.DatetimeField()
    ended_at = fields.DatetimeField(null=True)
    ended_by = fields.TextField()

    class Meta:
        table = "kill_switch"
        constraints = (
            CheckConstraint(one_of("scope", "DESK", "CLIENT", "ACCOUNT"), "kill_switch_scope_known"),
            CheckConstraint("(scope = 'DESK') = (subject = '')", "kill_switch_has_subject"),
        )
        indexes = (
            Index(fields=("since", "id"), name="kill_switch_list"),
            Index(fields=("subject", "ended_at"), name="kill_switch_subject"),
        )


class RiskSettingTable(Model):
    """Append-only: every approved version of every risk setting."""

    id = id_()
    number = fields.BigIntField(unique=True)
    kind = fields.CharField(max_length=24)
    subject = fields.CharField(max_length=80)
    value = fields.TextField()
    value_before = fields.TextField(null=True)
    effective_at = fields.DatetimeField()
    requested_by = fields.CharField(max_length=200)
    requested_at = fields.DatetimeField()
    approved_by = fields.CharField(max_length=200)
    approved_at = fields.DatetimeField()
    reason = fields.TextField()
    # The account or client that it concerns alone, for audiences without access to it.
    account_id = fields.CharField(max_length=32, null=True)
    client_id = fields.CharField(max_length=32, null=True)

    class Meta:
        table = "risk_setting"
        constraints = (
            CheckConstraint("requested_by <> approved_by", "risk_setting_by_two"),
            CheckConstraint("effective_at >= approved_at", "risk_setting_never_backdated"),
        )
        indexes = (
            Index(fields=("kind", "subject", "effective_at", "number"), name="risk_setting_in_force"),
            Index(fields=("effective_at",), name="risk_setting_effective"),
        )


class IdempotencyKeyTable(Model):
    """The key of a mutation: the same actor and key mean the same request for ever."""

    id = id_()
    actor = fields.CharField(max_length=200)
    idempotency_key = fields.CharField(max_length=200)
    operation = fields.CharField(max_length=20)
    request_hash = fields.CharField(max_length=64)
    at = fields.DatetimeField()

    class Meta:
        table = "idempotency_key"
        unique_together = (("actor", "idempotency_key"),)


class IdempotencyItemTable(Model):
    """The stored answer for one case or order of a batch."""

    id = id_()
    actor = fields.CharField(max_length=200)
    idempotency_key = fields.CharField(max_length=200)
    item = fields.CharField(max_length=80)
    outcome = fields.TextField()
    at = fields.DatetimeField()

    class Meta:
        table = "idempotency_item"
        unique_together = (("actor", "idempotency_key", "item"),)
