"""What Redis refuses with, and what each refusal means for whoever operates it.

The bus and the feed read this one table, so that what is an outage for one of them is one for the other. Each
of these is waited for: some pass by themselves, the others when Redis or the settings are put right.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """`code` is the first word of the answer, `meaning` what is the matter and what to do."""

    code: str
    meaning: str
    words: str = ""
    """What stands in an answer that does not begin with the code; a regular expression."""
    of_everything: bool = True
    """Whatever is asked is refused; False: what writes, or some commands only."""

    @property
    def pattern(self) -> str:
        """Of an answer that is this refusal."""
        return rf"\b{self.code}\b" + (f"|{self.words}" if self.words else "")


_CREDENTIALS = "put user and password of GATEWAY_REDIS_URL right"
_ONE_SERVER = "the desk needs one Redis and no cluster: let GATEWAY_REDIS_URL name one"
_IN_SCRIPT = "The user executing the script|ACL failure in script"

REFUSALS = (
    Refusal(
        "NOAUTH",
        f"Redis wants a password: {_CREDENTIALS}",
        "HELLO must be called with the client already authenticated|[Aa]uthentication required",
    ),
    Refusal(
        "WRONGPASS",
        f"Redis knows no such user and password: {_CREDENTIALS}",
        "invalid username-password pair|invalid password|without any password configured|no password is set",
    ),
    Refusal(
        "NOPERM",
        "the Redis user may not do what the desk does: allow it by ACL SETUSER (docs/operations.md)",
        f"has no permissions|{_IN_SCRIPT}",
        of_everything=False,
    ),
    Refusal("DENIED", "Redis is in protected mode: give it a password, or let it listen to the desk alone"),
    Refusal("LOADING", "Redis is loading its data: wait until it is there"),
    Refusal(
        "MISCONF", "Redis cannot save to its disk and takes nothing in: look at its log and disk", "", False
    ),
    Refusal("OOM", "the memory of Redis is full and it takes nothing in: raise `maxmemory`", "", False),
    Refusal(
        "READONLY",
        "Redis is a replica and takes nothing in: name the master by GATEWAY_REDIS_URL",
        "",
        False,
    ),
    Refusal("NOREPLICAS", "Redis takes nothing in while too few replicas follow: look at them", "", False),
    Refusal("MASTERDOWN", "Redis is a replica that has lost its master: look at the master"),
    Refusal("BUSY", "Redis is busy with a script: SCRIPT KILL ends it"),
    Refusal("CLUSTERDOWN", f"the Redis cluster is down; {_ONE_SERVER}"),
    Refusal("MOVED", f"the key is on another Redis of a cluster; {_ONE_SERVER}"),
    Refusal("ASK", f"the key moves to another Redis of a cluster; {_ONE_SERVER}"),
    Refusal("CROSSSLOT", f"Redis is a cluster; {_ONE_SERVER}", "", False),
    Refusal("TRYAGAIN", f"a Redis cluster is being changed; {_ONE_SERVER}"),
    Refusal("UNBLOCKED", "Redis ended a wait, for it was made a replica or its keys went away"),
    Refusal(
        "WRONGTYPE", "a key of the desk holds another type of value: rename or delete that key", "", False
    ),
    Refusal("MAXCLIENTS", "Redis has as many clients as it may: raise `maxclients`", "max number of clients"),
)

_BY_CODE = {refusal.code: refusal for refusal in REFUSALS}
_PATTERNS = [(refusal, re.compile(refusal.pattern)) for refusal in REFUSALS]
_OF_PIPELINE = "caused error: "
"""What the client puts between the command, which quotes what others wrote, and the answer of the server."""


def refusal_in(code: str | None, text: str) -> Refusal | None:
    """Which refusal an error of the client is; None: it is another error.

    `code` is the first word of the answer, where the client took it from the text. Redis 6 puts words of its
    own before what failed within a script, so it may also stand anywhere in the text.
    """
    if code is not None and code in _BY_CODE:
        return _BY_CODE[code]
    answer = text.rpartition(_OF_PIPELINE)[2]
    return next((refusal for refusal, pattern in _PATTERNS if pattern.search(answer)), None)


def explained(code: str | None, text: str) -> str:
    """What the error means and what to do, where it is a refusal, and what Redis said."""
    refusal = refusal_in(code, text)
    return text if refusal is None else f"{refusal.meaning} ({text})"
