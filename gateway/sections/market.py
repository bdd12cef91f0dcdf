"""Market data: the feed, and how old a price may be."""

from decimal import Decimal
from pathlib import Path

from pydantic import Field

from gateway.sections.types import Count, Feed, Listed, Seconds, SecondsOrZero, Section


class MarketSettings(Section):
    """Market data: the feed, and how old a price may be."""

    feed: Feed = Field(
        Feed.NONE, description="Source of prices, positions and cash: `none`, `replay` or `redis`."
    )
    book_file: Path | None = Field(
        None, description="Book file that is imported into an empty database at start."
    )
    replay_file: Path | None = Field(
        None, description="CSV file of closing prices that the replay feed plays."
    )
    replay_day_seconds: Seconds = Field(10, description="Duration of one replayed trading day, in seconds.")
    replay_steps_per_day: Count = Field(
        10, description="Minimum number of price steps in one replayed trading day."
    )
    feed_streams: Listed[str] = Field(
        ("desk:quotes", "desk:book"),
        min_length=1,
        description="Redis streams that the Redis feed reads, separated by commas.",
    )
    feed_batch: Count = Field(500, description="Maximum number of feed messages that are processed together.")
    feed_dead_letters: Count = Field(
        10_000, description="Approximate number of dead letters that each stream `<stream>:dead` keeps."
    )
    feed_ahead_tolerance_s: SecondsOrZero = Field(
        60,
        description="How far, in seconds, the time of a message may be ahead of the desk's clock; such a "
        "message is used at once, with the time of its arrival, and one further ahead is held "
        "until its time comes.",
    )
    feed_held_for_max_s: SecondsOrZero = Field(
        3600,
        description="Longest time, in seconds, that the Redis feed holds a message until its time comes; a "
        "message further ahead becomes a dead letter.",
    )
    feed_held_messages: Count = Field(
        10_000,
        description="Maximum number of messages that the Redis feed holds; further ones become dead letters.",
    )
    feed_loss_told_s: SecondsOrZero = Field(
        3600,
        description="How long, in seconds, `/readyz` stays degraded after messages were deleted from a "
        "stream before the desk read them.",
    )
    input_outcomes: Count = Field(
        100_000,
        description="Maximum number of superseded, held and dead messages that the database remembers for "
        "`python -m gateway inputs`.",
    )
    max_price_age_s: Seconds = Field(
        60,
        description="Age, in seconds, beyond which a price or FX rate is stale, and the figures that depend "
        "on it.",
    )
    unpriced_short_rise: Decimal = Field(
        Decimal(1),
        ge=0,
        le=1000,
        description="Assumed rise of a short position without a price above its average cost, as a fraction "
        "of that cost; 1 means twice the cost.",
    )
    option_exercise_markets: Listed[str] = Field(
        ("XNYS", "XHKG"),
        description="Markets, separated by commas, that exercise options in the money automatically at "
        "expiry; there an expired option is worth its intrinsic value until it is settled, "
        "elsewhere nothing.",
    )
    option_settlement_days: int = Field(
        4,
        ge=0,
        le=30,
        description="Calendar days from an option's last day until its exercise is settled; after that the "
        "option is worth nothing.",
    )
    reporting_currency: str = Field(
        "USD",
        pattern="^[A-Z]{3}$",
        description="Currency of totals over several accounts, as an ISO 4217 code.",
    )
