"""Messages to clients, and webhooks."""

from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint
from tortoise.models import Model

from models.tables.columns import id_, one_of, parent


class ClientContactTable(Model):
    """The contact of a client. Personal data: shown only to permitted audiences."""

    id = id_()
    client = fields.OneToOneField("models.ClientTable", on_delete=fields.RESTRICT, related_name=False)  # type: ignore[var-annotated]
    email = fields.CharField(max_length=254, null=True)
    phone = fields.CharField(max_length=20, null=True)
    push_id = fields.CharField(max_length=200, null=True)
    language = fields.CharField(max_length=10)
    time_zone = fields.CharField(max_length=40)
    quiet_hours = fields.CharField(max_length=11, null=True)
    as_of = fields.DatetimeField()

    class Meta:
        table = "client_contact"


class MessageTable(Model):
    """A message to a client, from the transaction that decided it to its end.

    `automatic_key` names the case and day of an automatic message: there is at most one.
    """

    id = id_()
    case = parent("CaseTable")
    client = parent("ClientTable")
    channel = fields.CharField(max_length=5)
    template = fields.CharField(max_length=20)
    language = fields.CharField(max_length=10)
    title = fields.TextField()
    body = fields.TextField()
    recipient = fields.CharField(max_length=254, null=True)
    automatic_key = fields.CharField(max_length=60, null=True, unique=True)
    placed_by = fields.CharField(max_length=200)
    created_at = fields.DatetimeField()
    earliest_at = fields.DatetimeField()
    latest_at = fields.DatetimeField()
    status = fields.CharField(max_length=8)
    attempts = fields.IntField()
    next_attempt_at = fields.DatetimeField(null=True)
    settled_at = fields.DatetimeField(null=True)
    reason = fields.TextField(null=True)
    figures_as_of = fields.DatetimeField(null=True)
    parameters = fields.TextField(null=True)
    earlier_bodies = fields.TextField(null=True)

    class Meta:
        table = "client_message"
        constraints = (
            CheckConstraint(one_of("status", "QUEUED", "SENT", "FAILED", "EXPIRED"), "message_status_known"),
            CheckConstraint(one_of("channel", "PUSH", "SMS", "EMAIL", "VOICE"), "message_channel_known"),
            CheckConstraint("(status = 'QUEUED') = (settled_at IS NULL)", "message_settled_iff_ended"),
            CheckConstraint("recipient IS NOT NULL OR status = 'FAILED'", "message_has_recipient"),
        )
        indexes = (
            Index(fields=("case_id", "created_at", "id"), name="message_case"),
            Index(fields=("created_at",), name="message_created"),
            Index(fields=("status", "channel", "next_attempt_at"), name="message_due"),
        )


class WebhookTable(Model):
    """An endpoint of the alert feed: its owner, the owner's scope, and the position of the deliveries."""

    id = id_()
    url = fields.CharField(max_length=1000)
    events = fields.TextField()
    owner = fields.CharField(max_length=200)
    permissions = fields.TextField()
    account_scope = fields.TextField(null=True)
    authorized_at = fields.DatetimeField()
    salt = fields.CharField(max_length=32)
    retiring = fields.TextField(null=True)
    created_at = fields.DatetimeField()
    epoch = fields.CharField(max_length=32)
    stream_offset = fields.BigIntField()
    status = fields.CharField(max_length=8)
    attempts = fields.IntField()
    next_attempt_at = fields.DatetimeField(null=True)
    failing_since = fields.DatetimeField(null=True)
    delivered_at = fields.DatetimeField(null=True)
    disabled_at = fields.DatetimeField(null=True)
    reason = fields.TextField(null=True)
    generation = fields.IntField()

    class Meta:
        table = "webhook"
        constraints = (
            CheckConstraint(one_of("status", "ACTIVE", "DISABLED"), "webhook_status_known"),
            CheckConstraint("(status = 'DISABLED') = (disabled_at IS NOT NULL)", "webhook_disabled_has_time"),
        )
        indexes = (Index(fields=("owner",), name="webhook_owner"),)
