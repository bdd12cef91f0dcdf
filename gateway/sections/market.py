"""The market: feeds, and how old a price may be."""

from decimal import Decimal
from pathlib import Path

from pydantic import Field

from gateway.sections.types import Count, Feed, Listed, Seconds, SecondsOrZero, Section


class MarketSettings(Section):
    """The market: feeds, and how old a price may be."""

    feed: Feed = Field(
        Feed.NONE, description="Where prices, positions and cash come from: `none`, `replay` or `redis`."
    )
    book_file: Path | None = Field(
        None, description="The book that is imported into an empty database at start."
    )
    replay_file: Path | None = Field(None, description="The closing prices that the replay feed plays.")
    replay_day_seconds: Seconds = Field(10, description="How many seconds one replayed trading day takes.")
    replay_steps_per_day: Count = Field(
        10, description="The least number of price steps in one replayed trading day."
    )
    feed_streams: Listed[str] = Field(
        ("desk:quotes", "desk:book"),
        min_length=1,
        description="The Redis streams that the Redis feed reads, separated by commas.",
    )
    feed_batch: Count = Field(500, description="The most messages of a feed that are taken in at a time.")
    feed_dead_letters: Count = Field(
        10_000, description="The most unreadable messages that the Redis feed keeps for inspection."
    )
    feed_ahead_tolerance_s: SecondsOrZero = Field(
        60,
        description="By how many seconds the time of a message may be ahead of the clock: it is used at "
        "once, with the time of its arrival. One that is further ahead is held until its time has come.",
    )
    feed_held_for_max_s: SecondsOrZero = Field(
        3600,
        description="For at most how many seconds the Redis feed holds a message until its time has come; "
        "one whose time is further ahead is a dead letter.",
    )
    feed_held_messages: Count = Field(
        10_000, description="The most messages that the Redis feed holds; any further one is a dead letter."
    )
    feed_loss_told_s: SecondsOrZero = Field(
        3600,
        description="For how many seconds `/readyz` is degraded after messages of the Redis feed were "
        "deleted before they were read.",
    )
    input_outcomes: Count = Field(
        100_000,
        description="The most messages that were superseded, held or dead that the database remembers for "
        "`python -m gateway inputs`.",
    )
    max_price_age_s: Seconds = Field(
        60, description="A price or FX rate older than this many seconds makes figures stale."
    )
    unpriced_short_rise: Decimal = Field(
        Decimal(1),
        ge=0,
        le=1000,
        description="By which fraction the desk assumes that a short position without a price may have risen "
        "above its average cost; 1: to twice the cost.",
    )
    option_exercise_markets: Listed[str] = Field(
        ("XNYS", "XHKG"),
        description="The markets, separated by commas, that exercise options in the money by themselves at "
        "expiry. An expired option is worth its intrinsic value there until it is settled, elsewhere "
        "nothing.",
    )
    option_settlement_days: int = Field(
        4,
        ge=0,
        le=30,
        description="How many calendar days after its last day the exercise of an option is settled: from "
        "then on it is worth nothing.",
    )
    reporting_currency: str = Field(
        "USD", pattern="^[A-Z]{3}$", description="The currency that totals over accounts are stated in."
    )
