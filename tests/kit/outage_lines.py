"""What a log says of outages: each that began ended, and each was told once, by whichever loop."""

import ast
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from tests.kit.source import PRODUCT, modules, of_outages

_OF_NO_OUTAGE = {"event", "log_level", "error", "failed", "lasted_s", "exc_info", "timestamp", "path"}


@cache
def pairs() -> dict[str, str]:
    """How the log says that it begins, and how that it ends, of every loop of the product."""
    found: dict[str, str] = {}
    for _, tree in modules(*PRODUCT):
        for node in ast.walk(tree):
            events = of_outages(node)
            if len(events) == 2:
                found[events[0]] = events[1]
    assert len(found) > 15
    return found


def unpaired_outages(logs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Outages that began and did not end, ended and did not begin, or began again without an end."""
    ends = set(pairs().values())
    last: Counter[tuple[str, str]] = Counter()
    for each in logs:
        event = each["event"]
        who = str(sorted((name, str(value)) for name, value in each.items() if name not in _OF_NO_OUTAGE))
        if event in pairs():
            last[pairs()[event], who] += 1
            if last[pairs()[event], who] > 1:
                yield f"{event} began twice: {who}"
        elif event in ends:
            last[event, who] -= 1
            if last[event, who] < 0:
                yield f"{event} without a beginning: {who}"
            if not {"failed", "lasted_s"} <= each.keys():
                yield f"{event} does not say how long and how often"
    yield from (f"{event} was not said: {who}" for (event, who), more in last.items() if more > 0)
