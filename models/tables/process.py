"""Data shared by the processes: the outbox and its stream, leases, counters, revocations."""

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model


class OutboxTable(Model):
    """Facts to publish, written in the transaction of their change, with a position once they are
    published.
    """

    id = fields.BigIntField(primary_key=True, generated=True)
    event_id = fields.CharField(max_length=32, unique=True)
    payload = fields.TextField()
    at = fields.DatetimeField()
    stream_offset = fields.BigIntField(null=True, unique=True)

    class Meta:
        table = "outbox"
        indexes = (Index(fields=("at",), name="outbox_at"),)


class StreamTable(Model):
    """The state of the one event stream: its epoch and the last assigned offset."""

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
    """Subjects whose tokens, issued until a time, are refused."""

    subject = fields.CharField(primary_key=True, max_length=200)
    at = fields.DatetimeField()

    class Meta:
        table = "revocation"
        indexes = (Index(fields=("at",), name="revocation_at"),)


class LeaseTable(Model):
    """The holder of a job that only one process may do, until when."""

    name = fields.CharField(primary_key=True, max_length=40)
    holder = fields.CharField(max_length=80)
    expires_at = fields.DatetimeField()
    fence = fields.BigIntField(db_default=0)
    """The number of terms so far: it grows with each change of holder."""

    class Meta:
        table = "lease"
