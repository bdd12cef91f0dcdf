"""What people do with cases: follow-ups, claims, moved deadlines; and market days put in by hand."""

from tortoise import fields
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint

from models.sql.migration import AddingMigration


class Migration(AddingMigration):
    dependencies = [("models", "0011_stock_recovery")]

    initial = False

    operations = [
        ops.CreateModel(
            name="DeadlineChangeTable",
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
                ("at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("author", fields.CharField(max_length=200)),
                ("kind", fields.CharField(max_length=8)),
                ("before", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("after", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("reason", fields.TextField(unique=False)),
                ("approved_by", fields.CharField(null=True, max_length=200)),
            ],
            options={
                "table": "deadline_change",
                "app": "models",
                "pk_attr": "id",
                "table_description": "Append-only: every move of a case's deadline.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="FollowUpTable",
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
                ("at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("author", fields.CharField(max_length=200)),
                ("by_desk", fields.BooleanField()),
                ("note", fields.TextField(unique=False)),
            ],
            options={
                "table": "follow_up",
                "app": "models",
                "pk_attr": "id",
                "table_description": "Append-only: notes about a case by operators or the desk itself.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="MarketDayTable",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=32)),
                ("market", fields.CharField(max_length=10)),
                ("day", fields.CharField(max_length=10)),
                ("kind", fields.CharField(max_length=8)),
                ("closes_at", fields.CharField(null=True, max_length=5)),
                ("reason", fields.TextField(unique=False)),
                ("author", fields.CharField(max_length=200)),
                ("at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "market_day",
                "app": "models",
                "pk_attr": "id",
                "table_description": "A trading day that differs from the exchange calendar. The newest row of a market's day applies.",
            },
            bases=["Model"],
        ),
        ops.AddField(
            model_name="AccountTable",
            name="written_off_alerts",
            field=fields.CharField(null=True, max_length=200),
        ),
        ops.AddField(
            model_name="CaseTable",
            name="auto_liquidate_held",
            field=fields.CharField(null=True, max_length=30),
        ),
        ops.AddField(
            model_name="CaseTable",
            name="auto_liquidate_held_until",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name="CaseTable",
            name="claim_expires_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name="CaseTable",
            name="claimed_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name="CaseTable",
            name="claimed_by",
            field=fields.CharField(null=True, max_length=200),
        ),
        ops.AddField(
            model_name="CaseTable",
            name="figures_at_open",
            field=fields.TextField(null=True, unique=False),
        ),
        ops.AddField(
            model_name="CaseTable",
            name="follow_ups",
            field=fields.IntField(db_default=0),
        ),
        ops.AddField(
            model_name="CaseTable",
            name="original_deadline",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddConstraint(
            model_name="DeadlineChangeTable",
            constraint=CheckConstraint(
                check="kind IN ('PERSON', 'CALENDAR')", name="deadline_change_kind_known"
            ),
        ),
        ops.AddConstraint(
            model_name="MarketDayTable",
            constraint=CheckConstraint(
                check="kind IN ('CLOSED', 'HALF', 'REGULAR')", name="market_day_kind_known"
            ),
        ),
        ops.AddConstraint(
            model_name="MarketDayTable",
            constraint=CheckConstraint(
                check="(kind = 'HALF') = (closes_at IS NOT NULL)", name="market_day_half_has_close"
            ),
        ),
        ops.AddIndex(
            model_name="FollowUpTable",
            index=Index(fields=["case_id", "at", "id"], name="follow_up_case"),
        ),
        ops.AddIndex(
            model_name="DeadlineChangeTable",
            index=Index(fields=["case_id", "at", "id"], name="deadline_change_case"),
        ),
        ops.AddIndex(
            model_name="MarketDayTable",
            index=Index(fields=["market", "day", "id"], name="market_day_list"),
        ),
        ops.AddIndex(
            model_name="CaseTable",
            index=Index(fields=["auto_liquidate_at"], name="case_auto_liquidation"),
        ),
    ]
