"""Scalars and enums of a response, as the executor coerces them, with a shortcut for the usual class.

A moment in UTC stays a `datetime`: the encoder of the response states it as `time_text` would.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLID,
    GraphQLInt,
    GraphQLScalarType,
    GraphQLString,
    Undefined,
)

from domain.money import plain_text

Leaf = Callable[[Any], Any]
"""A value that is not null to its place in the response."""

_INT_LIMIT = 2**31

AS_THEY_ARE = {GraphQLString.name: str, GraphQLID.name: str, GraphQLBoolean.name: bool}
"""Scalars whose values of this very class are their own place in the response."""
_CONDITIONS = {name: f"{{0}}.__class__ is {own.__name__}" for name, own in AS_THEY_ARE.items()} | {
    GraphQLInt.name: f"{{0}}.__class__ is int and -{_INT_LIMIT} <= {{0}} < {_INT_LIMIT}",
    "DateTime": "{0}.__class__ is datetime and {0}.tzinfo is UTC",
}
NAMES_IN_CONDITIONS = {"datetime": datetime, "UTC": UTC}
"""What the conditions of `plain_if` name."""


class NotPlain(Exception):
    """The result contains an error or needs a resolver: it has to be executed."""


def plain_if(type_: object, value: str) -> str | None:
    """Python's condition under which the value of the expression, which is assigned to `value`, is its own
    place in the response; None if it never is. For generated code: a call for each value would cost three
    times as much.
    """
    condition = _CONDITIONS.get(type_.name) if isinstance(type_, GraphQLScalarType) else None
    if condition is None:
        return None
    return condition.replace("{0}", f"(value := {value})", 1).replace("{0}", "value")


def leaf(type_: GraphQLScalarType | GraphQLEnumType) -> Leaf:
    """Raises NotPlain for a value that the type does not allow."""
    exact = _exact(type_)
    if isinstance(type_, GraphQLEnumType):
        return _enum(type_, exact)
    if (condition := plain_if(type_, "given")) is not None:
        names = NAMES_IN_CONDITIONS | {"exact": exact}
        complete: Leaf = eval(f"lambda given: value if {condition} else exact(value)", names)
        return complete
    return _decimal(exact) if type_.name == "Decimal" else exact


def _exact(type_: GraphQLScalarType | GraphQLEnumType) -> Leaf:
    coerce = type_.coerce_output_value

    def completed(value: Any) -> Any:
        result = coerce(value)
        if result is None or result is Undefined:
            raise NotPlain
        return result

    return completed


def _enum(type_: GraphQLEnumType, exact: Leaf) -> Leaf:
    """Each member of the Python enum is coerced once."""
    own = getattr(type_, "wrapped_cls", None)
    if own is None:
        return exact
    names = {member: exact(member) for member in own}
    return lambda value: names[value] if value.__class__ is own else exact(value)


def _decimal(exact: Leaf) -> Leaf:
    return lambda value: plain_text(value) if value.__class__ is Decimal else exact(value)
