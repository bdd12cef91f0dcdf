"""An outage that is met a hundred times is two lines."""

from structlog.testing import capture_logs

from subscriptions.outage_log import OutageLog


def test_an_outage_is_told_when_it_begins_and_when_it_ends() -> None:
    outage = OutageLog("it is away", "it is back")
    with capture_logs() as logs:
        outage.over()
        for _ in range(79):
            outage.tell(OSError("refused"))
        outage.over()
        outage.over()
        outage.tell(OSError("again"))
    assert [(each["event"], each.get("failed"), each.get("error")) for each in logs] == [
        ("it is away", None, "refused"),
        ("it is back", 79, None),
        ("it is away", None, "again"),
    ]
