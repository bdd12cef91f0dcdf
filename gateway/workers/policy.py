"""How the desk's loops are kept running."""

from gateway.supervisor import RestartPolicy, Supervisor, Worker
from subscriptions.bus import BusUnavailable

PERSISTENT = RestartPolicy(max_crashes=None, max_wait_s=2)
"""A database that is away for an hour must not end the desk: it tries on, is not ready meanwhile, and back at
work soon after the database is."""
OUTAGES = (BusUnavailable, ConnectionError)
"""What bus and database raise while their server is away."""


def supervised(*workers: Worker) -> Supervisor:
    """Not started yet."""
    return Supervisor(workers, PERSISTENT, outages=OUTAGES)
