"""Execution reports that were not booked, kept as evidence."""

from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from models.sql.migration import AddingMigration


class Migration(AddingMigration):
    dependencies = [("models", "0020_lease_fence")]

    initial = False

    operations = [
        ops.CreateModel(
            name="SetAsideReportTable",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=32)),
                ("venue", fields.CharField(max_length=40)),
                ("execution_id", fields.CharField(max_length=80)),
                ("digest", fields.CharField(max_length=64)),
                ("client_order_id", fields.CharField(max_length=200)),
                ("order_id", fields.CharField(null=True, max_length=32)),
                ("kind", fields.CharField(max_length=20)),
                ("why", fields.TextField(unique=False)),
                ("report", fields.TextField(unique=False)),
                ("recorded_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("asked_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "set_aside_report",
                "app": "models",
                "unique_together": (("venue", "execution_id", "digest"),),
                "indexes": [Index(fields=["asked_at", "order_id"], name="set_aside_to_ask")],
                "pk_attr": "id",
                "table_description": "Reports that were not booked, each content once: evidence for the operators.",
            },
            bases=["Model"],
        ),
    ]
