"""Check that every snapshot named in the audit is stored unchanged, and that no other is stored.

Complements the chain: an intact link contains the hash of its snapshot's content.
"""

from collections.abc import Iterator, Mapping

from domain.audit_chain import Break, Link
from domain.canonical import content_hash
from models.audit import SNAPSHOT_TAKEN, count_snapshots_noted
from models.snapshot import contents_of, count_all_snapshots
from models.sql.codec import loads

CONTENTS_AT_ONCE = 100
"""Snapshots in memory at a time, of some kilobytes each."""


class SnapshotCheck:
    """Receives every link and reports mismatches of complete ones."""

    def __init__(self) -> None:
        self._waiting: list[Link] = []

    async def see(self, link: Link) -> list[Break]:
        """Add a link; a hundred snapshots are compared at a time."""
        if link.row is None or (link.row.entity, link.row.action) != ("case", SNAPSHOT_TAKEN):
            return []
        self._waiting.append(link)
        return await self._look() if len(self._waiting) == CONTENTS_AT_ONCE else []

    async def end(self) -> list[Break]:
        """Compare the rest after the last link, and report snapshots that the audit does not name."""
        differences = await self._look()
        kept, noted = await count_all_snapshots(), await count_snapshots_noted()
        if kept > noted:
            differences.append(
                Break(
                    None,
                    None,
                    f"{kept} snapshots are stored and {noted} are in the audit trail: some were inserted",
                )
            )
        return differences

    async def _look(self) -> list[Break]:
        links, self._waiting = self._waiting, []
        named = {link.sequence: _named(link) for link in links}
        kept = await contents_of([id_ for id_, _ in named.values()])
        return [
            Break(link.sequence, link.audit_id, why)
            for link in links
            for why in _differing(link, *named[link.sequence], kept)
        ]


def _named(link: Link) -> tuple[str, str]:
    """The id and the hash of a snapshot; empty if the row was changed, which the chain reports."""
    assert link.row is not None
    try:
        taken = loads(link.row.after or "")
        return str(taken["id"]), str(taken["hash"])
    except (KeyError, TypeError, ValueError):
        return "", ""


def _differing(link: Link, id_: str, noted: str, kept: Mapping[str, tuple[str, str]]) -> Iterator[str]:
    assert link.row is not None
    if id_ not in kept:
        yield f"names the snapshot {id_ or '?'}, which is no longer stored"
        return
    case_id, content = kept[id_]
    if case_id != link.row.entity_id or content_hash(content) != noted:
        yield f"the snapshot {id_} differs from its audit record: changed"
