"""Rate limits: how much a subject or an address may use in a window of time."""

from pydantic import Field

from gateway.sections.types import Count, CountOrZero, Seconds, Section


class RateSettings(Section):
    """Rate limits: how much a subject or an address may use in a window of time."""

    rate_window_s: int = Field(
        60, ge=1, le=3_600, description="The window of time, in seconds, that moves with the clock."
    )
    rate_operations: CountOrZero = Field(
        6_000,
        description="Maximum number of queries and subscriptions of one subject in a window, over all "
        "processes and transports; 0: no limit.",
    )
    rate_cost: CountOrZero = Field(
        5_000_000,
        description="Maximum cost of the queries and subscriptions of one subject in a window, as "
        "`GATEWAY_MAX_QUERY_COST` counts it, and again of its mutations; 0: no limit.",
    )
    rate_new_documents: CountOrZero = Field(
        600,
        description="Maximum number of documents of one subject in a window that a process has not "
        "read before, or has forgotten; 0: no limit.",
    )
    rate_mutations: CountOrZero = Field(
        600, description="Maximum number of mutations of one subject in a window; 0: no limit."
    )
    rate_book_what_ifs: CountOrZero = Field(
        30, description="Maximum number of `bookWhatIf` of one subject in a window; 0: no limit."
    )
    rate_body_bytes: CountOrZero = Field(
        60_000_000,
        description="Maximum number of bytes, in a window, of those bodies and socket messages of one "
        "subject that are larger than 10,000 bytes; 0: no limit.",
    )
    rate_refused_tokens: CountOrZero = Field(
        300,
        description="Maximum number of requests and sockets from one address in a window whose token does "
        "not authenticate; further ones are answered with 429 instead of 401; 0: no limit.",
    )
    rate_names_max: Count = Field(
        10_000,
        description="Maximum number of subjects, and of addresses, that one process counts for a limit.",
    )
    rate_redis_timeout_s: Seconds = Field(
        0.25,
        description="How long, in seconds, a process waits for Redis to share the limits; no request waits "
        "with it.",
    )
