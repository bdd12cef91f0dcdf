"""The audit's hash chain: row by row, each naming the one before, so that no row can be changed unnoticed.

The hash of a link covers its sequence, the hash of the link before and every column of the row. A row that is
changed, dropped, put in another's place or cut off at the end breaks the chain there or does not reach its
head, which is kept apart and can be noted elsewhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from domain.canonical import canonical_text, content_hash

GENESIS = "0" * 64
"""What the first link names as the hash before it."""


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One row as it is stored; the texts are hashed as they are."""

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
    """How far the chain goes, and the hash of its last link."""

    sequence: int
    hash: str

    def __str__(self) -> str:
        return f"{self.sequence}:{self.hash}"


@dataclass(frozen=True, slots=True)
class Link:
    """One link as it is stored; `row` is None when the audit has no such row any more.

    `unreadable`: there is one, but it holds what no desk writes, such as a time that is none.
    """

    sequence: int
    audit_id: int
    previous_hash: str
    hash: str
    row: AuditRow | None
    unreadable: bool = False


@dataclass(frozen=True, slots=True)
class Break:
    """What is wrong, and with which row of the audit; neither: with what the audit should know of."""

    sequence: int | None
    audit_id: int | None
    why: str


NOTHING = ChainHead(0, GENESIS)


def link_hash(sequence: int, previous_hash: str, row: AuditRow) -> str:
    """The hash of the row as the link `sequence`."""
    return content_hash(canonical_text([sequence, previous_hash, row]))


class ChainCheck:
    """Is shown every link in order of sequence, then the head; says what does not fit."""

    def __init__(self, noted: ChainHead | None = None) -> None:
        """`noted`: a head that somebody wrote down before; the chain must still contain it."""
        self._last = NOTHING
        self._noted = noted

    @property
    def head(self) -> ChainHead:
        """Of the links shown so far, as they say themselves."""
        return self._last

    def see(self, link: Link) -> Iterator[Break]:
        """Check one more link."""
        if link.sequence < 1:
            return iter([Break(link.sequence, link.audit_id, "stands before the first link: forged")])
        last, self._last = self._last, ChainHead(link.sequence, link.hash)
        why = [*self._misplaced(last, link), *_altered(link)]
        if self._noted is not None and self._noted.sequence == link.sequence:
            why += ["is not the one that was noted: the chain was rewritten"] * (self._noted != self._last)
        return (Break(link.sequence, link.audit_id, each) for each in why)

    def _misplaced(self, last: ChainHead, link: Link) -> Iterator[str]:
        missing = link.sequence - last.sequence - 1
        if missing:
            yield f"comes after {last.sequence}: {missing} dropped from the chain"
        elif link.previous_hash != last.hash:
            yield "does not follow the link before it: swapped or replaced"

    def end(self, anchor: ChainHead) -> Iterator[Break]:
        """After the last link: whether it is the head that is kept apart."""
        if self._last != anchor:
            why = f"the chain ends at {self._last.sequence}, its head is {anchor.sequence}: cut or replaced"
            yield Break(self._last.sequence + 1, None, why)
        if self._noted is not None and self._noted.sequence > self._last.sequence:
            why = f"the chain does not reach {self._noted.sequence}, which was noted"
            yield Break(self._last.sequence + 1, None, why)


def _altered(link: Link) -> Iterator[str]:
    if link.unreadable:
        yield "holds what no desk writes: changed"
    elif link.row is None:
        yield "has no row any more: dropped from the audit"
    elif link_hash(link.sequence, link.previous_hash, link.row) != link.hash:
        yield "is not what was chained: changed or swapped"
