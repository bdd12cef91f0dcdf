"""What processes share: the outbox and its stream, leases, counters, revocations."""

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model


class OutboxTable(Model):
    """Facts to publish, written in the transaction that made them, positioned when they are published."""

    id = fields.BigIntField(primary_key=True, generated=True)
    event_id = fields.CharField(max_length=32, unique=True)
    payload = fields.TextField()
    at = fields.DatetimeField()
    stream_offset = fields.BigIntField(null=True, unique=True)

    class Meta:
        table = "outbox"
        indexes = (Index(fields=("at",), name="outbox_at"),)


class StreamTable(Model):
    """How far the one event stream has come: its epoch and the last offset given out."""

    name = fields.CharField(primary_key=True, max_length=20)
    epoch = fields.CharField(max_length=32)
    last_offset = fields.BigIntField()

    class Meta:
        table = "stream"


class CounterTable(Model):
    name = fields.CharField(primary_key=True, max_length=20)
    value = fields.BigIntField()

    class Meta:
        table = "counter"


class RevocationTable(Model):
    """Whose tokens, issued until when, are refused."""

    subject = fields.CharField(primary_key=True, max_length=200)
    at = fields.DatetimeField()

    class Meta:
        table = "revocation"
        indexes = (Index(fields=("at",), name="revocation_at"),)


class LeaseTable(Model):
    """Who does a job that only one process may do, until when."""

    name = fields.CharField(primary_key=True, max_length=40)
    holder = fields.CharField(max_length=80)
    expires_at = fields.DatetimeField()
    fence = fields.BigIntField(db_default=0)
    """How many terms there were: it grows with each change of holder."""

    class Meta:
        table = "lease"
