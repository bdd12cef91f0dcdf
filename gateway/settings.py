"""All settings of the desk; the only reader of the environment.

A setting is an environment variable `GATEWAY_<NAME>`, described in one of `gateway.sections`;
`docs/settings.md` is generated from the descriptions. Guarantees: an instance is frozen and consistent.
Values that contradict each other, or that are unsafe in production, raise `SettingsError` with one sentence
per problem; the sentences contain no secrets.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic import ValidationError, model_validator
from pydantic.fields import FieldInfo
from redis.asyncio.connection import parse_url

from domain.currencies import unknown_currencies
from domain.document_name import TrustMode
from domain.markets import unknown_markets
from domain.message import Channel
from domain.money import InvalidDecimal, parse_decimal
from gateway.sections.api import ApiSettings
from gateway.sections.cases import CaseSettings
from gateway.sections.documents import DocumentSettings
from gateway.sections.evidence import EvidenceSettings
from gateway.sections.login import LoginSettings
from gateway.sections.market import MarketSettings
from gateway.sections.outbound import OutboundSettings
from gateway.sections.process import DEVELOPMENT_SECRET, ProcessSettings
from gateway.sections.rates import RateSettings
from gateway.sections.selling import SellingSettings
from gateway.sections.stream import StreamSettings
from gateway.sections.types import PREFIX, Feed, LogFormat, Profile, Section
from gateway.setting_faults import sentences
from models.sql.configuration import problem_of_address

__all__ = ["DEVELOPMENT_SECRET", "SECTIONS", "Feed", "LogFormat", "Profile", "Settings", "SettingsError"]

_OTLP_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
MIN_SECRET_BYTES = 32
"""RFC 7518 section 3.2: an HS256 key is at least as long as the hash."""

SECTIONS: tuple[type[Section], ...] = (
    ProcessSettings,
    LoginSettings,
    MarketSettings,
    CaseSettings,
    SellingSettings,
    EvidenceSettings,
    OutboundSettings,
    StreamSettings,
    ApiSettings,
    DocumentSettings,
    RateSettings,
)


class SettingsError(Exception):
    """The settings do not allow a start; `problems` has one sentence per reason."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Settings(
    DocumentSettings,
    RateSettings,
    ApiSettings,
    StreamSettings,
    OutboundSettings,
    EvidenceSettings,
    SellingSettings,
    CaseSettings,
    MarketSettings,
    LoginSettings,
    ProcessSettings,
):
    """The desk's settings. Constructor arguments take precedence over the environment.

    Pydantic fills the last base class first; a default may depend on the fields that are already filled.
    """

    @model_validator(mode="after")
    def _refuse_what_cannot_work(self) -> Self:
        problems = (*_contradictions(self), *_unknown_names(self), *_unfit_for_production(self))
        if problems:
            raise SettingsError(problems)
        return self


def load_settings(**overrides: Any) -> Settings:
    """Read the settings: from `overrides`, else from the environment, else the defaults.

    Raises `SettingsError`.
    """
    try:
        return Settings(**overrides)
    except ValidationError as error:
        secret = [name for name, field in Settings.model_fields.items() if _is_secret(field)]
        raise SettingsError(tuple(sentences(error.errors(include_url=False), secret, PREFIX))) from None


def _is_secret(field: FieldInfo) -> bool:
    return not field.repr or "SecretStr" in str(field.annotation)


def variable(field: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + field.upper()


def trace_exporters(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """The exporters that OpenTelemetry's own variables name, as its packages call them; none unless one of
    the variables names an exporter or a place to send to.
    """
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return ()
    is_placed = any(environment.get(name) for name in _OTLP_ENDPOINTS)
    named = environment.get("OTEL_TRACES_EXPORTER") or ("otlp" if is_placed else "none")
    protocol = environment.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or environment.get(
        "OTEL_EXPORTER_OTLP_PROTOCOL"
    )
    otlp = "otlp_proto_grpc" if protocol == "grpc" else "otlp_proto_http"
    names = [name.strip() for name in named.split(",")]
    return tuple(otlp if name == "otlp" else name for name in names if name not in ("", "none"))


def unless_in_environment(
    values: Mapping[str, Any], environment: Mapping[str, str] = os.environ
) -> dict[str, Any]:
    """The values whose variables the environment does not set, for use as defaults."""
    return {field: value for field, value in values.items() if variable(field) not in environment}


def unknown_variables(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """One sentence for each `GATEWAY_` variable that is not a setting and has no effect."""
    names = sorted(name.upper() for name in environment if name.upper().startswith(PREFIX))
    fields = [name.removeprefix(PREFIX).lower() for name in names]
    return tuple(_unknown(field) for field in fields if field not in Settings.model_fields)


def _unknown(field: str) -> str:
    close = get_close_matches(field, Settings.model_fields, n=1)
    hint = f" Did you mean {variable(close[0])}?" if close else ""
    return f"{variable(field)} is not a setting and is ignored.{hint}"


def _is_redis_url(url: str) -> bool:
    """Redis's own parser ignores a database that is not a number."""
    try:
        parse_url(url)
        database = urlsplit(url).path.strip("/")
    except ValueError:
        return False
    return url.startswith("unix:") or not database or database.isdecimal()


def _contradictions(settings: Settings) -> tuple[str, ...]:
    known_database = settings.database_url.startswith(("sqlite://", "postgres://", "postgresql://"))
    database_problem = problem_of_address(settings.database_url) if known_database else None
    checks = {
        f"GATEWAY_LEASE_RENEW_S ({settings.lease_renew_s:g}) must be below GATEWAY_LEASE_TTL_S "
        f"({settings.lease_ttl_s:g}): a lease is renewed before it expires.": (
            settings.lease_renew_s >= settings.lease_ttl_s
        ),
        f"GATEWAY_DATABASE_STATEMENT_TIMEOUT_S ({settings.database_statement_timeout_s:g}) must not be below "
        f"GATEWAY_DATABASE_LOCK_TIMEOUT_S ({settings.database_lock_timeout_s:g}).": (
            settings.database_statement_timeout_s < settings.database_lock_timeout_s
        ),
        "GATEWAY_DATABASE_URL must begin with postgres:// or sqlite://.": (not known_database),
        f"GATEWAY_DATABASE_URL {database_problem}.": database_problem is not None,
        "GATEWAY_REDIS_URL is malformed: write redis://USER:PASSWORD@HOST:PORT/NUMBER, with special "
        "characters of the password percent-encoded, or rediss:// for TLS.": (
            settings.redis_url is not None and not _is_redis_url(settings.redis_url)
        ),
        f"GATEWAY_METRICS_PORT ({settings.metrics_port}) must not be GATEWAY_PORT.": (
            settings.metrics_port == settings.port
        ),
        "GATEWAY_FEED=replay requires GATEWAY_REPLAY_FILE.": (
            settings.feed is Feed.REPLAY and settings.replay_file is None
        ),
        "GATEWAY_AGING_BUCKET_DAYS must be in ascending order, such as 1,3,15,90, not "
        f"{','.join(map(str, settings.aging_bucket_days))}.": (
            sorted(set(settings.aging_bucket_days)) != list(settings.aging_bucket_days)
        ),
        f"GATEWAY_INTRADAY_LAST_ORDER_MINUTES ({settings.intraday_last_order_minutes}) must not be below "
        f"GATEWAY_INTRADAY_FLAT_MINUTES ({settings.intraday_flat_minutes}).": (
            settings.intraday_last_order_minutes < settings.intraday_flat_minutes
        ),
        f"GATEWAY_ORDER_NOTIONAL_MAX must be amounts above zero, such as USD=2000000, "
        f"not {_pairs(settings.order_notional_max)}.": (
            not all(_is_amount(most) for most in settings.order_notional_max.values())
        ),
        f"GATEWAY_PRICE_COLLARS must be fractions above zero and below 1, such as XHKG=0.03, "
        f"not {_pairs(settings.price_collars)}.": (
            not all(_is_fraction(width) for width in settings.price_collars.values())
        ),
        f"GATEWAY_PRICE_COLLAR_APPROVED ({settings.price_collar_approved}) must not be below "
        f"GATEWAY_PRICE_COLLAR ({settings.price_collar}).": (
            settings.price_collar_approved < settings.price_collar
        ),
        f"GATEWAY_DEBIT_INTEREST_RATES must be fractions above zero and below 1, such as HKD=0.0575, "
        f"not {_pairs(settings.debit_interest_rates)}.": (
            not all(_is_fraction(rate) for rate in settings.debit_interest_rates.values())
        ),
        "GATEWAY_FEED=redis requires GATEWAY_REDIS_URL.": (
            settings.feed is Feed.REDIS and settings.redis_url is None
        ),
        f"GATEWAY_TRUSTED_DOCUMENTS={settings.trusted_documents} requires GATEWAY_TRUSTED_DOCUMENTS_FILE.": (
            settings.trusted_documents is not TrustMode.OFF and settings.trusted_documents_file is None
        ),
        f"GATEWAY_WEBHOOK_DISABLE_AFTER_HOURS ({settings.webhook_disable_after_hours}) must be below "
        f"GATEWAY_OUTBOX_RETENTION_HOURS ({settings.outbox_retention_hours}).": (
            settings.webhook_disable_after_hours >= settings.outbox_retention_hours
        ),
    }
    found = (problem for problem, applies in checks.items() if applies)
    return (*found, *_incomplete_channels(settings), *_incomplete_login(settings))


def _incomplete_login(settings: Settings) -> Iterator[str]:
    url, file = settings.auth_jwks_url, settings.auth_jwks_file
    named = {"auth_issuer": settings.auth_issuer, "auth_audience": settings.auth_audience}
    if url is not None and file is not None:
        yield "GATEWAY_AUTH_JWKS_URL and GATEWAY_AUTH_JWKS_FILE exclude each other: set one of them."
    if url is not None and not _is_http_url(url):
        yield "GATEWAY_AUTH_JWKS_URL must be a URL such as https://login.example.com/keys, without a user."
    if settings.console_login_url is not None and not _is_http_url(settings.console_login_url):
        yield "GATEWAY_CONSOLE_LOGIN_URL must be a URL such as https://login.example.com, without a user."
    for field, value in named.items():
        if settings.has_login_service and value is None:
            yield f"{variable(field)} is required with the keys of a login service."
        if not settings.has_login_service and value is not None:
            yield f"{variable(field)} requires GATEWAY_AUTH_JWKS_URL or GATEWAY_AUTH_JWKS_FILE."
    if settings.auth_jwks_refetch_s > settings.auth_jwks_refresh_s:
        yield (
            f"GATEWAY_AUTH_JWKS_REFETCH_S ({settings.auth_jwks_refetch_s:g}) must not exceed "
            f"GATEWAY_AUTH_JWKS_REFRESH_S ({settings.auth_jwks_refresh_s:g})."
        )


def _is_http_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host, port, user = parts.hostname, parts.port, parts.username
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(host) and port != 0 and user is None and url.isascii()


def _incomplete_channels(settings: Settings) -> Iterator[str]:
    for channel in settings.message_automatic_channels:
        if channel not in settings.message_urls:
            yield (
                f"GATEWAY_MESSAGE_AUTOMATIC_CHANNELS names {channel}, which has no URL: set "
                f"{_url_of(channel)} too."
            )
    for channel, url in settings.message_urls.items():
        if "{to}" not in url:
            yield f"{_url_of(channel)} must contain {{to}}, the place of the recipient."


def _url_of(channel: Channel) -> str:
    return variable(f"message_{channel}_url")


CURRENCIES_OF: Mapping[str, Callable[["Settings"], Iterable[str]]] = {
    "debit_interest_rates": lambda settings: settings.debit_interest_rates,
    "order_notional_max": lambda settings: settings.order_notional_max,
    "deadline_markets": lambda settings: settings.deadline_markets,
    "reporting_currency": lambda settings: [settings.reporting_currency],
}
"""The currencies in the value of a setting, by its field name."""
MARKETS_OF: Mapping[str, Callable[["Settings"], Iterable[str]]] = {
    "deadline_markets": lambda settings: settings.deadline_markets.values(),
    "deadline_default_market": lambda settings: [settings.deadline_default_market],
    "price_collars": lambda settings: settings.price_collars,
    "option_exercise_markets": lambda settings: settings.option_exercise_markets,
}
"""The markets in the value of a setting, by its field name."""


def _unknown_names(settings: Settings) -> tuple[str, ...]:
    """One sentence for each setting that names an unknown currency or market.

    Such a name would silently apply to no account and no instrument.
    """
    currencies = {field: unknown_currencies(named(settings)) for field, named in CURRENCIES_OF.items()}
    markets = {field: unknown_markets(named(settings)) for field, named in MARKETS_OF.items()}
    return (
        *_unknown_in(currencies, "unknown currencies", "Use ISO 4217 codes such as HKD."),
        *_unknown_in(markets, "markets without an exchange calendar", "Use names such as XHKG."),
    )


def _unknown_in(unknown: Mapping[str, list[str]], what: str, hint: str) -> Iterator[str]:
    for field, names in unknown.items():
        if names:
            yield f"{variable(field)} names {what}: {', '.join(names)}. {hint}"


def _pairs(values: Mapping[str, str]) -> str:
    return ",".join(f"{name}={value}" for name, value in values.items())


def _is_fraction(text: str) -> bool:
    return _is_amount(text) and parse_decimal(text) < 1


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
        "GATEWAY_AUTH_PREVIOUS_SECRET is the development secret, which is public: leave it out.": (
            DEVELOPMENT_SECRET in settings.auth_secrets[1:]
        ),
        "GATEWAY_AUTH_SECRET is shorter than 32 bytes: set a random one of at least 32 bytes.": (
            len(secret.encode()) < MIN_SECRET_BYTES
        ),
        "GATEWAY_DATABASE_URL is SQLite: production requires PostgreSQL.": (
            settings.database_url.startswith("sqlite")
        ),
        "GATEWAY_WEBHOOK_SECRET_KEY is shorter than 32 bytes: set a random one of at least 32 bytes.": (
            settings.webhook_secret_key is not None
            and len(settings.webhook_secret_key.get_secret_value().encode()) < MIN_SECRET_BYTES
        ),
        "GATEWAY_REDIS_URL is not set: production requires Redis.": settings.redis_url is None,
        "GATEWAY_AUTH_JWKS_URL is not https: production requires it, because keys that are "
        "changed on their way would sign tokens.": (
            settings.auth_jwks_url is not None and not settings.auth_jwks_url.lower().startswith("https:")
        ),
        "GATEWAY_CONSOLE_LOGIN_URL is not https: production requires it for the token.": (
            settings.console_login_url is not None
            and not settings.console_login_url.lower().startswith("https:")
        ),
    }
    return tuple(problem for problem, applies in checks.items() if applies)
