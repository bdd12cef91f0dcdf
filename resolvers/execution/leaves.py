"""Scalars and enums of a response, as the executor coerces them, with a shortcut for the usual class."""

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


class NotPlain(Exception):
    """The result contains an error or needs a resolver: it has to be executed."""


def leaf(type_: GraphQLScalarType | GraphQLEnumType) -> Leaf:
    """Raises NotPlain for a value that the type does not allow."""
    exact = _exact(type_)
    if isinstance(type_, GraphQLEnumType):
        return _enum(type_, exact)
    if (own := AS_THEY_ARE.get(type_.name)) is not None:
        return lambda value: value if value.__class__ is own else exact(value)
    return {GraphQLInt.name: _int, "Decimal": _decimal, "DateTime": _time}.get(type_.name, lambda of: of)(
        exact
    )


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


def _int(exact: Leaf) -> Leaf:
    def completed(value: Any) -> Any:
        if value.__class__ is int and -_INT_LIMIT <= value < _INT_LIMIT:
            return value
        return exact(value)

    return completed


def _decimal(exact: Leaf) -> Leaf:
    return lambda value: plain_text(value) if value.__class__ is Decimal else exact(value)


def _time(exact: Leaf) -> Leaf:
    def completed(value: Any) -> Any:
        if value.__class__ is datetime and value.tzinfo is UTC:
            # As `time_text`, which would convert to UTC first.
            return value.isoformat()[:-6] + "Z"
        return exact(value)

    return completed
