"""The outcomes of messages that were not used."""

from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint
from tortoise.models import Model

from models.tables.columns import one_of


class InputOutcomeTable(Model):
    """The last message of each kind, subject and outcome, which are the key."""

    key = fields.CharField(primary_key=True, max_length=120)
    kind = fields.CharField(max_length=12)
    owner = fields.CharField(max_length=40)
    about = fields.CharField(max_length=40)
    result = fields.CharField(max_length=10)
    reason = fields.TextField()
    stated_at = fields.DatetimeField(null=True)
    decided_at = fields.DatetimeField()

    class Meta:
        table = "input_outcome"
        constraints = (
            CheckConstraint(one_of("result", "SUPERSEDED", "HELD", "DEAD"), "input_outcome_result_known"),
        )
        indexes = (
            Index(fields=("owner",), name="input_outcome_owner"),
            Index(fields=("about",), name="input_outcome_about"),
            Index(fields=("decided_at",), name="input_outcome_age"),
        )
