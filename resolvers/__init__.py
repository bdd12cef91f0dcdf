"""The GraphQL schema: names, arguments and mapping. No rules and no SQL."""

# Registers the enums of the domain before any type that uses them is created.
import resolvers.enums as enums

__all__ = ["enums"]
