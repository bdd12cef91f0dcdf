"""What has been used of one limit, by each name, and not reported to the shared window yet.

No request waits for a shared window: a process counts by itself and reports once a name has used a twentieth
of the limit; the answer decides about what comes next. So a process exceeds a limit by a twentieth and by
what comes while it reports, and a name that uses less than a twentieth in a window is never reported.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

REPORTS_PER_LIMIT = 20


@dataclass(frozen=True, slots=True)
class Limit:
    """How much one name, such as a subject, may use in a window of time."""

    name: str
    most: int
    window_s: int

    @property
    def batch(self) -> int:
        """So much is reported together."""
        return max(1, self.most // REPORTS_PER_LIMIT)


@dataclass(slots=True)
class _Tally:
    unreported: int
    since: float
    refused_until: float = 0.0


class Tallies:
    """The names that used something lately, at most `names_max`: the one seen longest ago is forgotten."""

    def __init__(self, limit: Limit, names_max: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit = limit
        self._names_max = names_max
        self._clock = clock
        self._tallies: OrderedDict[str, _Tally] = OrderedDict()
        self._due: dict[str, None] = {}

    def refused_for_s(self, name: str, amount: int = 0) -> float:
        """Seconds until the name may use the amount; 0: now."""
        tally = self._tallies.get(name)
        if tally is None:
            return 0.0
        now, ends_at = self._clock(), tally.since + self.limit.window_s
        if now < tally.refused_until:
            return tally.refused_until - now
        # Only while reports are late: what this process counted is too much by itself.
        over = tally.unreported + self._at_most(amount) > self.limit.most
        return ends_at - now if over and now < ends_at else 0.0

    def use(self, name: str, amount: int) -> bool:
        """Count; whether the name has become due for a report."""
        now = self._clock()
        tally = self._tallies.get(name)
        if tally is None:
            tally = self._tallies[name] = _Tally(0, now)
            if len(self._tallies) > self._names_max:
                self._forget_one()
        elif now >= tally.since + self.limit.window_s:
            tally.unreported, tally.since = 0, now
        self._tallies.move_to_end(name)
        tally.unreported += self._at_most(amount)
        if tally.unreported < self.limit.batch:
            return False
        self._due[name] = None
        return True

    def due(self) -> Iterator[tuple[str, int]]:
        """Names to report, each with what it used, until none is left."""
        while self._due:
            name = next(iter(self._due))
            del self._due[name]
            yield name, self._at_most(self._tallies[name].unreported)

    def reported(self, name: str, amount: int, refused_for_s: float) -> None:
        """The window's answer to a report: it has taken the amount, or has room for it only later."""
        tally = self._tallies.get(name)
        if tally is None:
            return
        now = self._clock()
        if refused_for_s > 0:
            tally.refused_until = now + refused_for_s
        else:
            # A window that ended during the report has forgotten the amount already.
            tally.unreported = max(0, tally.unreported - amount)
            tally.since = now

    def _at_most(self, amount: int) -> int:
        """A single use above the limit is possible, and uses all of it."""
        return min(amount, self.limit.most)

    def _forget_one(self) -> None:
        forgotten, _ = self._tallies.popitem(last=False)
        self._due.pop(forgotten, None)
