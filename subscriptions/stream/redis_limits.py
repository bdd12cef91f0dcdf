"""How much the Redis bus keeps, and how long it waits."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BusLimits:
    """`history_max` entries are kept in Redis (approximately: never fewer), `remember_max` in this process.
    `buffer_max` entries wait for one listener, and values of `watch_keys_max` keys for one watcher.
    """

    history_max: int
    remember_max: int
    buffer_max: int
    watch_keys_max: int
    broadcasts_max: int = 1000
    page_max: int = 500


@dataclass(frozen=True, slots=True)
class BusTiming:
    """`block_s`: how long the server blocks a read without news; after `read_timeout_s` more the connection
    counts as lost. A lost one is tried again after `reconnect_delay_s`, one that is refused after up to
    `refused_delay_max_s`. The outbox is read every `poll_interval_s` while Redis is unavailable, and compared
    with Redis every `outbox_check_s`.
    """

    block_s: float = 0.2
    read_timeout_s: float = 0.3
    poll_interval_s: float = 0.4
    outbox_check_s: float = 1.0
    reconnect_delay_s: float = 0.2
    refused_delay_max_s: float = 5.0
    command_timeout_s: float = 1.0
    page_timeout_s: float = 5.0
    first_read_timeout_s: float = 10.0


USUAL_TIMING = BusTiming()
