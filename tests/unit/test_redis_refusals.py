"""Which refusals of Redis pass by themselves: one list for the bus and the feed."""

from pathlib import Path

import pytest

from domain.redis_refusals import is_passing

ROOT = Path(__file__).parents[2]
PASSING = [
    "MISCONF Redis is configured to save RDB snapshots, but it is currently unable to persist to disk.",
    "OOM command not allowed when used memory > 'maxmemory'.",
    "READONLY You can't write against a read only replica.",
    "LOADING Redis is loading the dataset in memory",
    "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
    "CLUSTERDOWN The cluster is down",
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "NOREPLICAS Not enough good replicas to write.",
    "TRYAGAIN Multiple keys request during rehashing of slot",
    "UNBLOCKED the stream key no longer exists",
    "ERR Error running script (call to f_0): @user_script:1: OOM command not allowed",
    "Command # 1 (XADD quotes:dead) of pipeline caused error: MISCONF Redis is configured to save",
]
LASTING = [
    "WRONGTYPE Operation against a key holding the wrong kind of value",
    "BUSYGROUP Consumer Group name already exists",
    "NOAUTH Authentication required.",
    "NOPERM this user has no permissions to run the 'xadd' command",
    "ERR unknown command 'XAUTOCLAIM'",
    "",
]


@pytest.mark.parametrize("refusal", PASSING)
def test_a_refusal_that_passes_is_waited_for(refusal: str) -> None:
    assert is_passing(refusal)


@pytest.mark.parametrize("refusal", LASTING)
def test_a_refusal_that_waiting_cannot_mend_is_none_of_them(refusal: str) -> None:
    assert not is_passing(refusal)


def test_bus_and_feed_have_no_list_of_their_own() -> None:
    for path in ("feeds/redis_feed.py", "subscriptions/redis_bus.py"):
        source = (ROOT / path).read_text()
        assert "is_passing(" in source
        assert "MISCONF" not in source
