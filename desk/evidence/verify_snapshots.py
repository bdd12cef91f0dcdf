"""Whether every snapshot that the audit names is kept as it was taken, and no other is.

Beside the chain: a link that is whole says what the content of its snapshot hashes to.
"""

from collections.abc import Iterator, Mapping

from domain.audit_chain import Break, Link
from domain.canonical import content_hash
from models.audit import SNAPSHOT_TAKEN, count_snapshots_noted
from models.snapshot import contents_of, count_all_snapshots
from models.sql.codec import loads

CONTENTS_AT_ONCE = 100
"""Read into memory: some kilobytes each."""


class SnapshotCheck:
    """Is shown every link; says what does not fit, of those that are complete."""

    def __init__(self) -> None:
        self._waiting: list[Link] = []

    async def see(self, link: Link) -> list[Break]:
        """Look at one more link, at a hundred snapshots at a time."""
        if link.row is None or (link.row.entity, link.row.action) != ("case", SNAPSHOT_TAKEN):
            return []
        self._waiting.append(link)
        return await self._look() if len(self._waiting) == CONTENTS_AT_ONCE else []

    async def end(self) -> list[Break]:
        """After the last link: the rest, and whether snapshots are kept that the audit has nothing of."""
        found = await self._look()
        kept, noted = await count_all_snapshots(), await count_snapshots_noted()
        if kept > noted:
            found.append(Break(None, None, f"{kept} are kept, {noted} were taken: some were put in"))
        return found

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
    """The id and the hash; of a row that was changed, which the chain tells, they may be missing."""
    assert link.row is not None
    try:
        taken = loads(link.row.after or "")
        return str(taken["id"]), str(taken["hash"])
    except (KeyError, TypeError, ValueError):
        return "", ""


def _differing(link: Link, id_: str, noted: str, kept: Mapping[str, tuple[str, str]]) -> Iterator[str]:
    assert link.row is not None
    if id_ not in kept:
        yield f"names the snapshot {id_ or '?'}, which is not there any more"
        return
    case_id, content = kept[id_]
    if case_id != link.row.entity_id or content_hash(content) != noted:
        yield f"the snapshot {id_} is not what was taken: changed"
