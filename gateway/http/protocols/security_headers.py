"""Headers of every answer, for browsers: what they must not do with it.

`Strict-Transport-Security` is for the proxy that ends TLS, since a process of the desk speaks plain HTTP.
"""

EVERY_ANSWER = (
    # JSON and CSV are never taken for a script or a page.
    ("x-content-type-options", "nosniff"),
    # The address of a page may contain a query and its variables.
    ("referrer-policy", "no-referrer"),
    # No page of another origin embeds an answer; requests with CORS are decided by GATEWAY_ALLOWED_ORIGINS.
    ("cross-origin-resource-policy", "same-origin"),
    ("x-frame-options", "DENY"),
)


def header_lines() -> str:
    """The same for answers that are written without uvicorn."""
    return "".join(f"{name}: {value}\r\n" for name, value in EVERY_ANSWER)
