"""Data that is never changed: the audit, its chain, and snapshots."""

from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint
from tortoise.models import Model

from models.tables.columns import id_, one_of, parent


class AuditTable(Model):
    """Append-only: who did what to which entity, and when."""

    id = fields.BigIntField(primary_key=True, generated=True)
    at = fields.DatetimeField()
    actor = fields.CharField(max_length=200)
    action = fields.CharField(max_length=40)
    entity = fields.CharField(max_length=20)
    entity_id = fields.CharField(max_length=80)
    detail = fields.TextField()
    before_state = fields.TextField(null=True)
    after_state = fields.TextField(null=True)
    request_id = fields.CharField(max_length=64, null=True)

    class Meta:
        table = "audit"
        indexes = (Index(fields=("entity", "entity_id"), name="audit_entity"),)


class AuditLinkTable(Model):
    """Append-only: the place of each audit row in the hash chain, assigned after its transaction."""

    sequence = fields.BigIntField(primary_key=True, generated=True)
    audit_id = fields.BigIntField(unique=True)
    previous_hash = fields.CharField(max_length=64)
    hash = fields.CharField(max_length=64)

    class Meta:
        table = "audit_link"


class AuditHeadTable(Model):
    """The head of the chain, with which its end is compared."""

    name = fields.CharField(primary_key=True, max_length=20)
    sequence = fields.BigIntField()
    hash = fields.CharField(max_length=64)

    class Meta:
        table = "audit_head"


class SnapshotTable(Model):
    """Append-only: the data of a case at a moment."""

    id = id_()
    case = parent("CaseTable")
    kind = fields.CharField(max_length=10)
    occasion = fields.CharField(max_length=80)
    at = fields.DatetimeField()
    content = fields.TextField()
    hash = fields.CharField(max_length=64)

    class Meta:
        table = "snapshot"
        unique_together = (("case", "kind", "occasion"),)
        constraints = (
            CheckConstraint(
                one_of("kind", "TRIGGER", "FORCE", "NOTICE", "DAILY", "END"), "snapshot_kind_known"
            ),
        )
        indexes = (Index(fields=("case_id", "at", "id"), name="snapshot_case"),)
