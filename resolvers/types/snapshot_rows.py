"""How the snapshots of a case are read from rows: see resolvers.kit.row_fields.

The same fields of `resolvers.types.snapshot.snapshot_of`, without decoding the content; a test compares both.
"""

from domain.snapshot import SnapshotKind
from resolvers.kit.row_fields import Column, Converted, RowFields, a_time, an_id

SNAPSHOT_ROWS: RowFields = {
    "id": an_id("Snapshot", "id"),
    "kind": Converted("kind", SnapshotKind),
    "occasion": Column("occasion"),
    "taken_at": a_time("at"),
    "hash": Column("hash"),
}
"""The fields of a snapshot that a page of a case reads from its row."""
