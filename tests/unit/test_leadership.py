"""When a process says that no process leads."""

from datetime import UTC, datetime, timedelta

from gateway.workers.leadership import SomebodyLeads
from models.lease import Lease

NOW = datetime(2020, 3, 16, 2, tzinfo=UTC)
TTL_S = 10


def seen(ends_after_s: float, at_s: float) -> Lease:
    return Lease("h", NOW + timedelta(seconds=ends_after_s), 1, NOW + timedelta(seconds=at_s))


def trouble_after(*leases: tuple[float, float]) -> str | None:
    """After a look at each of these: the end of the lease, and the time of the look."""
    passed = 0.0
    somebody = SomebodyLeads(TTL_S, lambda: passed)
    for ends, passed in leases:
        somebody.saw(seen(ends, passed))
    return somebody.trouble


def test_a_far_lease_end_that_no_process_renews_is_reported() -> None:
    assert trouble_after(*((1e9, at) for at in range(15))) == (
        "no process leads: the lease ends only at 2051-11-23T03:46:40+00:00, and h does not renew it"
    )


def test_a_lease_that_is_renewed_or_soon_ends_is_held() -> None:
    assert trouble_after(*((at + 60, at) for at in range(15))) is None, "of a process with a longer time"
    assert trouble_after(*((10, at) for at in range(10)), (20, 11)) is None, (
        "of one that died and was followed"
    )
