"""Counts of what this process sent to clients and other systems since it started, for the metrics."""

from collections import Counter
from dataclasses import dataclass, field

from domain.message import Channel, MessageStatus


@dataclass(frozen=True, slots=True)
class OutboundCounts:
    """Counted by the leader; zero in every other process."""

    messages: Counter[tuple[Channel, MessageStatus]] = field(default_factory=Counter)
    """Settled messages by channel and status."""
    failed_attempts: Counter[Channel] = field(default_factory=Counter)
    failing: set[Channel] = field(default_factory=set)
    """Channels with an open circuit, which are tried at intervals only."""
    posts: Counter[bool] = field(default_factory=Counter)
    """Webhook deliveries, by whether the receiver accepted them."""
