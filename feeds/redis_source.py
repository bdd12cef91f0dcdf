"""What the Redis feed reads, and its limits of size and time."""

from collections.abc import Sequence
from dataclasses import dataclass

from feeds.messages import MAX_MESSAGE_BYTES


@dataclass(frozen=True, slots=True)
class RedisSource:
    """Streams of one server, read as one consumer of a group.

    If a lease lets only one process read, give every process the same consumer name: a successor then
    continues in order, at once.
    """

    url: str
    streams: Sequence[str]
    group: str
    consumer: str

    def __post_init__(self) -> None:
        assert self.streams, "a feed without a stream"


@dataclass(frozen=True, slots=True)
class FeedLimits:
    """`held_max` messages wait for their time; a stream keeps about `dead_letters_max` dead letters."""

    batch_size: int = 500
    message_bytes_max: int = MAX_MESSAGE_BYTES
    held_max: int = 10_000
    dead_letters_max: int = 10_000

    def __post_init__(self) -> None:
        assert self.batch_size > 0, "a batch holds something"


@dataclass(frozen=True, slots=True)
class FeedTiming:
    """`block_s`: how long the server blocks a read without news; after `reply_timeout_s` more the connection
    counts as lost. A lost one is tried again with back-off. Entries that another consumer left for
    `claim_idle_s` move to this consumer.
    """

    block_s: float = 1
    reply_timeout_s: float = 5
    claim_idle_s: float = 30
    backoff_first_s: float = 0.1
    backoff_max_s: float = 5

    @property
    def answer_within_s(self) -> float:
        """The longest time for any command."""
        return self.block_s + self.reply_timeout_s


USUAL_LIMITS, USUAL_TIMING = FeedLimits(), FeedTiming()
