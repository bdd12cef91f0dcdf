"""Every number and switch of the desk that an operator may set; the only reader of the environment.

A setting is an environment variable `GATEWAY_<NAME>`; `docs/settings.md` is generated from the descriptions
below. Guarantees: an instance is frozen and consistent. What cannot work together, and what must not run in
production, raises `SettingsError` with one sentence per problem, never with a secret in it.
"""

import os
from collections.abc import Mapping
from datetime import time
from decimal import Decimal
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from domain.message import Channel
from domain.money import InvalidDecimal, parse_decimal

PREFIX = "GATEWAY_"
DEVELOPMENT_SECRET = "development-only-secret-known-to-everybody"
MIN_SECRET_BYTES = 32
"""RFC 7518 section 3.2: an HS256 key is at least as long as the hash."""


def _split_commas(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _split_pairs(value: object) -> object:
    if not isinstance(value, str):
        return value
    pairs = [part.strip().partition("=") for part in value.split(",") if part.strip()]
    if not all(key and assigned for key, _, assigned in pairs):
        raise ValueError("Input should be pairs such as USD=XNYS,HKD=XHKG")
    return {key.strip(): assigned.strip() for key, _, assigned in pairs}


Pairs = Annotated[dict[str, str], NoDecode, BeforeValidator(_split_pairs)]
CommaSeparated = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_commas)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
SecondsOrZero = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(gt=0)]


class SettingsError(Exception):
    """The desk cannot start like this; `problems` says why, one sentence each."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Profile(StrEnum):
    """Whether mistakes are forgiven."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


class Feed(StrEnum):
    """Where prices, positions and cash come from."""

    NONE = "none"
    REPLAY = "replay"
    REDIS = "redis"


class LogFormat(StrEnum):
    """How a log line is written; AUTO is CONSOLE on a terminal and JSON elsewhere."""

    AUTO = "auto"
    CONSOLE = "console"
    JSON = "json"


class Settings(BaseSettings):
    """The desk's settings. Values given to the constructor win over the environment."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid", validate_default=True
    )

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
    reporting_currency: str = Field(
        "USD", pattern="^[A-Z]{3}$", description="The currency that totals over accounts are stated in."
    )

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
    feed_streams: CommaSeparated = Field(
        ("desk:quotes", "desk:book"),
        min_length=1,
        description="The Redis streams that the Redis feed reads, separated by commas.",
    )
    feed_batch: Count = Field(500, description="The most messages of a feed that are taken in at a time.")
    feed_dead_letters: Count = Field(
        10_000, description="The most unreadable messages that the Redis feed keeps for inspection."
    )
    quote_flush_interval_s: Seconds = Field(
        0.25, description="How often, in seconds, changed quotes are written to the database."
    )

    max_price_age_s: Seconds = Field(
        60, description="A price or FX rate older than this many seconds makes figures stale."
    )
    suspended_dead_after_days: Count = Field(
        30, description="After how many days of suspension a position backs no loan any more."
    )
    close_hold_s: SecondsOrZero = Field(
        60, description="For how many seconds the amount must stay 0 before a case counts as cured."
    )
    case_refresh_interval_s: Seconds = Field(
        1, description="How often, in seconds, the stored figures of open cases are refreshed."
    )
    deadline_trading_days: Count = Field(
        3, description="A case is due on this trading day, counted from the day it opens."
    )
    deadline_cutoff: time = Field(
        time(14, 0), description="The time of day of deadlines, local to the account's market."
    )
    deadline_markets: Pairs = Field(
        {"USD": "XNYS", "HKD": "XHKG", "JPY": "XTKS", "GBP": "XLON", "EUR": "XETR"},
        description="The market whose calendar sets the deadline, by the account's base currency.",
    )
    deadline_default_market: str = Field(
        "XNYS", description="The market that sets the deadline of accounts in any other currency."
    )
    price_band: Decimal = Field(
        Decimal("0.05"),
        gt=0,
        lt=1,
        description="How far a limit price may be from the mark, as a fraction of it.",
    )

    debit_interest_rates: Pairs = Field(
        {},
        description="The yearly interest on debits that the look-ahead reckons with, by the debit's "
        "currency, fractions such as `HKD=0.0575,USD=0.068`; a currency that is not named bears none there.",
    )
    look_ahead_settlement_days: int = Field(
        2,
        ge=0,
        le=10,
        description="How many trading days after a session its trades are settled: until then the look-ahead "
        "reckons interest.",
    )
    covered_options_trigger_time: time | None = Field(
        None,
        description="When stock for written calls is collected, local to the market, while the risk settings "
        "say nothing of it; default: never.",
    )
    case_claim_minutes: Count = Field(
        15, description="For how many minutes a claim on a case holds unless it is renewed."
    )
    deadline_extension_trading_days: int = Field(
        3,
        ge=0,
        description="How many trading days past the calendar's deadline one person alone may move it.",
    )
    auto_liquidation_poll_s: Seconds = Field(
        1, description="How often, in seconds, the desk looks for automatic liquidations that are due."
    )
    auto_liquidation_retry_s: Seconds = Field(
        10,
        description="After how many seconds an automatic liquidation that waits for a price, or for the end "
        "of a slice, is tried again.",
    )
    auto_liquidation_batch: Count = Field(
        100, description="The most automatic liquidations that are begun at a time."
    )
    intraday_flat_minutes: int = Field(
        15, ge=0, description="How many minutes before the close intraday accounts have to be flat; 0: never."
    )
    intraday_last_order_minutes: int = Field(
        20, ge=0, description="How many minutes before the close intraday accounts may only reduce."
    )
    intraday_liquidate_at_once: bool = Field(
        False, description="Whether the desk liquidates a margin call of an intraday account as it opens."
    )
    market_day_poll_interval_s: Seconds = Field(
        1, description="How often, in seconds, a process looks for market days put in by hand."
    )
    market_day_recheck_s: Seconds = Field(
        600, description="How often, in seconds, the deadlines of all live cases are checked all the same."
    )
    covered_options_check_interval_s: Seconds = Field(
        15, description="How often, in seconds, the desk looks whether the time of covered options has come."
    )
    recall_max_accounts: Count = Field(
        5_000, description="The most accounts that one recall of a stock is allocated over."
    )
    order_adv_share_max: Decimal | None = Field(
        None,
        gt=0,
        le=1,
        description="The most of a day's average volume that one order may be, a fraction; default: no cap.",
    )
    order_notional_max: Pairs = Field(
        {},
        description="The most that one liquidation order may trade, by the account's base currency, such as "
        "`USD=2000000,HKD=15000000`; a currency that is not named has no such cap.",
    )

    liquidate_max_cases: Count = Field(200, description="The most cases one `liquidate` may name.")
    cancel_max_orders: Count = Field(200, description="The most orders one `cancel` may name.")
    approve_max_requests: Count = Field(
        100, description="The most requests one `approve`, `decline` or `withdraw` may name."
    )
    approval_notional: Decimal = Field(
        Decimal(50_000_000),
        ge=0,
        description="The most that one person liquidates of a case alone, in the reporting currency; above "
        "it a second one approves. The risk settings win.",
    )
    approval_cases: Count = Field(
        50,
        description="The most cases that one person liquidates at once alone; above it a second one "
        "approves. The risk settings win.",
    )
    approval_ttl_s: Seconds = Field(
        14_400, description="After how many seconds a request that nobody approved or declined expires."
    )
    approval_growth: Decimal = Field(
        Decimal("0.25"),
        ge=0,
        description="By which fraction the notional of an approved liquidation, planned anew, may exceed "
        "what was asked for; beyond that it has to be asked for anew.",
    )
    approval_poll_interval_s: Seconds = Field(
        5, description="How often, in seconds, the desk looks for requests that have expired."
    )
    exemptions_max: Count = Field(
        500, description="The most exemption rules the risk settings may hold, those switched off included."
    )
    max_legs: Count = Field(100, description="The most orders one liquidation of a case may consist of.")
    page_size_max: Count = Field(100, description="The most items one page of a connection holds.")

    cancel_client_orders: bool = Field(
        True,
        description="Whether a client's own orders are cancelled before ours are sent, and those of intraday "
        "accounts before the close, if the venue can.",
    )
    what_if_timeout_s: Seconds = Field(
        60, description="After how many seconds a what-if of the whole book is ended."
    )
    what_if_waiting_max: Count = Field(
        4, description="The most whole-book what-ifs that run or wait in one process; one runs at a time."
    )
    what_if_accounts_max: Count = Field(
        10_000, description="The most accounts in call that the answer of a whole-book what-if can list."
    )
    what_if_chunk_accounts: Count = Field(
        500, description="How many accounts a whole-book what-if holds in memory at a time."
    )

    order_ack_timeout_s: Seconds = Field(
        10, description="After how many silent seconds of the venue an order's status is asked for."
    )
    dispatch_batch: Count = Field(100, description="The most orders the dispatcher claims at a time.")
    paper_ack_latency_s: SecondsOrZero = Field(
        0.2, description="How many seconds the paper venue takes to acknowledge, reject or cancel an order."
    )
    paper_fill_latency_s: SecondsOrZero = Field(
        0.5, description="How many seconds the paper venue takes before each fill."
    )
    paper_fsync: bool = Field(
        False, description="Whether the paper venue's journal survives a power failure, at a cost per order."
    )

    relay_batch: Count = Field(500, description="The most outbox rows the relay publishes at a time.")
    relay_poll_interval_s: Seconds = Field(
        0.5, description="How long, in seconds, the relay waits without a wake-up before it looks again."
    )
    outbox_retention_hours: Count = Field(
        24, description="For how many hours published outbox rows are kept."
    )
    audit_chain_interval_s: Seconds = Field(
        1, description="How often, in seconds, committed audit rows are put into the hash chain."
    )
    audit_chain_batch: Count = Field(500, description="The most audit rows chained in one transaction.")
    aging_bucket_days: Annotated[tuple[Count, ...], NoDecode, BeforeValidator(_split_commas)] = Field(
        (1, 3, 15, 90),
        min_length=1,
        description="The last days of the aging buckets but for the last one, which has no end.",
    )
    report_max_cases: Count = Field(
        100_000, description="The most cases that one exported report may be about; a longer one is refused."
    )
    daily_snapshot_interval_s: Seconds = Field(
        5, description="How often, in seconds, the desk looks whether daily snapshots are due."
    )
    daily_snapshot_batch: Count = Field(
        50, description="Of how many accounts the cases are snapshot in one transaction, under their locks."
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
    lease_ttl_s: Seconds = Field(
        5, description="After how many seconds a dead process's work is taken over by another."
    )
    lease_renew_s: Seconds = Field(
        1.5, description="How often, in seconds, a lease is renewed; must be below its lifetime."
    )

    message_push_url: SecretStr | None = Field(
        None, description="The Apprise URL of push messages, with `{to}` for the client's push id."
    )
    message_sms_url: SecretStr | None = Field(
        None, description="The Apprise URL of text messages, with `{to}` for the telephone number."
    )
    message_email_url: SecretStr | None = Field(
        None, description="The Apprise URL of e-mail, with `{to}` for the address."
    )
    message_voice_url: SecretStr | None = Field(
        None, description="The Apprise URL of voice calls, with `{to}` for the telephone number."
    )
    message_automatic_channels: Annotated[tuple[Channel, ...], NoDecode, BeforeValidator(_split_commas)] = (
        Field(
            (),
            description="The channels of automatic messages, best first, such as `EMAIL,SMS`; none: off.",
        )
    )
    message_daily_from: time = Field(
        time(9, 0), description="From when on reminders go out, local to the account's market."
    )
    message_lifetime_hours: Count = Field(
        24, description="After how many hours a message that was not sent is given up."
    )
    message_retention_days: Count = Field(
        400,
        description="How many days after its case was closed a message is kept; of a live case, for ever.",
    )
    message_sweep_interval_s: Seconds = Field(
        15, description="How often, in seconds, the desk looks for clients who are to be told something."
    )
    message_poll_interval_s: Seconds = Field(
        0.5, description="How often, in seconds, each channel looks for messages that are due."
    )
    message_concurrency: Count = Field(
        4, description="The most messages, and threads, that one channel sends at once."
    )
    message_timeout_s: Seconds = Field(
        15, description="For how many seconds a message service is waited for."
    )
    message_attempts: Count = Field(8, description="The most attempts to send one message.")
    message_retry_first_s: Seconds = Field(
        5, description="How many seconds after a failed attempt the second one follows; then it doubles."
    )
    message_retry_longest_s: Seconds = Field(
        900, description="The longest wait, in seconds, between two attempts to send a message."
    )
    message_circuit_failures: Count = Field(
        5, description="After how many failures in a row a channel is only tried now and then."
    )
    message_circuit_pause_s: Seconds = Field(
        60, description="How many seconds lie between two tries of a channel that fails."
    )
    webhook_secret_key: SecretStr | None = Field(
        None,
        description="What webhooks' secrets are derived from, 32 bytes or more; default: the auth secret.",
    )
    webhook_allow_http: bool = Field(
        False, description="Whether a webhook's URL may begin with http://, for receivers on this machine."
    )
    webhook_allow_private: bool = Field(
        False, description="Whether a webhook may lead to an address that is not public."
    )
    webhook_timeout_s: Seconds = Field(
        10, description="For how many seconds the receiver of a webhook is waited for."
    )
    webhook_retry_first_s: Seconds = Field(
        1, description="How many seconds after a failed delivery the next try follows; then it doubles."
    )
    webhook_retry_longest_s: Seconds = Field(
        300, description="The longest wait, in seconds, between two tries to deliver."
    )
    webhook_disable_after_hours: Count = Field(
        12, description="A webhook that fails for so many hours is disabled; below the outbox's retention."
    )
    webhook_poll_interval_s: Seconds = Field(
        0.25, description="How often, in seconds, the desk looks for events that webhooks have not got."
    )
    webhook_batch: Count = Field(100, description="The most events read at a time for one webhook.")
    webhooks_max: Count = Field(50, description="The most webhooks of the whole desk.")
    webhooks_max_per_subject: Count = Field(5, description="The most webhooks of one subject.")

    max_body_bytes: Count = Field(100_000, description="The largest HTTP request body.")
    max_query_depth: Count = Field(8, description="The deepest nesting of a GraphQL operation.")
    max_query_tokens: Count = Field(1000, description="The most tokens of a GraphQL document.")
    max_query_aliases: Count = Field(15, description="The most aliases of a GraphQL document.")
    max_query_cost: Count = Field(
        250_000,
        description="The most fields that the answer to a GraphQL operation may have, by its page sizes.",
    )
    introspection: bool = Field(
        default_factory=lambda known: known["profile"] is Profile.DEVELOPMENT,
        description="Whether clients may read the schema and open the explorer; default: in development.",
    )
    allowed_origins: CommaSeparated = Field(
        (), description="Web origins besides the server's own that may call it, separated by commas."
    )
    ws_init_timeout_s: Seconds = Field(
        5, description="How many seconds a new WebSocket has for its `connection_init`."
    )
    ws_max_awaiting_init: Count = Field(
        1000,
        description="The most WebSockets of one process whose `connection_init` has not come or was not "
        "accepted; a further one is answered with 503.",
    )
    ws_max_frame_bytes: Count = Field(65_536, description="The largest WebSocket message a client may send.")
    revocation_poll_interval_s: Seconds = Field(
        0.4, description="How often, in seconds, a process looks for newly revoked subjects."
    )
    ws_max_sockets_per_subject: Count = Field(
        10, description="The most WebSockets and event streams of one subject in one process."
    )
    ws_ping_interval_s: Seconds = Field(15, description="How often, in seconds, a quiet socket is pinged.")
    ws_pong_timeout_s: Seconds = Field(
        10, description="How many seconds a client has to answer a ping before its socket is closed."
    )
    sse_heartbeat_s: Seconds = Field(
        12, description="How often, in seconds, an event stream carries a comment, so that it is kept open."
    )
    sse_reserved_s: Seconds = Field(
        10, description="How many seconds a reserved event stream waits for its connection."
    )
    token_expiry_warning_s: Seconds = Field(
        60, description="How many seconds before its token expires a socket is warned."
    )
    mailbox_frames: Count = Field(
        1000, description="The most frames that wait for one operation of a slow client."
    )
    mailbox_bytes: Count = Field(
        1_048_576, description="The most bytes that wait for one operation of a slow client."
    )
    live_group_backlog: Count = Field(
        10_000, description="The most events that wait for one shared subscription's execution."
    )
    live_remembered_bytes: Count = Field(
        4_194_304, description="The most bytes of ready payloads that a shared subscription remembers."
    )
    live_catch_up_frames: Count = Field(
        10_000, description="The most live events that wait behind one client's replay."
    )
    live_linger_s: Seconds = Field(
        30, description="For how many seconds a shared subscription without subscribers is kept."
    )
    ws_max_operations: Count = Field(
        32, description="The most operations running on one WebSocket or event stream."
    )
    drain_flush_s: SecondsOrZero = Field(
        1, description="For how many seconds a stopping process still sends what is on its way."
    )
    drain_spread_s: SecondsOrZero = Field(
        3, description="Over how many seconds the clients of a stopping process are asked to come back."
    )
    shutdown_timeout_s: Seconds = Field(
        10, description="How many seconds open requests and workers have to end at shutdown."
    )
    log_format: LogFormat = Field(
        LogFormat.AUTO, description="`console`, `json`, or `auto`: console on a terminal, JSON elsewhere."
    )

    @property
    def message_urls(self) -> dict[Channel, str]:
        """The Apprise URL of every channel that has one. Secret."""
        urls = {
            Channel.PUSH: self.message_push_url,
            Channel.SMS: self.message_sms_url,
            Channel.EMAIL: self.message_email_url,
            Channel.VOICE: self.message_voice_url,
        }
        return {channel: url.get_secret_value() for channel, url in urls.items() if url is not None}

    @property
    def auth_secrets(self) -> list[str]:
        """The current one first."""
        secrets = (self.auth_secret, self.auth_previous_secret)
        return [secret.get_secret_value() for secret in secrets if secret is not None]

    @model_validator(mode="after")
    def _refuse_what_cannot_work(self) -> Self:
        problems = (*_contradictions(self), *_unfit_for_production(self))
        if problems:
            raise SettingsError(problems)
        return self


def load_settings(**overrides: Any) -> Settings:
    """The settings of this process: `overrides`, else the environment, else the defaults.

    Raises `SettingsError`.
    """
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise SettingsError(
            tuple(
                f"{variable(str(fault['loc'][0]))}: {fault['msg'].removeprefix('Value error, ')}."
                for fault in error.errors(include_input=False, include_url=False)
                if fault["type"] != "default_factory_not_called"
            )
        ) from None


def variable(field: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + field.upper()


def unless_in_environment(
    values: Mapping[str, Any], environment: Mapping[str, str] = os.environ
) -> dict[str, Any]:
    """Those of the values that the environment does not set: better defaults, but no more than that."""
    return {field: value for field, value in values.items() if variable(field) not in environment}


def unknown_variables(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """One sentence for each `GATEWAY_` variable that is no setting and therefore does nothing."""
    names = sorted(name.upper() for name in environment if name.upper().startswith(PREFIX))
    fields = [name.removeprefix(PREFIX).lower() for name in names]
    return tuple(_unknown(field) for field in fields if field not in Settings.model_fields)


def _unknown(field: str) -> str:
    close = get_close_matches(field, Settings.model_fields, n=1)
    hint = f" Did you mean {variable(close[0])}?" if close else ""
    return f"{variable(field)} is no setting and is ignored.{hint}"


def _contradictions(settings: Settings) -> tuple[str, ...]:
    checks = {
        "GATEWAY_LEASE_RENEW_S must be below GATEWAY_LEASE_TTL_S, or every lease runs out.": (
            settings.lease_renew_s >= settings.lease_ttl_s
        ),
        "GATEWAY_DATABASE_URL must begin with postgres:// or sqlite://.": (
            not settings.database_url.startswith(("sqlite://", "postgres://", "postgresql://"))
        ),
        "GATEWAY_FEED=replay needs GATEWAY_REPLAY_FILE.": (
            settings.feed is Feed.REPLAY and settings.replay_file is None
        ),
        "GATEWAY_AGING_BUCKET_DAYS must grow, such as 1,3,15,90.": (
            sorted(set(settings.aging_bucket_days)) != list(settings.aging_bucket_days)
        ),
        "GATEWAY_INTRADAY_LAST_ORDER_MINUTES must not be below GATEWAY_INTRADAY_FLAT_MINUTES.": (
            settings.intraday_last_order_minutes < settings.intraday_flat_minutes
        ),
        "GATEWAY_ORDER_NOTIONAL_MAX must be amounts above zero, such as USD=2000000.": (
            not all(_is_amount(most) for most in settings.order_notional_max.values())
        ),
        "GATEWAY_DEBIT_INTEREST_RATES must be fractions above zero and below 1, such as HKD=0.0575.": (
            not all(_is_amount(rate) and Decimal(rate) < 1 for rate in settings.debit_interest_rates.values())
        ),
        "GATEWAY_FEED=redis needs GATEWAY_REDIS_URL.": (
            settings.feed is Feed.REDIS and settings.redis_url is None
        ),
        "GATEWAY_WEBHOOK_DISABLE_AFTER_HOURS must be below GATEWAY_OUTBOX_RETENTION_HOURS.": (
            settings.webhook_disable_after_hours >= settings.outbox_retention_hours
        ),
        "GATEWAY_MESSAGE_AUTOMATIC_CHANNELS names a channel without a URL.": (
            not set(settings.message_automatic_channels) <= settings.message_urls.keys()
        ),
        "Every URL of a message channel must hold {to}, or nobody is the recipient.": any(
            "{to}" not in url for url in settings.message_urls.values()
        ),
    }
    return tuple(problem for problem, found in checks.items() if found)


def _is_amount(text: str) -> bool:
    try:
        return parse_decimal(text) > 0
    except InvalidDecimal:
        return False


def _unfit_for_production(settings: Settings) -> tuple[str, ...]:
    if settings.profile is not Profile.PRODUCTION:
        return ()
    secret = settings.auth_secret.get_secret_value()
    checks = {
        "GATEWAY_AUTH_SECRET is the development secret: set a random one of at least 32 bytes.": (
            secret == DEVELOPMENT_SECRET
        ),
        "GATEWAY_AUTH_PREVIOUS_SECRET is the development secret, which everybody knows: leave it out.": (
            DEVELOPMENT_SECRET in settings.auth_secrets[1:]
        ),
        "GATEWAY_AUTH_SECRET is shorter than 32 bytes: set a random one of at least 32 bytes.": (
            len(secret.encode()) < MIN_SECRET_BYTES
        ),
        "GATEWAY_DATABASE_URL is SQLite: production needs PostgreSQL.": (
            settings.database_url.startswith("sqlite")
        ),
        "GATEWAY_WEBHOOK_SECRET_KEY is shorter than 32 bytes: set a random one of at least 32 bytes.": (
            settings.webhook_secret_key is not None
            and len(settings.webhook_secret_key.get_secret_value().encode()) < MIN_SECRET_BYTES
        ),
        "GATEWAY_REDIS_URL is not set: production needs Redis.": settings.redis_url is None,
    }
    return tuple(problem for problem, found in checks.items() if found)
