"""The paths that operators' programs ask, which are answered whatever clients do."""

HEALTH_PATH, READINESS_PATH, METRICS_PATH = "/healthz", "/readyz", "/metrics"
PROBE_PATHS = frozenset(path.encode() for path in (HEALTH_PATH, READINESS_PATH, METRICS_PATH))
"""As they stand in a request."""
