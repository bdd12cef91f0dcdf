"""Process: where it listens, the servers it uses, and how it stops."""

from pathlib import Path

from pydantic import Field, SecretStr

from gateway.sections.types import (
    Count,
    Listed,
    LogFormat,
    Network,
    Profile,
    Seconds,
    SecondsOfADay,
    SecondsOrZero,
    Section,
)

DEVELOPMENT_SECRET = "development-only-secret-known-to-everybody"


class ProcessSettings(Section):
    """Process: where it listens, the servers it uses, and how it stops."""

    profile: Profile = Field(
        Profile.DEVELOPMENT,
        description="The environment that the process runs in: `development` or `production`; `production` "
        "refuses settings that are fit only for a developer's machine.",
    )
    host: str = Field("127.0.0.1", description="IP address or host name that the server listens on.")
    port: int = Field(
        8000, ge=0, le=65535, description="TCP port that the server listens on; 0 selects a free port."
    )
    trusted_proxies: Listed[Network] = Field(
        ("127.0.0.0/8", "::1/128"),
        description="Addresses or networks of the proxies in front of the desk, whose `X-Forwarded-For` "
        "names the client; separated by commas, and a comma alone for none.",
    )
    metrics_port: int | None = Field(
        None,
        ge=1,
        le=65535,
        description="TCP port of `/metrics` alone, which is then not found on `GATEWAY_PORT`; without it "
        "`/metrics` is on `GATEWAY_PORT`.",
    )
    metrics_interval_s: Seconds = Field(
        2,
        description="Interval, in seconds, at which each of several workers leaves its metrics for the one "
        "that answers a scrape.",
    )
    metrics_kept_s: SecondsOrZero = Field(
        1,
        description="How long, in seconds, a process gives the same metrics again to further scrapes, so "
        "that many of them cost little; less than the interval of Prometheus.",
    )
    metrics_database_interval_s: SecondsOrZero = Field(
        5,
        description="How long, in seconds, the metrics that are read from the database are used again, by "
        "all workers together.",
    )
    metrics_operation_names: Count = Field(
        100,
        description="Maximum number of names of operations in the metrics; further names count as `(other)`.",
    )
    build_commit: str = Field(
        "unknown", description="Commit that the process runs, for the metrics; the image sets it."
    )
    data_directory: Path = Field(
        Path(".data"), description="Directory of the SQLite database and of the paper venue's journal."
    )
    pages_directory: Path = Field(
        Path("build"),
        description="Directory of the built pages for browsers, which are in `console` and `explorer` below "
        "it; without them `/console/` answers 503.",
    )
    database_url: str = Field(
        default_factory=lambda known: f"sqlite://{known['data_directory']}/desk.sqlite3",
        repr=False,
        description="URL of the database, `postgres://...` or `sqlite://<file>`; default: an SQLite file in "
        "`GATEWAY_DATA_DIRECTORY`.",
    )
    database_pool_size: Count = Field(
        20, description="Maximum number of PostgreSQL connections that one process opens."
    )
    database_lock_timeout_s: SecondsOfADay = Field(
        5,
        description="How long, in seconds, a command waits for an account that another transaction has "
        "locked; then the command is refused with VERSION_CONFLICT (PostgreSQL only).",
    )
    database_statement_timeout_s: SecondsOfADay = Field(
        60,
        description="How long, in seconds, a statement may run until PostgreSQL cancels it; migrations have "
        "no such limit.",
    )
    loop_failing_told_s: Seconds = Field(
        30,
        description="How long, in seconds, a loop of the desk may fail repeatedly, for example because of a "
        "lock in PostgreSQL, until `/readyz` is degraded and names the loop.",
    )
    database_unreachable_after_s: SecondsOfADay = Field(
        30,
        description="How long, in seconds, the PostgreSQL host may leave packets unacknowledged, as behind "
        "a firewall that drops them, until the connection counts as lost.",
    )
    redis_url: str | None = Field(
        None,
        repr=False,
        description="URL of the Redis server for the bus and the Redis feed; without it the bus is in "
        "memory and only one process can run.",
    )
    auth_secret: SecretStr = Field(
        SecretStr(DEVELOPMENT_SECRET),
        description="HS256 key that signs cursors, and tokens unless a login service does; at least 32 bytes "
        "in production.",
    )
    auth_previous_secret: SecretStr | None = Field(
        None,
        description="Previous signing key; its signatures stay valid while this is set.",
    )
    auth_leeway_s: SecondsOrZero = Field(
        5,
        description="Maximum difference, in seconds, between the clocks of the token issuer and of the desk "
        "when a token's times are checked.",
    )
    lease_ttl_s: SecondsOfADay = Field(
        5,
        description="Lifetime of a lease in seconds: how long after the death of a process another one "
        "takes over its work.",
    )
    database_standstill_s: SecondsOfADay = Field(
        default_factory=lambda known: known["lease_ttl_s"],
        description="How long, in seconds, a process may stand still inside a transaction, or its host be "
        "unreachable, until PostgreSQL ends the session and frees its locks; default: "
        "`GATEWAY_LEASE_TTL_S`.",
    )
    database_pooler: bool = Field(
        False,
        description="Set to `true` when the process reaches PostgreSQL through a pooler in transaction "
        "mode, such as PgBouncer: limits are then set in each transaction, and no statement is "
        "prepared by name.",
    )
    lease_renew_s: Seconds = Field(
        1.5,
        description="Interval, in seconds, between renewals of a lease; must be below `GATEWAY_LEASE_TTL_S`.",
    )
    lease_without_redis_s: Seconds = Field(
        5,
        description="How long, in seconds, a leader may be without Redis until it gives the lease to a "
        "process that reaches Redis.",
    )
    lease_without_loop_s: Seconds = Field(
        10,
        description="How long, in seconds, the event loop of a leader may stand still until the leader gives "
        "the lease back; PostgreSQL only.",
    )
    clock_offset_max_s: Seconds = Field(
        10,
        description="Maximum difference, in seconds, between the clock of a process and the clocks of the "
        "database, of Redis and of the sources of the feed; beyond it the process is not ready.",
    )
    drain_flush_s: SecondsOrZero = Field(
        1,
        description="How long, in seconds, a stopping process continues to send events that already wait "
        "for its subscribers.",
    )
    drain_spread_s: SecondsOrZero = Field(
        3,
        description="Period, in seconds, over which the clients of a stopping process are asked to "
        "reconnect, each after a random delay.",
    )
    drain_idle_s: SecondsOrZero = Field(
        1,
        description="How long, in seconds, a stopping process still answers a request on an idle "
        "connection; the answer announces that the connection closes.",
    )
    shutdown_timeout_s: Seconds = Field(
        10,
        description="Maximum time, in seconds, that running requests have to end at shutdown, and again "
        "that the loops have.",
    )
    log_format: LogFormat = Field(
        LogFormat.AUTO,
        description="Format of log lines: `console`, `json`, or `auto` (`console` on a terminal, otherwise "
        "`json`).",
    )

    @property
    def auth_secrets(self) -> list[str]:
        """The signing keys; the first one signs, all of them verify."""
        secrets = (self.auth_secret, self.auth_previous_secret)
        return [secret.get_secret_value() for secret in secrets if secret is not None]
