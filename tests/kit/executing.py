"""The executor of the schema with the limits that a desk has by default."""

from gateway.http.limits import document_limits
from gateway.settings import load_settings
from resolvers.execution.executor import Executor
from resolvers.schema import build_schema

LIMITS = document_limits(load_settings())
SCHEMA = build_schema()._schema


def executor(*, introspection: bool = True) -> Executor:
    """One with a memory of its own."""
    return Executor(SCHEMA, LIMITS, introspection=introspection)
