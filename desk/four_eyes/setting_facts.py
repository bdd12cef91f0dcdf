"""A risk setting as plain facts by name, for persons to compare and for the audit."""

from dataclasses import fields
from datetime import datetime, time
from decimal import Decimal

from domain.exemption import Condition
from domain.market import MarginFactors
from domain.money import plain_text
from domain.risk_settings import SettingValue

_NOT_SET = frozenset({"whole_debt"})
"""Facts that follow from the time of day and cannot be set."""
_SIGNS = {"EQUALS": "=", "GREATER_THAN": ">"}


def facts_of(value: SettingValue | None) -> dict[str, str | None]:
    """Decimals and times as text, names in camel case; empty for None."""
    if value is None:
        return {}
    facts: dict[str, str | None] = {}
    for each in fields(value):
        if each.name in _NOT_SET:
            continue
        field_value = getattr(value, each.name)
        if isinstance(field_value, MarginFactors):
            facts |= _factors(field_value)
        else:
            facts[_camel(each.name)] = _text(field_value)
    return facts


def _factors(factors: MarginFactors) -> dict[str, str | None]:
    names = ("initial", "maintenance", "margin_call", "force_close")
    return {_camel(name): plain_text(getattr(factors, name)) for name in names}


def _text(value: object) -> str | None:
    match value:
        case None | str():
            return value
        case bool():
            return "true" if value else "false"
        case Decimal():
            return plain_text(value)
        case datetime():
            return value.isoformat()
        case time():
            return f"{value:%H:%M}"
        case tuple():
            return " and ".join(_condition(part) for part in value)
        case _:
            return str(value)


def _condition(condition: Condition) -> str:
    return f"{condition.field} {_SIGNS[condition.operator]} {condition.value}"


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
