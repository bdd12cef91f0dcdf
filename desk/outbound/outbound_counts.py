"""What this process sent to clients and other systems, counted since it started; for those who watch it."""

from collections import Counter
from dataclasses import dataclass, field

from domain.message import Channel, MessageStatus


@dataclass(frozen=True, slots=True)
class OutwardCounts:
    """Counted by the leader; zero in every other process."""

    messages: Counter[tuple[Channel, MessageStatus]] = field(default_factory=Counter)
    """Messages that came to an end, by channel and how."""
    failed_attempts: Counter[Channel] = field(default_factory=Counter)
    failing: set[Channel] = field(default_factory=set)
    """Channels that are only tried now and then: their circuit is open."""
    posts: Counter[bool] = field(default_factory=Counter)
    """Deliveries to webhooks, by whether the receiver took them."""
