"""The enums of the API, under the names of the domain, with a description of each value.

Each module of this package describes the enums of one subject in `DESCRIPTIONS`. Importing any module of
`resolvers` registers them all, before a type of the schema names one.
"""

from collections.abc import Mapping
from enum import Enum
from importlib import import_module
from pkgutil import iter_modules
from typing import TypeVar

import strawberry

E = TypeVar("E", bound=Enum)


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


for _module in iter_modules(__path__):
    _subject = vars(import_module(f"{__name__}.{_module.name}")).get("DESCRIPTIONS", {})
    for _enum, (_description, _values) in _subject.items():
        register(_enum, _description, _values)
