"""The payloads of the last events, each encoded once for all subscriptions that select the same, whatever
their filters, scopes and cursors.
"""

import secrets
from collections import OrderedDict
from collections.abc import Hashable

from subscriptions.live.payload import SharedPayload

PAYLOADS_KEPT = 64


class SharedPayloads:
    """One per process."""

    def __init__(self) -> None:
        self._marks: dict[int, str] = {}
        self._known: OrderedDict[Hashable, SharedPayload] = OrderedDict()

    def mark(self, characters: int) -> str:
        """Stands for a cursor of that length; no text of an event contains it, because it never leaves the
        process.
        """
        mark = self._marks.get(characters)
        if mark is None:
            mark = self._marks[characters] = secrets.token_urlsafe(characters)[:characters]
        return mark

    def get(self, key: Hashable) -> SharedPayload | None:
        """The known payload."""
        return self._known.get(key)

    def put(self, key: Hashable, payload: SharedPayload) -> None:
        """Remember it, and forget the oldest if there are too many."""
        self._known[key] = payload
        if len(self._known) > PAYLOADS_KEPT:
            self._known.popitem(last=False)
