"""How long a test waits for what has to come: no measure of anything, only the end of a test that hangs.

Many times what it takes, for a busy machine may be ten times slower than a quiet one, and stand still for
seconds at a time. Whatever is to be shorter than something else is shown by an order of events instead, or by
settings so far apart that no machine is slow enough to confuse them. Whoever sees a test fail on a machine of
his own need not wait that long for it: `TEST_PATIENCE_S=20`.
"""

import os
from collections.abc import Iterator

PATIENCE_S = float(os.environ.get("TEST_PATIENCE_S", "180"))
FAR_S = 3600.0
"""For an event that must not happen in a test at all: far longer than any wait."""
ANY_TIME_S = 100 * 366 * 86_400.0
"""By how much a test's own clock may differ from that of the database: it shows any moment of the century."""

FIRST_PAUSE_S = 0.005
LONGEST_PAUSE_S = 0.25
PAUSE_GROWTH = 1.2


def pauses() -> Iterator[float]:
    """Between looks at what has no event: short at first, then longer, for a look may be a whole request."""
    pause = FIRST_PAUSE_S
    while True:
        yield pause
        pause = min(pause * PAUSE_GROWTH, LONGEST_PAUSE_S)
