"""The process: where it listens, what it works with, how it stops."""

from pathlib import Path

from pydantic import Field, SecretStr

from gateway.sections.types import Count, LogFormat, Profile, Seconds, SecondsOrZero, Section

DEVELOPMENT_SECRET = "development-only-secret-known-to-everybody"


class ProcessSettings(Section):
    """The process: where it listens, what it works with, how it stops."""

    profile: Profile = Field(
        Profile.DEVELOPMENT, description="`production` refuses what is only fit for a developer's machine."
    )
    host: str = Field("127.0.0.1", description="The address the server listens on.")
    port: int = Field(8000, ge=0, le=65535, description="The port the server listens on; 0 takes a free one.")
    data_directory: Path = Field(Path(".data"), description="Where the embedded database lives.")
    database_url: str = Field(
        default_factory=lambda known: f"sqlite://{known['data_directory']}/desk.sqlite3",
        repr=False,
        description="The database, `postgres://...` or `sqlite://<file>`; default: in the data directory.",
    )
    database_pool_size: Count = Field(20, description="The most PostgreSQL connections one process opens.")
    database_lock_timeout_s: Seconds = Field(
        5,
        description="How many seconds a command waits for an account that another one works on, until it is "
        "refused as VERSION_CONFLICT; PostgreSQL only.",
    )
    database_statement_timeout_s: Seconds = Field(
        60,
        description="After how many seconds PostgreSQL gives a statement up, so that one that would never "
        "end holds no connection for ever; migrations take as long as they take.",
    )
    loop_failing_told_s: Seconds = Field(
        30,
        description="For how many seconds a loop of the desk fails again and again, as over a lock in "
        "PostgreSQL, until `/readyz` is degraded and names it.",
    )
    database_unreachable_after_s: Seconds = Field(
        30,
        description="How long PostgreSQL's host may leave packets unacknowledged until a connection is "
        "lost, as when it vanished behind a firewall.",
    )
    redis_url: str | None = Field(
        None,
        repr=False,
        description="The Redis server of bus and leases; without it the bus lives in memory.",
    )
    auth_secret: SecretStr = Field(
        SecretStr(DEVELOPMENT_SECRET),
        description="The HS256 key that signs tokens and cursors, 32 bytes or more.",
    )
    auth_previous_secret: SecretStr | None = Field(
        None,
        description="The key before that: what it signed is still taken, as long as this is set.",
    )
    auth_leeway_s: SecondsOrZero = Field(
        5, description="By how many seconds the clocks of token issuer and desk may differ."
    )
    lease_ttl_s: Seconds = Field(
        5, description="After how many seconds a dead process's work is taken over by another."
    )
    database_standstill_s: Seconds = Field(
        default_factory=lambda known: known["lease_ttl_s"],
        description="After how many seconds PostgreSQL ends the session, and frees the locks, of a process "
        "that stands still inside a transaction or whose host vanished; default: `GATEWAY_LEASE_TTL_S`.",
    )
    database_pooler: bool = Field(
        False,
        description="Whether PostgreSQL is reached through a pooler in transaction mode, such as PgBouncer: "
        "then limits are set in each transaction, and no statement is prepared by name.",
    )
    lease_renew_s: Seconds = Field(
        1.5, description="How often, in seconds, a lease is renewed; must be below its lifetime."
    )
    lease_without_redis_s: Seconds = Field(
        5,
        description="For how many seconds a leader may not reach Redis until it gives the lease to a process "
        "that reaches it.",
    )
    clock_offset_max_s: Seconds = Field(
        10,
        description="By how many seconds the clock of a process may differ from the clock of the database; "
        "beyond that the process is not ready.",
    )
    drain_flush_s: SecondsOrZero = Field(
        1, description="For how many seconds a stopping process still sends what is on its way."
    )
    drain_spread_s: SecondsOrZero = Field(
        3, description="Over how many seconds the clients of a stopping process are asked to come back."
    )
    drain_idle_s: SecondsOrZero = Field(
        1,
        description="For how many seconds a stopping process still answers a request on an idle connection; "
        "the answer says that it is the last.",
    )
    shutdown_timeout_s: Seconds = Field(
        10, description="How many seconds open requests and workers have to end at shutdown."
    )
    log_format: LogFormat = Field(
        LogFormat.AUTO, description="`console`, `json`, or `auto`: console on a terminal, JSON elsewhere."
    )

    @property
    def auth_secrets(self) -> list[str]:
        """The current one first."""
        secrets = (self.auth_secret, self.auth_previous_secret)
        return [secret.get_secret_value() for secret in secrets if secret is not None]
