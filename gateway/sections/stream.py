"""Event stream: the outbox, the relay and the bus."""

from pydantic import Field

from gateway.sections.types import Count, Hours, Seconds, Section


class StreamSettings(Section):
    """Event stream: the outbox, the relay and the bus."""

    relay_batch: Count = Field(
        500, description="Maximum number of outbox rows that the relay publishes together."
    )
    relay_poll_interval_s: Seconds = Field(
        0.5,
        description="Interval, in seconds, at which the relay looks for new events when no transaction "
        "wakes it.",
    )
    unpublished_batch: Count = Field(
        500,
        description="Maximum number of events not yet published by the relay that a subscription with a "
        "snapshot reads together.",
    )
    outbox_retention_hours: Hours = Field(
        24, description="How long, in hours, published outbox rows are kept."
    )
    bus_name: str = Field(
        "desk",
        min_length=1,
        description="Prefix of the bus's keys in Redis; each desk on one Redis needs its own.",
    )
    bus_history_entries: Count = Field(
        100_000, description="Number of events per stream that are kept for replay, approximately."
    )
    bus_remembered_entries: Count = Field(
        10_000,
        description="Number of recent events that a process replays from memory, without asking Redis.",
    )
    bus_watched_keys: Count = Field(
        10_000,
        description="Maximum number of subjects, such as symbols, whose latest value the bus remembers.",
    )
    listener_buffer_entries: Count = Field(
        1000,
        description="Maximum number of undelivered events of one listener; beyond it the listener is cut "
        "off.",
    )
