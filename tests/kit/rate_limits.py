"""Rate limits for what sends more in a minute than people do: the desk counts, and refuses nothing."""

UNLIMITED = {
    "rate_operations": 1_000_000_000,
    "rate_cost": 1_000_000_000,
    "rate_new_documents": 1_000_000_000,
    "rate_mutations": 1_000_000_000,
    "rate_book_what_ifs": 1_000_000_000,
    "rate_body_bytes": 1_000_000_000,
    "rate_refused_tokens": 1_000_000_000,
}
"""Settings."""
UNLIMITED_ENVIRONMENT = {f"GATEWAY_{name.upper()}": str(most) for name, most in UNLIMITED.items()}
