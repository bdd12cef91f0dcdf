"""Sentences that refuse the value of a setting: its name, what is allowed, and the value unless secret."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

_ALLOWED = {
    "int_parsing": "an integer",
    "int_from_float": "an integer",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "decimal_parsing": "a decimal number",
    "bool_parsing": "true or false",
    "enum": "{expected}",
    "greater_than": "above {gt:.12g}",
    "greater_than_equal": "at least {ge:.12g}",
    "less_than": "below {lt:.12g}",
    "less_than_equal": "at most {le:.12g}",
    "too_short": "a list with at least {min_length} item, separated by commas",
    "string_pattern_mismatch": "of the form {pattern}",
    "value_error": "{error}",
}
"""What a value has to be, by pydantic's type of the error."""
VALUE_CHARACTERS_MAX = 60


def sentences(faults: Iterable[Mapping[str, Any]], secret: Iterable[str], prefix: str) -> Iterator[str]:
    """One sentence for each fault that pydantic has found; values of `secret` fields are left out."""
    known = list(faults)
    malformed = {fault["loc"][0] for fault in known if fault["type"] != "too_short"}
    for fault in known:
        field = str(fault["loc"][0])
        if fault["type"] == "default_factory_not_called":
            continue
        if fault["type"] == "too_short" and field in malformed:
            # Items that cannot be read are missing from the list: their own sentences say so.
            continue
        name = f"{prefix}{field.upper()}"
        if (allowed := _ALLOWED.get(fault["type"])) is None:
            yield f"{name}: {fault['msg']}."
            continue
        value = "" if field in secret else f", not {str(fault['input'])[:VALUE_CHARACTERS_MAX]!r}"
        yield f"{name} must be {allowed.format(**fault.get('ctx', {}))}{value}."
