"""Convert values of incoming JSON (feed messages, book files) to domain values, or report what is wrong.

A `Spec` names the fields of one JSON object; `read_record` checks an object against it and adds every problem
to a list, each with the JSON path. Nothing is guessed: an unknown field is a problem (a misspelt one would
otherwise be ignored), decimals are strings (a JSON number has been through binary floating point).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar
from zoneinfo import available_timezones

from domain import text
from domain.currencies import unknown_currencies
from domain.markets import unknown_markets
from domain.message import Language, QuietHours
from domain.moments import parse_day, parse_moment
from domain.money import InvalidDecimal, parse_decimal
from domain.text import MAX_CODE_LENGTH
from domain.tick_size import tick_table

MAX_DECIMAL_LENGTH = 64
MAX_EMAIL_LENGTH = 254
MAX_PUSH_ID_LENGTH = 200

_EMAIL = re.compile(r"[^\s@,;<>\x00-\x1f]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}")
_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?")

Member = TypeVar("Member", bound=StrEnum)
Read = Callable[[object], Any]
"""From a JSON value to a domain value; raises ValueError with a reason that follows "must be"."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a JSON object; required without a default. `null` means omitted."""

    read: Read
    default: Any = None
    required: bool = True


Spec = Mapping[str, Field]


def optional(read: Read, default: Any = None) -> Field:
    """A field that may be omitted."""
    return Field(read, default, required=False)


def read_record(value: object, spec: Spec, path: str, problems: list[str]) -> dict[str, Any] | None:
    """The object's fields by name, or None and at least one more problem."""
    if not isinstance(value, dict):
        problems.append(f"{path}: must be an object")
        return None
    before = len(problems)
    unknown = sorted(value.keys() - spec.keys())
    problems.extend(f"{path}.{text.visible(name[:MAX_CODE_LENGTH])}: unknown field" for name in unknown)
    record = {
        name: _field(value.get(name), field, f"{path}.{name}", problems) for name, field in spec.items()
    }
    return record if len(problems) == before else None


def _field(value: object, field: Field, path: str, problems: list[str]) -> Any:
    if value is None:
        if field.required:
            problems.append(f"{path}: missing")
        return field.default
    try:
        return field.read(value)
    except ValueError as error:
        problems.append(f"{path}: must be {error}")
        return None


def code(value: object) -> str:
    """A symbol, account number or similar: 1 to 40 plain characters."""
    return text.code(value if isinstance(value, str) else "")


def text_up_to(longest: int) -> Callable[[object], str]:
    """Text for persons, in the form in which it is stored."""

    def read(value: object) -> str:
        return text.readable(value if isinstance(value, str) else "", longest)

    return read


def email(value: object) -> str:
    """An e-mail address, as far as it can be checked without sending to it."""
    if not isinstance(value, str) or len(value) > MAX_EMAIL_LENGTH or not _EMAIL.fullmatch(value):
        raise ValueError("an e-mail address")
    return value


def phone(value: object) -> str:
    """A telephone number in E.164 format."""
    if not isinstance(value, str) or not _PHONE.fullmatch(value):
        raise ValueError('a telephone number such as "+85212345678"')
    return value


def time_zone(value: object) -> str:
    """A name of the time zone database."""
    if not isinstance(value, str) or value not in available_timezones():
        raise ValueError('a time zone such as "Asia/Hong_Kong"')
    return value


def quiet_hours(value: object) -> QuietHours:
    """Two times of day."""
    if not isinstance(value, str):
        raise ValueError('two times of day such as "22:00-08:00"')
    return QuietHours.parse(value)


def currency(value: object) -> str:
    """A known currency."""
    if not isinstance(value, str) or not _CURRENCY.fullmatch(value):
        raise ValueError("a currency code of three capital letters")
    if unknown := unknown_currencies([value]):
        raise ValueError(f"a currency of ISO 4217, or CNH, not {unknown[0]}")
    return value


def market(value: object) -> str:
    """A market with a calendar."""
    if not isinstance(value, str):
        raise ValueError("a market with a calendar, such as XHKG or XNYS")
    if unknown := unknown_markets([value]):
        raise ValueError(f"a market with a calendar, such as XHKG or XNYS, not {unknown[0]:.60}")
    return value


def decimal(value: object) -> Decimal:
    """A decimal that can be stored exactly, written without exponent."""
    if not isinstance(value, str) or len(value) > MAX_DECIMAL_LENGTH or not _DECIMAL.fullmatch(value):
        raise ValueError('a decimal in a string, such as "-12.50"')
    try:
        return parse_decimal(value)
    except InvalidDecimal as error:
        raise ValueError(f"a decimal that can be stored: {error}") from None


def positive(value: object) -> Decimal:
    """A decimal above zero."""
    number = decimal(value)
    if number <= 0:
        raise ValueError("above zero")
    return number


def not_negative(value: object) -> Decimal:
    """A decimal of zero or more."""
    number = decimal(value)
    if number < 0:
        raise ValueError("zero or more")
    return number


PRICE_DIGITS, RATE_DIGITS, MULTIPLIER_DIGITS, FACTOR_DIGITS = 12, 12, 9, 4
"""The most digits before the point of numbers that many accounts share.

An absurd one would make all these accounts unwatched; an absurd quantity or balance concerns its own account
alone.
"""


def shared(read: Read, most_digits: int) -> Read:
    """A number that many accounts share: at most `most_digits` digits before the point."""

    def bounded(value: object) -> Decimal:
        number: Decimal = read(value)
        if number.adjusted() >= most_digits:
            raise ValueError(f"a number of at most {most_digits} digits before the point")
        return number

    return bounded


price = shared(positive, PRICE_DIGITS)
quoted_price = shared(decimal, PRICE_DIGITS)
"""A price of a quote: 0 is a price, or no order on that side, and some instruments trade below 0."""
rate = shared(positive, RATE_DIGITS)
multiplier = shared(positive, MULTIPLIER_DIGITS)
factor = shared(not_negative, FACTOR_DIGITS)


def not_zero(value: object) -> Decimal:
    """A decimal of either sign."""
    number = decimal(value)
    if number == 0:
        raise ValueError("other than zero")
    return number


def tick_size(value: object) -> str:
    """The tick size of an instrument, in the format of domain/tick_size.py."""
    if not isinstance(value, str):
        raise ValueError('a tick size such as "0.05" or "XHKG"')
    try:
        tick_table(value)
    except ValueError as error:
        raise ValueError(f"a tick size: {error}") from None
    return value


def utc_time(value: object) -> datetime:
    """An RFC 3339 time with its offset, as UTC."""
    return parse_moment(value if isinstance(value, str) else "")


def day(value: object) -> date:
    """A calendar day."""
    return parse_day(value if isinstance(value, str) else "")


def boolean(value: object) -> bool:
    """A JSON boolean."""
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def array(value: object) -> list[object]:
    """A JSON array."""
    if not isinstance(value, list):
        raise ValueError("an array")
    return value


def json_object(value: object) -> dict[str, object]:
    """A JSON object."""
    if not isinstance(value, dict):
        raise ValueError("an object")
    return value


def version(known: int) -> Callable[[object], int]:
    """Accepts only the supported version."""

    def read(value: object) -> int:
        if value is True or value != known:
            raise ValueError(f"{known}, the only supported version")
        return known

    return read


def member_of(kind: type[Member]) -> Callable[[object], Member]:
    """Reads one of the enum's values."""

    def read(value: object) -> Member:
        try:
            return kind(str(value))
        except ValueError:
            raise ValueError(f"one of {', '.join(kind)}") from None

    return read


CONTACT: Spec = {
    "email": optional(email),
    "phone": optional(phone),
    "pushId": optional(text_up_to(MAX_PUSH_ID_LENGTH)),
    "language": optional(member_of(Language), Language.ENGLISH),
    "timeZone": optional(time_zone, "UTC"),
    "quietHours": optional(quiet_hours),
}
"""The contact of a client."""
