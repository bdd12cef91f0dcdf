"""Which rows this process could not read: each is logged when it is met first, and counted by its table."""

from collections import Counter, defaultdict

import structlog

UNREADABLE = (ValueError, LookupError, ArithmeticError, TypeError)
"""What a damaged row raises while it is read."""
REMEMBERED_ROWS_MAX = 10_000
"""Of one table; beyond that the rows are forgotten, and logged again when they are met."""
_ERROR_CHARACTERS = 300

log = structlog.get_logger()


class UnreadableRows:
    """One for each open database."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._known: defaultdict[str, set[str]] = defaultdict(set)

    def note(self, table: str, row_id: str, error: Exception) -> None:
        """The row is left out."""
        known = self._known[table]
        if row_id in known:
            return
        if len(known) >= REMEMBERED_ROWS_MAX:
            known.clear()
        known.add(row_id)
        self.counts[table] += 1
        log.error(
            "a row cannot be read and is left out",
            table=table,
            id=row_id,
            error=f"{type(error).__name__}: {error}"[:_ERROR_CHARACTERS],
        )
