"""Settings: where they come from, what is refused, and that no refusal gives a secret away."""

from datetime import time
from decimal import Decimal
from pathlib import Path
from typing import Any, get_origin

import pytest
from pydantic import ValidationError

from domain.principal import Permission
from gateway.settings import (
    CURRENCIES_OF,
    DEVELOPMENT_SECRET,
    MARKETS_OF,
    Feed,
    Profile,
    Settings,
    SettingsError,
    load_settings,
    unknown_variables,
)

FIT_FOR_PRODUCTION: dict[str, Any] = {
    "profile": "production",
    "auth_secret": "0123456789abcdef0123456789abcdef",
    "database_url": "postgres://desk@db/desk",
    "redis_url": "redis://cache",
}


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the developer's shell sets must not decide a test."""
    for field in Settings.model_fields:
        monkeypatch.delenv(f"GATEWAY_{field.upper()}", raising=False)


def problems(**overrides: Any) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load_settings(**overrides)
    return caught.value.problems


def test_nothing_needs_to_be_set_for_development() -> None:
    settings = load_settings()
    assert settings.profile is Profile.DEVELOPMENT
    assert settings.database_url == "sqlite://.data/desk.sqlite3"
    assert settings.redis_url is None
    assert settings.introspection


def test_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_PORT", "9000")
    monkeypatch.setenv("GATEWAY_FEED", "none")
    monkeypatch.setenv("GATEWAY_PRICE_BAND", "0.10")
    monkeypatch.setenv("GATEWAY_DEADLINE_CUTOFF", "15:30")
    monkeypatch.setenv("GATEWAY_ALLOWED_ORIGINS", "https://desk.example, https://risk.example,")
    monkeypatch.setenv("GATEWAY_DEADLINE_MARKETS", "SGD=XSES, USD=XNYS")
    monkeypatch.setenv("GATEWAY_REDIS_URL", "")

    settings = load_settings()

    assert settings.port == 9000
    assert settings.feed is Feed.NONE
    assert settings.price_band == Decimal("0.10")
    assert settings.deadline_cutoff == time(15, 30)
    assert settings.allowed_origins == ("https://desk.example", "https://risk.example")
    assert settings.deadline_markets == {"SGD": "XSES", "USD": "XNYS"}
    assert settings.redis_url is None, "an empty variable is as good as none"


def test_override_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_PORT", "9000")
    assert load_settings(port=9001).port == 9001


def test_embedded_database_lives_in_the_data_directory() -> None:
    assert load_settings(data_directory=Path("/var/desk")).database_url == "sqlite:///var/desk/desk.sqlite3"


def test_settings_cannot_be_changed() -> None:
    settings = load_settings()
    with pytest.raises(ValidationError):
        settings.port = 1


def test_production_starts_with_secret_postgres_and_redis() -> None:
    settings = load_settings(**FIT_FOR_PRODUCTION)
    assert not settings.introspection


@pytest.mark.parametrize(
    ("change", "variable", "reason"),
    [
        ({"auth_secret": DEVELOPMENT_SECRET}, "GATEWAY_AUTH_SECRET", "development secret"),
        ({"auth_secret": "x" * 31}, "GATEWAY_AUTH_SECRET", "shorter than 32 bytes"),
        ({"database_url": "sqlite://desk.sqlite3"}, "GATEWAY_DATABASE_URL", "SQLite"),
        ({"redis_url": None}, "GATEWAY_REDIS_URL", "requires Redis"),
    ],
    ids=["development secret", "short secret", "SQLite", "no Redis"],
)
def test_production_refuses_in_one_line(change: dict[str, Any], variable: str, reason: str) -> None:
    (problem,) = problems(**(FIT_FOR_PRODUCTION | change))
    assert problem.startswith(variable)
    assert reason in problem
    assert "\n" not in problem


def test_production_names_every_problem_at_once() -> None:
    assert len(problems(profile="production")) == 3


@pytest.mark.parametrize(
    ("change", "variable"),
    [
        ({"lease_ttl_s": 5, "lease_renew_s": 5}, "GATEWAY_LEASE_RENEW_S"),
        ({"port": 8000, "metrics_port": 8000}, "GATEWAY_METRICS_PORT"),
        ({"feed": "replay"}, "GATEWAY_REPLAY_FILE"),
        ({"feed": "redis"}, "GATEWAY_REDIS_URL"),
        ({"profile": "staging"}, "GATEWAY_PROFILE"),
        ({"port": "http"}, "GATEWAY_PORT"),
        ({"port": 70_000}, "GATEWAY_PORT"),
        ({"page_size_max": 0}, "GATEWAY_PAGE_SIZE_MAX"),
        ({"lease_ttl_s": "inf"}, "GATEWAY_LEASE_TTL_S"),
        ({"max_price_age_s": "nan"}, "GATEWAY_MAX_PRICE_AGE_S"),
        ({"price_band": "NaN"}, "GATEWAY_PRICE_BAND"),
        ({"feed_streams": " , "}, "GATEWAY_FEED_STREAMS"),
        ({"deadline_markets": "USD=XNYS,HKD"}, "GATEWAY_DEADLINE_MARKETS must be pairs NAME=VALUE"),
        ({"debit_interest_rates": "HKD=0.05,HDK=0.05"}, "GATEWAY_DEBIT_INTEREST_RATES names unknown"),
        ({"debit_interest_rates": "hkd=0.05"}, "hkd (did you mean HKD?)"),
        ({"debit_interest_rates": "DOLLARS=0.05"}, "unknown currencies: DOLLARS"),
        ({"order_notional_max": "UDS=2000000"}, "GATEWAY_ORDER_NOTIONAL_MAX names unknown currencies: UDS"),
        ({"deadline_markets": "JYP=XTKS"}, "GATEWAY_DEADLINE_MARKETS names unknown currencies: JYP"),
        ({"price_collars": "XHGK=0.03"}, "GATEWAY_PRICE_COLLARS names markets without"),
        ({"price_collars": "xhkg=0.03,XNYS=0.08"}, "xhkg (did you mean XHKG?)"),
        (
            {"option_exercise_markets": "XNYS,NOWHERE"},
            "GATEWAY_OPTION_EXERCISE_MARKETS names markets",
        ),
        ({"deadline_markets": "SGD=SGX"}, "GATEWAY_DEADLINE_MARKETS names markets"),
        ({"deadline_default_market": "MOON"}, "GATEWAY_DEADLINE_DEFAULT_MARKET names markets"),
        ({"price_band": "1"}, "GATEWAY_PRICE_BAND"),
        ({"reporting_currency": "dollars"}, "GATEWAY_REPORTING_CURRENCY"),
        ({"prot": 8000}, "GATEWAY_PROT"),
        ({"database_url": "postgres://desk@db:port/desk"}, "GATEWAY_DATABASE_URL is malformed"),
        ({"redis_url": "redis://:pass#word@cache"}, "GATEWAY_REDIS_URL is malformed"),
        ({"redis_url": "redis://cache/desk"}, "GATEWAY_REDIS_URL is malformed"),
        ({"redis_url": "http://cache"}, "GATEWAY_REDIS_URL is malformed"),
    ],
    ids=str,
)
def test_nonsense_is_refused_with_the_name_of_the_variable(change: dict[str, Any], variable: str) -> None:
    (problem,) = problems(**change)
    assert variable in problem


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("PORT", "http", "must be an integer, not 'http'."),
        ("PORT", "70000", "must be at most 65535, not '70000'."),
        ("PROFILE", "prod", "must be 'development' or 'production', not 'prod'."),
        ("LEASE_TTL_S", "5s", "must be a number, not '5s'."),
        ("LEASE_TTL_S", "0", "must be above 0, not '0'."),
        ("DRAIN_FLUSH_S", "1e300", "must be at most 3162240000, not '1e300'."),
        ("DATABASE_STATEMENT_TIMEOUT_S", "2147484", "must be at most 86400, not '2147484'."),
        ("PAGE_SIZE_MAX", "1" + "0" * 30, f"must be at most 1000000000, not '1{'0' * 30}'."),
        ("MESSAGE_RETENTION_DAYS", "1000000", "must be at most 36600, not '1000000'."),
        ("OUTBOX_RETENTION_HOURS", "1000000", "must be at most 878400, not '1000000'."),
        ("DEADLINE_TRADING_DAYS", "251", "must be at most 250, not '251'."),
        ("LEASE_TTL_S", "inf", "must be a finite number, not 'inf'."),
        ("PRICE_COLLAR", "5%", "must be a decimal number, not '5%'."),
        ("INTROSPECTION", "perhaps", "must be true or false, not 'perhaps'."),
        ("AGING_BUCKET_DAYS", "a", "must be an integer, not 'a'."),
        ("REPORTING_CURRENCY", "EURO", "must be of the form ^[A-Z]{3}$, not 'EURO'."),
        (
            "DEADLINE_MARKETS",
            "USD=XNYS,USD=XHKG",
            "must be pairs with each NAME once, not 'USD=XNYS,USD=XHKG'.",
        ),
        (
            "ALLOWED_ORIGINS",
            "https://x.example/",
            "must be origins such as https://front-end.example.com, without a path, not 'https://x.example/'.",
        ),
        (
            "ALLOWED_ORIGINS",
            "x.example",
            "must be origins such as https://front-end.example.com, without a path, not 'x.example'.",
        ),
    ],
)
def test_a_refusal_names_the_variable_what_is_allowed_and_the_value(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(f"GATEWAY_{name}", value)
    assert problems() == (f"GATEWAY_{name} {sentence}",)


@pytest.mark.parametrize("name", ["COVERED_OPTIONS_TRIGGER_TIME", "DEADLINE_CUTOFF"])
def test_a_time_of_day_that_is_none_is_refused_with_the_value(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(f"GATEWAY_{name}", "3pm")
    (problem,) = problems()
    assert problem.startswith(f"GATEWAY_{name} must be ")
    assert problem.endswith(", not '3pm'.")


def test_each_setting_by_name_says_what_its_names_have_to_be() -> None:
    """A new setting of pairs, or of markets, is checked against a list or stands here with the reason."""
    pairs = {name for name, field in Settings.model_fields.items() if _is_pairs(field.annotation)}
    markets = {name for name in Settings.model_fields if "market" in name and "day" not in name}
    pairs -= {"auth_roles"}  # Roles are those of the login service; its permissions are checked as a type.
    assert pairs | markets == CURRENCIES_OF.keys() - {"reporting_currency"} | MARKETS_OF.keys()


LOGIN: dict[str, Any] = {
    "auth_jwks_url": "https://login.example/keys",
    "auth_issuer": "https://login.example",
    "auth_audience": "https://desk.example",
}


def test_roles_of_a_login_service_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_AUTH_ROLES", "trader=RISK_WARNING_FULL, head=RISK_APPROVER+AUDITOR")
    settings = load_settings(**(FIT_FOR_PRODUCTION | LOGIN))
    assert settings.has_login_service
    assert settings.auth_roles == {
        "trader": {Permission.RISK_WARNING_FULL},
        "head": {Permission.RISK_APPROVER, Permission.AUDITOR},
    }


@pytest.mark.parametrize(
    ("changes", "name", "why"),
    [
        ({"auth_issuer": None}, "GATEWAY_AUTH_ISSUER", "required"),
        ({"auth_audience": None}, "GATEWAY_AUTH_AUDIENCE", "required"),
        ({"auth_jwks_url": None}, "GATEWAY_AUTH_ISSUER", "requires GATEWAY_AUTH_JWKS_URL"),
        ({"auth_jwks_file": Path("keys")}, "GATEWAY_AUTH_JWKS_URL", "exclude"),
        ({"auth_jwks_url": "http://login.example/keys"}, "GATEWAY_AUTH_JWKS_URL", "not https"),
        ({"auth_jwks_url": "https://a:b@login.example/keys"}, "GATEWAY_AUTH_JWKS_URL", "without a user"),
        ({"auth_jwks_url": "ftp://login.example/keys"}, "GATEWAY_AUTH_JWKS_URL", "URL"),
        ({"auth_jwks_url": "https://[/keys"}, "GATEWAY_AUTH_JWKS_URL", "URL"),
        ({"console_login_url": "http://login.example"}, "GATEWAY_CONSOLE_LOGIN_URL", "not https"),
        ({"console_login_url": "javascript:alert(1)"}, "GATEWAY_CONSOLE_LOGIN_URL", "URL"),
        ({"auth_jwks_refetch_s": 301}, "GATEWAY_AUTH_JWKS_REFETCH_S", "must not exceed"),
        ({"auth_roles": "trader=ROOT"}, "GATEWAY_AUTH_ROLES", "ROLE=PERMISSION"),
        ({"auth_roles": "trader"}, "GATEWAY_AUTH_ROLES", "pairs"),
        ({"auth_subject_claim": ""}, "GATEWAY_AUTH_SUBJECT_CLAIM", "at least 1 character"),
    ],
    ids=str,
)
def test_a_login_service_that_cannot_work_is_refused(changes: dict[str, Any], name: str, why: str) -> None:
    refusal = problems(**(FIT_FOR_PRODUCTION | LOGIN | changes))
    assert any(problem.startswith(name) and why in problem for problem in refusal), refusal


def test_keys_over_plain_http_serve_development() -> None:
    assert load_settings(**(LOGIN | {"auth_jwks_url": "http://127.0.0.1:8080/keys"})).has_login_service


def _is_pairs(annotation: object) -> bool:
    return get_origin(annotation) is dict


def test_every_currency_that_is_dealt_in_may_bear_interest() -> None:
    rates = dict.fromkeys(("HKD", "USD", "CNY", "CNH", "JPY", "KWD", "TWD"), "0.05")
    assert load_settings(debit_interest_rates=rates).debit_interest_rates == rates


def test_refusal_and_representation_keep_secrets() -> None:
    secret = "hunter2-hunter2-hunter2-hunter2-hunter2"
    urls = {"database_url": f"postgres://desk:{secret}@db/desk", "redis_url": f"redis://:{secret}@cache"}

    settings = load_settings(**(FIT_FOR_PRODUCTION | urls | {"auth_secret": secret}))
    refusal = problems(**urls, auth_secret=secret, port="http", profile="production")

    assert secret not in repr(settings)
    assert secret not in " ".join(refusal)


def test_unknown_variable_is_pointed_out_with_the_nearest_known_one() -> None:
    environment = {"GATEWAY_DATABSE_URL": "x", "GATEWAY_PORT": "1", "gateway_zzz": "x", "PATH": "/bin"}
    assert unknown_variables(environment) == (
        "GATEWAY_DATABSE_URL is not a setting and is ignored. Did you mean GATEWAY_DATABASE_URL?",
        "GATEWAY_ZZZ is not a setting and is ignored.",
    )
