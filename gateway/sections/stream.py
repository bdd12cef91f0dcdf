"""The event stream: outbox, relay and bus."""

from pydantic import Field

from gateway.sections.types import Count, Seconds, Section


class StreamSettings(Section):
    """The event stream: outbox, relay and bus."""

    relay_batch: Count = Field(500, description="The most outbox rows the relay publishes at a time.")
    relay_poll_interval_s: Seconds = Field(
        0.5, description="How long, in seconds, the relay waits without a wake-up before it looks again."
    )
    unpublished_batch: Count = Field(
        500,
        description="How many events that the relay has not reached yet a subscription with a snapshot reads "
        "at a time.",
    )
    outbox_retention_hours: Count = Field(
        24, description="For how many hours published outbox rows are kept."
    )
    bus_name: str = Field(
        "desk", min_length=1, description="The prefix of the bus's keys in Redis; two desks need two names."
    )
    bus_history_entries: Count = Field(
        100_000, description="The most events per stream that can be replayed."
    )
    bus_remembered_entries: Count = Field(
        10_000, description="The most recent events that a process replays without asking Redis."
    )
    bus_watched_keys: Count = Field(
        10_000, description="The most subjects, such as symbols, whose latest value the bus remembers."
    )
    listener_buffer_entries: Count = Field(
        1000, description="The most undelivered events of one listener before it is cut off."
    )
