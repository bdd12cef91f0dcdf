"""The audit's hash chain: each link names the one before, so that no row can be changed unnoticed.

The hash of a link covers its sequence, the hash of the link before and every column of the row. If a row is
changed, removed, replaced or cut off at the end, the chain breaks there or does not reach its head, which is
stored apart and can be noted elsewhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from domain.canonical import canonical_text, content_hash

GENESIS = "0" * 64
"""The previous hash in the first link."""


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One row as stored; its texts are hashed unchanged."""

    id: int
    at: datetime
    actor: str
    action: str
    entity: str
    entity_id: str
    detail: str
    before: str | None
    after: str | None
    request_id: str | None


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The length of the chain, and the hash of its last link."""

    sequence: int
    hash: str

    def __str__(self) -> str:
        return f"{self.sequence}:{self.hash}"


@dataclass(frozen=True, slots=True)
class Link:
    """One link as stored; `row` is None if the audit no longer has the row.

    `unreadable`: the row exists, but contains something that the desk never writes, such as an invalid time.
    """

    sequence: int
    audit_id: int
    previous_hash: str
    hash: str
    row: AuditRow | None
    unreadable: bool = False


@dataclass(frozen=True, slots=True)
class Break:
    """A fault in the chain and the audit row concerned; without either, a snapshot that the audit does not
    know.
    """

    sequence: int | None
    audit_id: int | None
    why: str


NOTHING = ChainHead(0, GENESIS)


def link_hash(sequence: int, previous_hash: str, row: AuditRow) -> str:
    """The hash of the row as the link `sequence`."""
    return content_hash(canonical_text([sequence, previous_hash, row]))


class ChainCheck:
    """Receives every link in order of sequence, then the head; returns what does not match."""

    def __init__(self, noted: ChainHead | None = None) -> None:
        """`noted`: a head noted earlier, which the chain must still contain."""
        self._last = NOTHING
        self._noted = noted

    @property
    def head(self) -> ChainHead:
        """The head of the links received so far, by their own hashes."""
        return self._last

    def see(self, link: Link) -> Iterator[Break]:
        """Check one more link."""
        if link.sequence < 1:
            return iter([Break(link.sequence, link.audit_id, "precedes the first link: forged")])
        last, self._last = self._last, ChainHead(link.sequence, link.hash)
        why = [*self._misplaced(last, link), *_altered(link)]
        if self._noted is not None and self._noted.sequence == link.sequence:
            why += ["differs from the head noted before: the chain was rewritten"] * (
                self._noted != self._last
            )
        return (Break(link.sequence, link.audit_id, each) for each in why)

    def _misplaced(self, last: ChainHead, link: Link) -> Iterator[str]:
        missing = link.sequence - last.sequence - 1
        if missing:
            yield f"follows {last.sequence}: {missing} links were removed from the chain"
        elif link.previous_hash != last.hash:
            yield "does not contain the hash of the link before it: swapped or replaced"

    def end(self, anchor: ChainHead) -> Iterator[Break]:
        """Check after the last link that it is the stored head."""
        if self._last != anchor:
            why = (
                f"the chain ends at {self._last.sequence}, but its stored head is {anchor.sequence}: "
                "cut or replaced"
            )
            yield Break(self._last.sequence + 1, None, why)
        if self._noted is not None and self._noted.sequence > self._last.sequence:
            why = f"the chain does not reach {self._noted.sequence}, the head noted before"
            yield Break(self._last.sequence + 1, None, why)


def _altered(link: Link) -> Iterator[str]:
    if link.unreadable:
        yield "has content that the desk never writes: changed"
    elif link.row is None:
        yield "has no audit row any more: removed from the audit trail"
    elif link_hash(link.sequence, link.previous_hash, link.row) != link.hash:
        yield "differs from the row that was chained: changed or swapped"
