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
from redis.asyncio.connection import parse_url

from domain.currencies import unknown_currencies
from domain.markets import unknown_markets
from domain.money import InvalidDecimal, parse_decimal
from gateway.sections.api import ApiSettings
from gateway.sections.cases import CaseSettings
from gateway.sections.evidence import EvidenceSettings
from gateway.sections.market import MarketSettings
from gateway.sections.outbound import OutboundSettings
from gateway.sections.process import DEVELOPMENT_SECRET, ProcessSettings
from gateway.sections.selling import SellingSettings
from gateway.sections.stream import StreamSettings
from gateway.sections.types import PREFIX, Feed, LogFormat, Profile, Section
from models.sql.configuration import problem_of_address

__all__ = ["DEVELOPMENT_SECRET", "SECTIONS", "Feed", "LogFormat", "Profile", "Settings", "SettingsError"]

MIN_SECRET_BYTES = 32
"""RFC 7518 section 3.2: an HS256 key is at least as long as the hash."""

SECTIONS: tuple[type[Section], ...] = (
    ProcessSettings,
    MarketSettings,
    CaseSettings,
    SellingSettings,
    EvidenceSettings,
    OutboundSettings,
    StreamSettings,
    ApiSettings,
)


class SettingsError(Exception):
    """The settings do not allow a start; `problems` has one sentence per reason."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Settings(
    ApiSettings,
    StreamSettings,
    OutboundSettings,
    EvidenceSettings,
    SellingSettings,
    CaseSettings,
    MarketSettings,
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
        "GATEWAY_LEASE_RENEW_S must be below GATEWAY_LEASE_TTL_S: a lease is renewed before it expires.": (
            settings.lease_renew_s >= settings.lease_ttl_s
        ),
        "GATEWAY_DATABASE_STATEMENT_TIMEOUT_S must not be below GATEWAY_DATABASE_LOCK_TIMEOUT_S.": (
            settings.database_statement_timeout_s < settings.database_lock_timeout_s
        ),
        "GATEWAY_DATABASE_URL must begin with postgres:// or sqlite://.": (not known_database),
        f"GATEWAY_DATABASE_URL {database_problem}.": database_problem is not None,
        "GATEWAY_REDIS_URL is malformed: write redis://USER:PASSWORD@HOST:PORT/NUMBER, with special "
        "characters of the password percent-encoded, or rediss:// for TLS.": (
            settings.redis_url is not None and not _is_redis_url(settings.redis_url)
        ),
        "GATEWAY_FEED=replay requires GATEWAY_REPLAY_FILE.": (
            settings.feed is Feed.REPLAY and settings.replay_file is None
        ),
        "GATEWAY_AGING_BUCKET_DAYS must be in ascending order, such as 1,3,15,90.": (
            sorted(set(settings.aging_bucket_days)) != list(settings.aging_bucket_days)
        ),
        "GATEWAY_INTRADAY_LAST_ORDER_MINUTES must not be below GATEWAY_INTRADAY_FLAT_MINUTES.": (
            settings.intraday_last_order_minutes < settings.intraday_flat_minutes
        ),
        "GATEWAY_ORDER_NOTIONAL_MAX must be amounts above zero, such as USD=2000000.": (
            not all(_is_amount(most) for most in settings.order_notional_max.values())
        ),
        "GATEWAY_PRICE_COLLARS must be fractions above zero and below 1, such as XHKG=0.03.": (
            not all(_is_fraction(width) for width in settings.price_collars.values())
        ),
        "GATEWAY_PRICE_COLLAR_APPROVED must not be below GATEWAY_PRICE_COLLAR.": (
            settings.price_collar_approved < settings.price_collar
        ),
        "GATEWAY_DEBIT_INTEREST_RATES must be fractions above zero and below 1, such as HKD=0.0575.": (
            not all(_is_fraction(rate) for rate in settings.debit_interest_rates.values())
        ),
        "GATEWAY_FEED=redis requires GATEWAY_REDIS_URL.": (
            settings.feed is Feed.REDIS and settings.redis_url is None
        ),
        "GATEWAY_WEBHOOK_DISABLE_AFTER_HOURS must be below GATEWAY_OUTBOX_RETENTION_HOURS.": (
            settings.webhook_disable_after_hours >= settings.outbox_retention_hours
        ),
        "GATEWAY_MESSAGE_AUTOMATIC_CHANNELS names a channel without a URL: set its URL too.": (
            not set(settings.message_automatic_channels) <= settings.message_urls.keys()
        ),
        "Every URL of a message channel must contain {to}, the place of the recipient.": any(
            "{to}" not in url for url in settings.message_urls.values()
        ),
    }
    return tuple(problem for problem, applies in checks.items() if applies)


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
    }
    return tuple(problem for problem, applies in checks.items() if applies)
