"""The refusals of Redis, with the meaning of each for the operator.

The bus and the feed share this table, so that both treat the same errors as outages. Each refusal is retried:
some pass by themselves, the others once Redis or the settings are corrected.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """`code` is the first word of the answer, `meaning` the cause and the remedy."""

    code: str
    meaning: str
    words: str = ""
    """A regular expression for answers that do not begin with the code."""
    of_everything: bool = True
    """Every command is refused; False: writes, or some commands only."""

    @property
    def pattern(self) -> str:
        """A regular expression for answers that are this refusal."""
        return rf"\b{self.code}\b" + (f"|{self.words}" if self.words else "")


_CREDENTIALS = "correct the user and password in GATEWAY_REDIS_URL"
_ONE_SERVER = "the desk requires a single Redis server, not a cluster: set GATEWAY_REDIS_URL to one"
_IN_SCRIPT = "The user executing the script|ACL failure in script"

REFUSALS = (
    Refusal(
        "NOAUTH",
        f"Redis requires a password: {_CREDENTIALS}",
        "HELLO must be called with the client already authenticated|[Aa]uthentication required",
    ),
    Refusal(
        "WRONGPASS",
        f"Redis does not know this user and password: {_CREDENTIALS}",
        "invalid username-password pair|invalid password|without any password configured|no password is set",
    ),
    Refusal(
        "NOPERM",
        "the Redis user lacks a permission that the desk needs: grant it with ACL SETUSER "
        "(docs/operations.md)",
        f"has no permissions|{_IN_SCRIPT}",
        of_everything=False,
    ),
    Refusal(
        "DENIED",
        "Redis is in protected mode: set a password, or bind it to an address that only the desk reaches",
    ),
    Refusal("LOADING", "Redis is loading its data: wait until it has finished"),
    Refusal("MISCONF", "Redis cannot save to its disk and refuses writes: check its log and disk", "", False),
    Refusal("OOM", "Redis is out of memory and refuses writes: raise `maxmemory`", "", False),
    Refusal(
        "READONLY",
        "Redis is a replica and refuses writes: set GATEWAY_REDIS_URL to the master",
        "",
        False,
    ),
    Refusal(
        "NOREPLICAS",
        "Redis refuses writes because too few replicas are connected: check the replicas",
        "",
        False,
    ),
    Refusal("MASTERDOWN", "Redis is a replica that has lost its master: check the master"),
    Refusal("BUSY", "Redis is busy with a script: end it with SCRIPT KILL"),
    Refusal("CLUSTERDOWN", f"the Redis cluster is down; {_ONE_SERVER}"),
    Refusal("MOVED", f"the key is on another server of a Redis cluster; {_ONE_SERVER}"),
    Refusal("ASK", f"the key is moving to another server of a Redis cluster; {_ONE_SERVER}"),
    Refusal("CROSSSLOT", f"Redis is a cluster; {_ONE_SERVER}", "", False),
    Refusal("TRYAGAIN", f"the Redis cluster is being reconfigured; {_ONE_SERVER}"),
    Refusal(
        "UNBLOCKED",
        "Redis ended a blocking read because it became a replica or the key was deleted: wait, or look at "
        "the servers",
    ),
    Refusal(
        "WRONGTYPE", "a key of the desk holds another type of value: rename or delete the key", "", False
    ),
    Refusal(
        "MAXCLIENTS", "Redis has reached its limit of clients: raise `maxclients`", "max number of clients"
    ),
)

_BY_CODE = {refusal.code: refusal for refusal in REFUSALS}
_PATTERNS = [(refusal, re.compile(refusal.pattern)) for refusal in REFUSALS]
_OF_PIPELINE = "caused error: "
"""Separates the command, which quotes text from others, from the server's answer in the client's message."""


def refusal_in(code: str | None, text: str) -> Refusal | None:
    """The refusal of a client's error; None: it is another error.

    `code` is the first word of the answer, if the client removed it from the text. Redis 6 adds text before
    an error within a script, so the code may also be anywhere in the text.
    """
    if code is not None and code in _BY_CODE:
        return _BY_CODE[code]
    answer = text.rpartition(_OF_PIPELINE)[2]
    return next((refusal for refusal, pattern in _PATTERNS if pattern.search(answer)), None)


def explained(code: str | None, text: str) -> str:
    """The meaning of the error and the remedy, if it is a refusal, with Redis's own text."""
    refusal = refusal_in(code, text)
    return text if refusal is None else f"{refusal.meaning} ({text})"
