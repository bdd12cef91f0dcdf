"""The scalars of the API: exact decimals as text, moments in UTC, and days."""

from datetime import UTC, date, datetime
from decimal import Decimal

from strawberry.exceptions import StrawberryInputCoercionError
from strawberry.types.scalar import ScalarDefinition

from domain.moments import parse_day, parse_moment
from domain.money import InvalidDecimal, parse_decimal, plain_text


def _parse_decimal(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise StrawberryInputCoercionError(f'A Decimal must be text such as "12.50", not {value!r:.80}.')
    try:
        return parse_decimal(str(value))
    except InvalidDecimal as invalid:
        raise StrawberryInputCoercionError(f"Decimal: {invalid}.") from None


def _time_text(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _parse_time(value: object) -> datetime:
    try:
        return parse_moment(value if isinstance(value, str) else "")
    except ValueError as reason:
        raise StrawberryInputCoercionError(f"A DateTime must be {reason}, not {value!r:.80}.") from None


def _parse_date(value: object) -> date:
    try:
        return parse_day(value if isinstance(value, str) else "")
    except ValueError as reason:
        raise StrawberryInputCoercionError(f"A Date must be {reason}, not {value!r:.80}.") from None


DECIMAL = ScalarDefinition(
    name="Decimal",
    description=(
        'An exact decimal number as text, such as "152800.5", without exponent and trailing zeros. Input '
        "may have at most 20 digits before and 10 after the point, or be a whole JSON number; a float is "
        "refused."
    ),
    specified_by_url=None,
    serialize=plain_text,
    parse_value=_parse_decimal,
    parse_literal=None,
    origin=Decimal,
)

DATE_TIME = ScalarDefinition(
    name="DateTime",
    description='A moment in UTC, in RFC 3339 format with seconds, such as "2026-01-31T14:00:00Z". Input '
    "may have another offset, but must have one.",
    specified_by_url="https://scalars.graphql.org/andimarek/date-time",
    serialize=_time_text,
    parse_value=_parse_time,
    parse_literal=None,
    origin=datetime,
)

DATE = ScalarDefinition(
    name="Date",
    description='A calendar day, such as "2026-01-31", local to the market that it concerns.',
    specified_by_url=None,
    serialize=date.isoformat,
    parse_value=_parse_date,
    parse_literal=None,
    origin=date,
)

SCALARS: dict[object, ScalarDefinition] = {Decimal: DECIMAL, datetime: DATE_TIME, date: DATE}
