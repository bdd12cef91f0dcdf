"""The types and the base class that the sections of the settings share."""

from datetime import time
from enum import StrEnum
from ipaddress import ip_network
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from domain.moments import parse_time_of_day
from domain.principal import Permission

PREFIX = "GATEWAY_"

_DAY_S = 86_400
_CENTURY_DAYS = 366 * 100
_COUNT_MAX = 1_000_000_000
"""Beyond these a value is a mistake, and fails later where its name is not known: times overflow, and waits
end with errors of the operating system.
"""

T = TypeVar("T")


def _split_commas(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _split_pairs(value: object) -> object:
    if not isinstance(value, str):
        return value
    pairs = [part.strip().partition("=") for part in value.split(",") if part.strip()]
    if not all(key and assigned for key, _, assigned in pairs):
        raise ValueError("pairs NAME=VALUE, separated by commas")
    values = {key.strip(): assigned.strip() for key, _, assigned in pairs}
    if len(values) < len(pairs):
        raise ValueError("pairs with each NAME once")
    return values


def _split_roles(value: object) -> object:
    pairs = _split_pairs(value)
    if not isinstance(value, str) or not isinstance(pairs, dict):
        return value
    try:
        return {role: frozenset(map(Permission, names.split("+"))) for role, names in pairs.items()}
    except ValueError:
        raise ValueError(
            f"pairs ROLE=PERMISSION+PERMISSION, with permissions of {', '.join(Permission)}"
        ) from None


def _require_origin(value: str) -> str:
    """Browsers send the scheme, the host and a port that is not usual, and nothing else."""
    scheme, _, host = value.partition("://")
    if scheme not in ("http", "https") or not host or set(host) & set("/?#@*, "):
        raise ValueError("origins such as https://front-end.example.com, without a path")
    return value


def _require_network(value: str) -> str:
    try:
        return str(ip_network(value))
    except ValueError:
        raise ValueError("IP addresses or networks such as 10.0.0.0/8") from None


def _parse_time_of_day(value: object) -> object:
    return parse_time_of_day(value) if isinstance(value, str) else value


Origin = Annotated[str, AfterValidator(_require_origin)]
"""As a browser names the origin of a page."""
Network = Annotated[str, AfterValidator(_require_network)]
"""An IP address, or a network of them."""
TimeOfDay = Annotated[time, BeforeValidator(_parse_time_of_day)]
"""A time such as `15:30`."""
Pairs = Annotated[dict[str, str], NoDecode, BeforeValidator(_split_pairs)]
Roles = Annotated[dict[str, frozenset[Permission]], NoDecode, BeforeValidator(_split_roles)]
"""The permissions of each role."""
Listed = Annotated[tuple[T, ...], NoDecode, BeforeValidator(_split_commas)]
"""A list; in the environment its items are separated by commas."""
Seconds = Annotated[float, Field(gt=0, le=_CENTURY_DAYS * _DAY_S, allow_inf_nan=False)]
SecondsOrZero = Annotated[float, Field(ge=0, le=_CENTURY_DAYS * _DAY_S, allow_inf_nan=False)]
Count = Annotated[int, Field(gt=0, le=_COUNT_MAX)]
CountOrZero = Annotated[int, Field(ge=0, le=_COUNT_MAX)]
SecondsOfADay = Annotated[float, Field(gt=0, le=_DAY_S, allow_inf_nan=False)]
"""For limits that PostgreSQL keeps: it counts milliseconds, up to 24 days."""
Minutes = Annotated[int, Field(gt=0, le=_CENTURY_DAYS * 24 * 60)]
Hours = Annotated[int, Field(gt=0, le=_CENTURY_DAYS * 24)]
Days = Annotated[int, Field(gt=0, le=_CENTURY_DAYS)]
TradingDays = Annotated[int, Field(gt=0, le=250)]
"""At most a year, the least for which every calendar is known."""


class Profile(StrEnum):
    """Where the process runs; PRODUCTION refuses unsafe settings."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


class Feed(StrEnum):
    """The source of prices, positions and cash."""

    NONE = "none"
    REPLAY = "replay"
    REDIS = "redis"


class LogFormat(StrEnum):
    """The format of log lines; AUTO is CONSOLE on a terminal and JSON elsewhere."""

    AUTO = "auto"
    CONSOLE = "console"
    JSON = "json"


class _Environment(EnvSettingsSource):
    """Pydantic's, which looks for each field, unless no variable is a setting: then it takes no time."""

    def __call__(self) -> dict[str, Any]:
        named = any(name.startswith(self.env_prefix.lower()) for name in self.env_vars)
        return super().__call__() if named else {}


class Section(BaseSettings):
    """One group of settings, a table of docs/settings.md; its docstring is `Title: description.`"""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid", validate_default=True
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment; no files, for which Pydantic would look at each field again."""
        return init_settings, _Environment(settings_cls)
