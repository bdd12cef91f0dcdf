"""A condition that counts as changed only after it has stayed changed for a while."""

from collections.abc import Callable


class Settled:
    """True at first. Short changes have no effect."""

    def __init__(self, after_s: float, clock: Callable[[], float]) -> None:
        self._after_s = after_s
        self._clock = clock
        self._value = True
        self._other_since: float | None = None

    def look(self, now: bool) -> bool:
        """The settled condition, given the current one."""
        if now is self._value:
            self._other_since = None
        elif self._other_since is None:
            self._other_since = self._clock()
        elif self._clock() - self._other_since >= self._after_s:
            self._value, self._other_since = now, None
        return self._value
