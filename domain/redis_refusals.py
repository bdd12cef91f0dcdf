"""Refusals of Redis that pass by themselves: memory full, a replica, a disk that fails, a failover, a script.

The bus and the feed decide by this one list whether to wait, so that what is an outage for one of them is one
for the other.
"""

import re

_PASSING = re.compile(
    r"\b(BUSY|CLUSTERDOWN|LOADING|MASTERDOWN|MISCONF|NOREPLICAS|OOM|READONLY|TRYAGAIN|UNBLOCKED)\b"
)
"""Redis 6 puts words of its own before what failed within a script, so the word may stand anywhere."""


def is_passing(refusal: str) -> bool:
    """Whether to wait and ask again; `refusal` is the error's code and text."""
    return _PASSING.search(refusal) is not None
