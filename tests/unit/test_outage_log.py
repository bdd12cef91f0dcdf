"""An outage that is met a hundred times is two lines."""

import pytest
from structlog.testing import capture_logs

from outages.log import GOES_ON, KINDS_MAX, LAST_REMINDER_S, OutageLog, OutageLogs


class Clock:
    """Moves when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_an_outage_is_logged_when_it_begins_and_when_it_ends() -> None:
    clock = Clock()
    outage = OutageLog("it is away", "it is back", clock=clock, server="one")
    with capture_logs() as logs:
        outage.over()
        for _ in range(79):
            outage.report(OSError("refused"))
            clock.now += 0.5
        outage.over()
        outage.over()
        outage.report(OSError("again"))
    assert logs == [
        {"event": "it is away", "log_level": "warning", "server": "one", "error": "refused"},
        {"event": "it is back", "log_level": "info", "server": "one", "failed": 79, "lasted_s": 39.5},
        {"event": "it is away", "log_level": "warning", "server": "one", "error": "again"},
    ]


def test_a_lasting_outage_is_logged_again_at_growing_intervals() -> None:
    clock = Clock()
    outage = OutageLog("it is away", "it is back", clock=clock)
    with capture_logs() as logs:
        while clock.now <= 10 * LAST_REMINDER_S:
            outage.report(OSError("refused"))
            clock.now += 10
    again = [each["lasts_s"] for each in logs if each["event"] == GOES_ON]
    waits = [after - before for before, after in zip([0.0, *again], again, strict=False)]
    assert waits[:4] == [600, 1200, 2400, 4800]
    assert max(waits) == LAST_REMINDER_S
    assert [each["event"] for each in logs].count("it is away") == 1


def test_each_further_kind_of_error_is_logged_once() -> None:
    outage = OutageLog("it is away", "it is back")
    with capture_logs() as logs:
        for _ in range(5):
            for number in range(2 * KINDS_MAX):
                outage.report(OSError(f"error {number}"), kind=number)
    assert [each["event"] for each in logs] == ["it is away"] + [GOES_ON] * (KINDS_MAX - 1)
    assert logs[1]["outage"] == "it is away"
    assert (logs[1]["error"], logs[1]["failed"]) == ("error 1", 2)


def test_each_of_many_has_an_outage_of_its_own() -> None:
    outages = OutageLogs("order", "it is silent", "it has spoken")
    with capture_logs() as logs:
        for _ in range(3):
            outages.report("A", "no answer")
            outages.report("B", "no answer")
        outages.over("A")
        outages.over("C")
        outages.only(["B"])
        assert len(outages) == 1
        outages.only([])
    assert [(each["event"], each["order"], each.get("failed")) for each in logs] == [
        ("it is silent", "A", None),
        ("it is silent", "B", None),
        ("it has spoken", "A", 3),
        ("it has spoken", "B", 3),
    ]


@pytest.mark.parametrize("level", ["info", "warning", "error"])
def test_one_begins_as_grave_as_it_is(level: str) -> None:
    outage = OutageLog("it is away", "it is back", level=level)
    with capture_logs() as logs:
        outage.report("no answer")
        outage.over()
    assert [each["log_level"] for each in logs] == [level, "info"]
