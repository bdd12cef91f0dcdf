"""What Redis refuses with: one table for the bus and the feed, and what each refusal means."""

from pathlib import Path

import pytest

from outages.redis_refusals import REFUSALS, refusal_in

ROOT = Path(__file__).parents[2]
SAID = [
    ("MISCONF", None, "MISCONF Redis is configured to save RDB snapshots, but it is unable to persist."),
    ("OOM", "OOM", "command not allowed when used memory > 'maxmemory'."),
    ("READONLY", "READONLY", "You can't write against a read only replica."),
    ("LOADING", "LOADING", "Redis is loading the dataset in memory"),
    ("BUSY", None, "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."),
    ("CLUSTERDOWN", "CLUSTERDOWN", "The cluster is down"),
    ("MASTERDOWN", "MASTERDOWN", "Link with MASTER is down and replica-serve-stale-data is set to 'no'."),
    ("NOREPLICAS", None, "NOREPLICAS Not enough good replicas to write."),
    ("TRYAGAIN", "TRYAGAIN", "Multiple keys request during rehashing of slot"),
    ("MOVED", "MOVED", "3999 127.0.0.1:6381"),
    ("ASK", "ASK", "3999 127.0.0.1:6381"),
    ("CROSSSLOT", "CROSSSLOT", "Keys in request don't hash to the same slot"),
    ("UNBLOCKED", None, "UNBLOCKED the stream key no longer exists"),
    ("DENIED", None, "DENIED Redis is running in protected mode because protected mode is enabled"),
    ("NOAUTH", "NOAUTH", "Authentication required."),
    ("NOAUTH", "NOAUTH", "HELLO must be called with the client already authenticated"),
    ("WRONGPASS", "WRONGPASS", "invalid username-password pair or user is disabled."),
    ("WRONGPASS", "ERR", "invalid password"),
    ("WRONGPASS", "ERR", "AUTH <password> called without any password configured for the default user."),
    ("NOPERM", "NOPERM", "this user has no permissions to run the 'xadd' command or its subcommand"),
    ("NOPERM", "NOPERM", "User desk has no permissions to access one of the keys used as arguments"),
    (
        "NOPERM",
        "ERR",
        "Error running script (call to f_0): @user_script:1: The user executing the script",
    ),
    ("MAXCLIENTS", "ERR", "max number of clients reached"),
    ("WRONGTYPE", None, "WRONGTYPE Operation against a key holding the wrong kind of value"),
    ("OOM", "ERR", "Error running script (call to f_0): @user_script:1: OOM command not allowed"),
    ("MISCONF", None, "Command # 1 (XADD quotes:dead) of pipeline caused error: MISCONF Redis is configured"),
    ("OOM", "OOM", "Command # 1 (XADD quotes:dead) of pipeline caused error: command not allowed"),
]
NONE_OF_THEM = [
    "BUSYGROUP Consumer Group name already exists",
    "NOGROUP No such key 'quotes' or consumer group 'desk' in XREADGROUP with GROUP option",
    "ERR unknown command 'XAUTOCLAIM'",
    "Command # 1 (XADD quotes:dead message OOM) of pipeline caused error: ERR unknown command",
    "",
]


@pytest.mark.parametrize(("code", "status", "text"), SAID)
def test_each_refusal_is_known_by_its_code_or_its_words(code: str, status: str | None, text: str) -> None:
    found = refusal_in(status, text)
    assert found is not None
    assert found.code == code


def test_every_refusal_of_the_table_is_tried_and_says_what_to_do() -> None:
    assert {code for code, _, _ in SAID} == {refusal.code for refusal in REFUSALS}
    page = (ROOT / "docs/operations.md").read_text()
    for refusal in REFUSALS:
        assert ":" in refusal.meaning or "wait" in refusal.meaning
        assert refusal.code in page


@pytest.mark.parametrize("text", NONE_OF_THEM)
def test_other_errors_are_no_refusals(text: str) -> None:
    assert refusal_in("ERR" if text.startswith("ERR") else None, text.removeprefix("ERR ")) is None


def test_bus_and_feed_have_no_list_of_their_own() -> None:
    for path in ("feeds/redis_link.py", "subscriptions/stream/redis_connections.py"):
        source = (ROOT / path).read_text()
        assert "refusal_in(" in source
        assert "MISCONF" not in source
