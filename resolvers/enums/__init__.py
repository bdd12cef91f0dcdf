"""The enums of the API, under the names of the domain, with a description of each value.

Importing any module of `resolvers` registers them all, before a type of the schema names one.
"""

from collections.abc import Mapping
from enum import Enum
from typing import TypeVar

import strawberry

from resolvers.enums import (
    accounts,
    cases,
    control,
    evidence,
    market,
    orders,
    outbound,
    refusals,
    risk_settings,
    sorting,
    stock,
)

E = TypeVar("E", bound=Enum)
_SUBJECTS = (
    accounts,
    cases,
    control,
    evidence,
    market,
    orders,
    outbound,
    refusals,
    risk_settings,
    sorting,
    stock,
)


def register(enum: type[E], description: str, values: Mapping[str, str]) -> type[E]:
    """Make a Python enum an enum of the schema. Every value must have a description."""
    missing = {member.name for member in enum} ^ values.keys()
    assert not missing, (
        f"describe exactly the members of {enum.__name__} in resolvers/enums/: {sorted(missing)}"
    )
    described = strawberry.enum(enum, description=description)
    for value in described.__strawberry_definition__.values:  # type: ignore[attr-defined]
        value.description = values[value.name]
    return described


for _subject in _SUBJECTS:
    for _enum, (_description, _values) in _subject.DESCRIPTIONS.items():
        register(_enum, _description, _values)
