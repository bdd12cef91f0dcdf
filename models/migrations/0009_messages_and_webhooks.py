"""Messages to clients and how these are reached; webhook endpoints. Indexes after the checks, as in 0003."""

from tortoise import fields
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint

from models.sql.migration import AddingMigration


class Migration(AddingMigration):
    dependencies = [("models", "0008_approval")]

    initial = False

    operations = [
        ops.CreateModel(
            name="ClientContactTable",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=32)),
                (
                    "client",
                    fields.OneToOneField(
                        "models.ClientTable",
                        source_field="client_id",
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("email", fields.CharField(null=True, max_length=254)),
                ("phone", fields.CharField(null=True, max_length=20)),
                ("push_id", fields.CharField(null=True, max_length=200)),
                ("language", fields.CharField(max_length=10)),
                ("time_zone", fields.CharField(max_length=40)),
                ("quiet_hours", fields.CharField(null=True, max_length=11)),
                ("as_of", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "client_contact",
                "app": "models",
                "pk_attr": "id",
                "table_description": "The contact of a client. Personal data: shown only to permitted audiences.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="MessageTable",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=32)),
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
                    "client",
                    fields.ForeignKeyField(
                        "models.ClientTable",
                        source_field="client_id",
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("channel", fields.CharField(max_length=5)),
                ("template", fields.CharField(max_length=20)),
                ("language", fields.CharField(max_length=10)),
                ("title", fields.TextField(unique=False)),
                ("body", fields.TextField(unique=False)),
                ("recipient", fields.CharField(null=True, max_length=254)),
                ("automatic_key", fields.CharField(null=True, unique=True, max_length=60)),
                ("placed_by", fields.CharField(max_length=200)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("earliest_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("latest_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("status", fields.CharField(max_length=8)),
                ("attempts", fields.IntField()),
                ("next_attempt_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("settled_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("reason", fields.TextField(null=True, unique=False)),
            ],
            options={
                "table": "client_message",
                "app": "models",
                "pk_attr": "id",
                "table_description": "A message to a client, from the transaction that decided it to its end.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="WebhookTable",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=32)),
                ("url", fields.CharField(max_length=1000)),
                ("events", fields.TextField(unique=False)),
                ("owner", fields.CharField(max_length=200)),
                ("permissions", fields.TextField(unique=False)),
                ("account_scope", fields.TextField(null=True, unique=False)),
                ("authorized_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("salt", fields.CharField(max_length=32)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("epoch", fields.CharField(max_length=32)),
                ("stream_offset", fields.BigIntField()),
                ("status", fields.CharField(max_length=8)),
                ("attempts", fields.IntField()),
                ("next_attempt_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("failing_since", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("delivered_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("disabled_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("reason", fields.TextField(null=True, unique=False)),
                ("generation", fields.IntField()),
            ],
            options={
                "table": "webhook",
                "app": "models",
                "pk_attr": "id",
                "table_description": "An endpoint of the alert feed: its owner, the owner's scope, and the position of the deliveries.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="MessageTable",
            constraint=CheckConstraint(
                check="status IN ('QUEUED', 'SENT', 'FAILED', 'EXPIRED')", name="message_status_known"
            ),
        ),
        ops.AddConstraint(
            model_name="MessageTable",
            constraint=CheckConstraint(
                check="channel IN ('PUSH', 'SMS', 'EMAIL', 'VOICE')", name="message_channel_known"
            ),
        ),
        ops.AddConstraint(
            model_name="MessageTable",
            constraint=CheckConstraint(
                check="(status = 'QUEUED') = (settled_at IS NULL)", name="message_settled_iff_ended"
            ),
        ),
        ops.AddConstraint(
            model_name="MessageTable",
            constraint=CheckConstraint(
                check="recipient IS NOT NULL OR status = 'FAILED'", name="message_has_recipient"
            ),
        ),
        ops.AddConstraint(
            model_name="WebhookTable",
            constraint=CheckConstraint(check="status IN ('ACTIVE', 'DISABLED')", name="webhook_status_known"),
        ),
        ops.AddConstraint(
            model_name="WebhookTable",
            constraint=CheckConstraint(
                check="(status = 'DISABLED') = (disabled_at IS NOT NULL)", name="webhook_disabled_has_time"
            ),
        ),
        ops.AddIndex(
            model_name="MessageTable",
            index=Index(fields=["case_id", "created_at", "id"], name="message_case"),
        ),
        ops.AddIndex(
            model_name="MessageTable",
            index=Index(fields=["status", "channel", "next_attempt_at"], name="message_due"),
        ),
        ops.AddIndex(model_name="WebhookTable", index=Index(fields=["owner"], name="webhook_owner")),
    ]
